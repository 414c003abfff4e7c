"""Reads and writes the rows of backups for several tables, in the transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter

from bot.errors import NotFoundError
from bot.models import BackedUp, Backup, BackupState, DeliveryReason, Reason, SkippedRecord, Trigger
from bot.services.catalogue.connection import CatalogueTable
from bot.services.catalogue.newest import ahead_from
from bot.services.catalogue.values import columns_of, from_row

# What was copied before a restore is what somebody wanted to get rid of: it is kept, and no good backup of anything.
ORDINARY = "trigger <> 'safety'"
# A sealed archive that was found and that nobody here can open is kept, and was no run of ours.
A_RUN = "(archive_sha256 <> '' OR sealed = '')"

BY_TIME = "ORDER BY started_at DESC, id DESC"

OWED = "state IN ('pending', 'sending', 'parked')"

AMONG = "IN (SELECT value FROM json_each(?))"
"""Its parameter is a collection."""

_NOTHING = {"archive_name": "", "archive_bytes": 0, "archive_sha256": "", "sealed": "", "error_code": "", "error": ""}


def _no_backup(backup_id: int) -> NotFoundError:
    return NotFoundError(f"There is no backup {backup_id}.", hint="The list of backups shows ids and names.")


class BackupRows(CatalogueTable):
    """What several tables need of the rows of backups, backed_up and skipped, in the transaction of the caller."""

    @property
    def _soon(self) -> datetime:
        """The parameter of `NEWEST_FIRST_SQL`."""
        return ahead_from(self._db.clock())

    async def _supersede(self, backup_id: int, reason: DeliveryReason) -> None:
        await self._db.execute(
            "UPDATE deliveries SET state = 'superseded', next_try_at = NULL, reason = ?"
            f" WHERE backup_id = ? AND {OWED}",
            Reason(reason),
            backup_id,
        )

    async def _begin(self, trigger: Trigger, requested_by: str, started_at: datetime) -> int:
        return await self._db.insert(
            "backups", started_at=started_at, trigger=trigger, requested_by=requested_by, state=BackupState.RUNNING
        )

    async def _finish(
        self,
        backup_id: int,
        databases: Sequence[BackedUp],
        skipped: Sequence[SkippedRecord],
        *,
        on_disk: bool,
        **columns: object,
    ) -> None:
        """Record what a run holds, and in the columns of its row what it came to. Raises NotFoundError."""
        if on_disk:
            await self._own_name(backup_id, columns["archive_name"])
        await self._change(backup_id, on_disk=on_disk, fault="", faulty_file="", **(_NOTHING | columns))
        for table, records in (("backed_up", databases), ("skipped", skipped)):
            await self._db.execute(f"DELETE FROM {table} WHERE backup_id = ?", backup_id)
            for position, record in enumerate(records):
                await self._db.insert(table, backup_id=backup_id, position=position, **columns_of(record))

    async def _own_name(self, backup_id: int, archive_name: object) -> None:
        # The file is this backup's now; an older one of the same name (a clock set back) was removed behind our back.
        await self._db.execute(
            "UPDATE backups SET on_disk = 0 WHERE archive_name = ? AND on_disk = 1 AND id <> ?", archive_name, backup_id
        )

    async def _change(self, backup_id: int, **columns: object) -> None:
        """Change some columns of a backup. Raises NotFoundError."""
        changes = ", ".join(f"{column} = ?" for column in columns)
        if not await self._db.execute(f"UPDATE backups SET {changes} WHERE id = ?", *columns.values(), backup_id):
            raise _no_backup(backup_id)

    async def _backup(self, backup_id: int) -> Backup:
        """Raises NotFoundError."""
        found = await self._backups([backup_id])
        if not found:
            raise _no_backup(backup_id)
        return found[0]

    async def _first(self, sql: str, *parameters: object) -> Backup | None:
        """Return the backup whose id a statement selects first."""
        found = await self._db.value(int, sql, *parameters)
        return None if found is None else await self._backup(found)

    async def _select(self, sql: str, *parameters: object) -> tuple[Backup, ...]:
        """Return the backups whose ids a statement selects, newest first."""
        return await self._backups(await self._db.column(sql, *parameters))

    async def _backups(self, ids: Iterable[int]) -> tuple[Backup, ...]:
        """Return the backups of some ids, newest first, in three statements however many there are."""
        wanted = set(ids)
        of, where = itemgetter("backup_id"), f"WHERE backup_id {AMONG} ORDER BY position"
        databases = await self._db.grouped(BackedUp, of, f"SELECT * FROM backed_up {where}", wanted)
        skipped = await self._db.grouped(SkippedRecord, of, f"SELECT * FROM skipped {where}", wanted)
        return tuple(
            from_row(Backup, row, databases=databases[row["id"]], skipped=skipped[row["id"]])
            for row in await self._db.rows(f"SELECT * FROM backups WHERE id {AMONG} {BY_TIME}", wanted)
        )

    async def _backups_by_id(self, ids: Iterable[int]) -> dict[int, Backup]:
        return {backup.id: backup for backup in await self._backups(ids)}

    async def _require(self, backup_id: int) -> None:
        """Raises NotFoundError."""
        if await self._db.value(int, "SELECT 1 FROM backups WHERE id = ?", backup_id) is None:
            raise _no_backup(backup_id)
