"""Says in SQL which backups can be had although their own archive is not sound on the disk."""

from __future__ import annotations

from bot.services.catalogue.deliveries import WHOLE
from bot.services.catalogue.restore_points import IN_TELEGRAM

RECEIVED = f"""deliveries.backup_id IN (backups.id, backups.same_as) AND {WHOLE} AND deliveries.reason = ''"""
"""Of a row of deliveries beside one of backups: this recipient has it, or the same databases, whole."""

TWIN = """EXISTS (
    SELECT 1 FROM backups AS twin WHERE twin.id = backups.same_as AND twin.on_disk = 1 AND twin.fault = ''
)"""
"""Another archive, sound on the disk, holds the same databases byte for byte."""

TELEGRAM = f"(backups.id IN (SELECT id FROM ({IN_TELEGRAM})) OR backups.same_as IN (SELECT id FROM ({IN_TELEGRAM})))"

ELSEWHERE = f"({TWIN} OR EXISTS (SELECT 1 FROM deliveries WHERE {RECEIVED}) OR {TELEGRAM})"
