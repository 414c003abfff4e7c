"""Backups looked up by what an archive or a file of it is, not by what it is called."""

from __future__ import annotations

from bot.models import Backup
from bot.services.catalogue.backup_rows import BackupRows
from bot.services.catalogue.connection import reading


class ArchiveLookup(BackupRows):
    """Reads the rows of backups and volumes."""

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
