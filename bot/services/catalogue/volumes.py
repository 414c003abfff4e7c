"""Stores what a backup was cut into, and the file_ids that save an upload."""

from __future__ import annotations

from bot.models import Backup
from bot.services.catalogue.backup_rows import BackupRows
from bot.services.catalogue.connection import reading, writing


class VolumeTable(BackupRows):
    """The rows of volumes."""

    @reading
    async def cut_of(self, backup_id: int) -> int | None:
        """Return the bytes of the volumes that a backup was first cut into; None while none of it was sent."""
        found = await self._db.value(int, "SELECT bytes FROM volumes WHERE backup_id = ? AND number = 1", backup_id)
        return found or None

    @reading
    async def file_id(self, backup_id: int, number: int) -> str | None:
        """Return Telegram's id of a volume that was uploaded before, None when there is none."""
        return await self._db.value(
            str, "SELECT file_id FROM volumes WHERE backup_id = ? AND number = ?", backup_id, number
        )

    @writing
    async def set_file_id(self, backup_id: int, number: int, file_id: str | None, bytes: int, sha256: str = "") -> None:
        """Record a volume's file id, or with None that it has none any more. Raises NotFoundError."""
        await self._require(backup_id)
        await self._db.upsert(
            "volumes",
            "backup_id, number",
            backup_id=backup_id,
            number=number,
            file_id=file_id,
            bytes=bytes,
            sha256=sha256,
        )

    @reading
    async def backup_with_file(self, file_id: str) -> Backup | None:
        """Return the backup of which Telegram knows a volume by this file_id; None: unknown."""
        return await self._first(
            "SELECT backup_id FROM volumes WHERE file_id = ? ORDER BY backup_id DESC LIMIT 1", file_id
        )
