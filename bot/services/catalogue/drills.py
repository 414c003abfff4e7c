"""Stores test-restores in the catalogue."""

from __future__ import annotations

from datetime import timedelta

from bot.models import Drill, DrillSource
from bot.services.catalogue.backup_rows import BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.values import columns_of

ONE_ROUND = timedelta(hours=12)
"""Longer than the test-restores of one round take, and shorter than the time between two rounds by DRILL_SCHEDULE."""


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
    async def recent(self, limit: int) -> tuple[Drill, ...]:
        """Return the newest test-restores of all backups, newest first."""
        return await self._db.models(Drill, "SELECT * FROM drills ORDER BY id DESC LIMIT ?", limit)

    @reading
    async def last(self, *, ok_only: bool = False) -> Drill | None:
        """Return the newest test-restore, or the newest that opened the archive and succeeded.

        After what Telegram or the disk holds, what the object stores hold is test-restored: in one such round, a
        failure is not passed over for the success that came after it.
        """
        if ok_only:
            return await self._db.model(
                Drill, "SELECT * FROM drills WHERE ok = 1 AND opened = 1 ORDER BY id DESC LIMIT 1"
            )
        newest = await self._db.models(
            Drill,
            "SELECT * FROM drills WHERE id IN (SELECT max(id) FROM drills GROUP BY source = ?) ORDER BY id DESC",
            DrillSource.OBJECTS,
        )
        failed = [drill for drill in newest if not drill.ok and newest[0].at - drill.at < ONE_ROUND]
        return next(iter((*failed, *newest)), None)
