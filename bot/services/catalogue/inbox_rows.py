"""Stores what the inbox needs: backups found by the hash of a file, and uploads that a restart has interrupted."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from bot.models import Backup
from bot.services.catalogue.backup_rows import BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.values import as_text, as_time


class InboxRows(BackupRows):
    """Reads the rows of backups and volumes, and keeps one of meta."""

    @reading
    async def backup_with_sha256(self, sha256: str) -> Backup | None:
        """Return the backup whose archive has this SHA-256, one on the disk before one that is not; None: unknown."""
        found = await self.value(
            "SELECT id FROM backups WHERE archive_sha256 = ? AND archive_sha256 <> '' ORDER BY on_disk DESC, id DESC",
            (sha256,),
        )
        return None if found is None else await self._backup(int(found))

    @reading
    async def backup_with_file(self, file_id: str) -> Backup | None:
        """Return the backup of which Telegram knows a volume by this file_id; None: unknown."""
        found = await self.value("SELECT backup_id FROM volumes WHERE file_id = ? ORDER BY backup_id DESC", (file_id,))
        return None if found is None else await self._backup(int(found))

    @writing
    async def set_collecting(self, admin_ids: Collection[int]) -> None:
        """Remember whose files are being kept now."""
        noted = json.dumps({"at": as_text(self.clock()), "admins": sorted(set(admin_ids))})
        await self.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('collecting', ?)", (noted,))

    @reading
    async def was_collecting(self) -> tuple[frozenset[int], datetime | None]:
        """Return whose files were being kept when that was last remembered, and when it was."""
        noted = await self.value("SELECT value FROM meta WHERE key = 'collecting'")
        if noted is None:
            return frozenset(), None
        found = json.loads(str(noted))
        return frozenset(found["admins"]), as_time(found["at"])
