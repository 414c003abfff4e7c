"""Stores which admins' uploads are being kept, for a restart loses them."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_text, as_time


class InboxTable(CatalogueTable):
    """A row of meta."""

    @writing
    async def set_collecting(self, admin_ids: Collection[int]) -> None:
        """Remember whose files are being kept now."""
        noted = {"at": as_text(self._db.clock()), "admins": sorted(set(admin_ids))}
        await self._db.set_meta("collecting", json.dumps(noted))

    @reading
    async def was_collecting(self) -> tuple[frozenset[int], datetime | None]:
        """Return whose files were being kept when that was last remembered, and when it was."""
        noted = await self._db.meta(json.loads, "collecting")
        return (frozenset(), None) if noted is None else (frozenset(noted["admins"]), as_time(noted["at"]))
