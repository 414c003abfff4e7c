"""Stores what a backup was cut into, and the file_ids that save an upload."""

from __future__ import annotations

from bot.models import Backup
from bot.services.catalogue.backup_rows import read_backup, require
from bot.services.catalogue.connection import CatalogueTable, reading, writing


class VolumeTable(CatalogueTable):
    """The rows of volumes."""

    @reading
    async def cut_of(self, backup_id: int) -> int | None:
        """Return the bytes of the volumes that a backup was first cut into; None while none of it was sent."""
        found = await self._db.value("SELECT bytes FROM volumes WHERE backup_id = ? AND number = 1", (backup_id,))
        return int(found) if found else None

    @reading
    async def file_id(self, backup_id: int, number: int) -> str | None:
        """Return Telegram's id of a volume that was uploaded before, None when there is none."""
        found = await self._db.value(
            "SELECT file_id FROM volumes WHERE backup_id = ? AND number = ?", (backup_id, number)
        )
        return None if found is None else str(found)

    @writing
    async def set_file_id(self, backup_id: int, number: int, file_id: str | None, bytes: int, sha256: str = "") -> None:
        """Record a volume's file id, or with None that it has none any more. Raises NotFoundError."""
        await require(self._db, backup_id)
        await self._db.execute(
            "INSERT INTO volumes (backup_id, number, file_id, bytes, sha256) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (backup_id, number) DO UPDATE"
            " SET file_id = excluded.file_id, bytes = excluded.bytes, sha256 = excluded.sha256",
            (backup_id, number, file_id, bytes, sha256),
        )

    @reading
    async def file_ids(self, backup_id: int) -> dict[int, str]:
        """Return the file ids of a backup's volumes by number; a volume without one is left out."""
        rows = await self._db.rows(
            "SELECT number, file_id FROM volumes WHERE backup_id = ? AND file_id IS NOT NULL ORDER BY number",
            (backup_id,),
        )
        return {row["number"]: row["file_id"] for row in rows}

    @reading
    async def backup_with_file(self, file_id: str) -> Backup | None:
        """Return the backup of which Telegram knows a volume by this file_id; None: unknown."""
        found = await self._db.value(
            "SELECT backup_id FROM volumes WHERE file_id = ? ORDER BY backup_id DESC", (file_id,)
        )
        return None if found is None else await read_backup(self._db, int(found))
