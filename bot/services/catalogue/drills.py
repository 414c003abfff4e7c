"""Stores test-restores in the catalogue."""

from __future__ import annotations

from bot.models import Drill
from bot.services.catalogue.backup_rows import BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.values import columns_of


class DrillTable(BackupRows):
    """The rows of drills."""

    @writing
    async def record(self, drill: Drill) -> None:
        """Raises NotFoundError when there is no such backup."""
        await self._require(drill.backup_id)
        await self._db.insert("drills", **columns_of(drill))

    @reading
    async def of(self, backup_id: int) -> tuple[Drill, ...]:
        """Return the test-restores of one backup, newest first."""
        return await self._db.models(Drill, "SELECT * FROM drills WHERE backup_id = ? ORDER BY id DESC", backup_id)

    @reading
    async def last(self, *, ok_only: bool = False) -> Drill | None:
        """Return the newest test-restore, or the newest that opened the archive and succeeded."""
        which = "WHERE ok = 1 AND opened = 1" if ok_only else ""
        return await self._db.model(Drill, f"SELECT * FROM drills {which} ORDER BY id DESC LIMIT 1")
