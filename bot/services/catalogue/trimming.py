"""Deletes old runs and audit entries that nothing else in the catalogue needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.services.catalogue.backup_rows import AMONG, BY_TIME, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.deliveries import WHOLE
from bot.services.catalogue.newest import NEWEST_FIRST_SQL
from bot.services.catalogue.restore_points import IN_TELEGRAM
from bot.services.catalogue.values import as_time

# What a person keeps, what is on the disk, and what is under way.
_FREE = "on_disk = 0 AND pinned = 0 AND note = '' AND state <> 'running'"

_RULE = NEWEST_FIRST_SQL.replace("?", "?3")

_NEEDED = f"""
    SELECT id FROM ({IN_TELEGRAM}) WHERE place <= ?2 OR last_of_day = 1
    UNION SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY name ORDER BY {_RULE}) AS newest
        FROM ({IN_TELEGRAM}) JOIN backed_up ON backup_id = id
    ) WHERE newest = 1
    UNION SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY name ORDER BY {_RULE}) AS newest
        FROM backed_up JOIN backups ON id = backup_id WHERE archive_sha256 <> '' AND trigger <> 'safety'
    ) WHERE newest = 1
    UNION SELECT id FROM (
        SELECT id FROM backups WHERE trigger <> 'safety' ORDER BY {_RULE} LIMIT 1
    )
    UNION SELECT same_as FROM backups WHERE same_as IS NOT NULL AND started_at >= ?1
    UNION SELECT backup_id FROM (
        SELECT backup_id, row_number() OVER (PARTITION BY address ORDER BY {_RULE}) AS newest
        FROM deliveries JOIN backups ON id = backup_id WHERE {WHOLE}
    ) WHERE newest = 1
    UNION SELECT backup_id FROM (SELECT backup_id FROM drills ORDER BY id DESC LIMIT 1)
    UNION SELECT backup_id FROM (SELECT backup_id FROM drills WHERE ok = 1 AND opened = 1 ORDER BY id DESC LIMIT 1)
"""


class TrimTable(BackupRows):
    """Deletes rows of backups, with all that belongs to them, and of audit."""

    @reading
    async def time_of_run(self, place: int) -> datetime | None:
        """Return when the newest run but so many began; None where there are not as many."""
        return await self._db.value(as_time, f"SELECT started_at FROM backups {BY_TIME} LIMIT 1 OFFSET ?", place)

    @reading
    async def forgettable(self, before: datetime, *, recent: int) -> tuple[int, ...]:
        """Return the ids of runs begun before an instant that nothing needs any more, oldest first.

        What stays whatever its age: archives on the disk, what is pinned or has a note; restore points, of those older
        than the newest `recent` the last of each day; the newest of each database, and the newest run; what each
        recipient has received last; what a younger run is the same as; what the newest test-restores were of.
        """
        ids = await self._db.column(
            f"SELECT id FROM backups WHERE started_at < ?1 AND {_FREE} AND id NOT IN ({_NEEDED})"
            " ORDER BY started_at, id",
            before,
            recent,
            self._soon,
        )
        return tuple(ids)

    @writing
    async def forget_backups(self, ids: Sequence[int]) -> int:
        """Forget some runs for good, with all that is recorded of them; return how many. No file is touched."""
        return await self._db.execute(f"DELETE FROM backups WHERE id {AMONG} AND {_FREE}", ids)

    @writing
    async def forget_audits(self, before: datetime, *, most: int) -> int:
        """Forget what admins did before an instant, and all but the newest `most` actions; return how many."""
        return await self._db.execute(
            "DELETE FROM audit WHERE at < ? OR id NOT IN (SELECT id FROM audit ORDER BY id DESC LIMIT ?)", before, most
        )
