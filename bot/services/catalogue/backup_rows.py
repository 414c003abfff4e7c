"""Reads and writes the rows of backups for several tables, in the transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter

from bot.errors import NotFoundError
from bot.models import Archive, BackedUp, Backup, BackupState, SkippedRecord, Trigger
from bot.services.catalogue.connection import CatalogueConnection
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


async def supersede(db: CatalogueConnection, backup_id: int, reason: str) -> None:
    await db.execute(
        f"UPDATE deliveries SET state = 'superseded', next_try_at = NULL, reason = ? WHERE backup_id = ? AND {OWED}",
        reason,
        backup_id,
    )


async def begin(db: CatalogueConnection, trigger: Trigger, requested_by: str, started_at: datetime) -> int:
    return await db.insert(
        "backups", started_at=started_at, trigger=trigger, requested_by=requested_by, state=BackupState.RUNNING
    )


async def finish(
    db: CatalogueConnection,
    backup_id: int,
    databases: Sequence[BackedUp],
    skipped: Sequence[SkippedRecord],
    *,
    on_disk: bool,
    **columns: object,
) -> None:
    """Record what a run holds, and in the columns of its row what it came to. Raises NotFoundError."""
    if on_disk:
        await own_name(db, backup_id, columns["archive_name"])
    await change(db, backup_id, on_disk=on_disk, fault="", faulty_file="", **(_NOTHING | columns))
    for table, records in (("backed_up", databases), ("skipped", skipped)):
        await db.execute(f"DELETE FROM {table} WHERE backup_id = ?", backup_id)
        for position, record in enumerate(records):
            await db.insert(table, backup_id=backup_id, position=position, **columns_of(record))


def archive_columns(archive: Archive) -> dict[str, object]:
    return {
        "archive_name": archive.path.name,
        "archive_bytes": archive.bytes,
        "archive_sha256": archive.sha256,
        "sealed": archive.sealed,
    }


async def own_name(db: CatalogueConnection, backup_id: int, archive_name: object) -> None:
    # The file is this backup's now; an older one of the same name (a clock set back) was removed behind our back.
    await db.execute(
        "UPDATE backups SET on_disk = 0 WHERE archive_name = ? AND on_disk = 1 AND id <> ?", archive_name, backup_id
    )


async def change(db: CatalogueConnection, backup_id: int, **columns: object) -> None:
    """Change some columns of a backup. Raises NotFoundError."""
    changes = ", ".join(f"{column} = ?" for column in columns)
    if not await db.execute(f"UPDATE backups SET {changes} WHERE id = ?", *columns.values(), backup_id):
        raise _no_backup(backup_id)


def soon(db: CatalogueConnection) -> datetime:
    """The parameter of `NEWEST_FIRST_SQL`."""
    return ahead_from(db.clock())


async def read_backup(db: CatalogueConnection, backup_id: int) -> Backup:
    """Raises NotFoundError."""
    found = await read_backups(db, [backup_id])
    if not found:
        raise _no_backup(backup_id)
    return found[0]


async def first_backup(db: CatalogueConnection, sql: str, *parameters: object) -> Backup | None:
    """Return the backup whose id a statement selects first."""
    found = await db.value(int, sql, *parameters)
    return None if found is None else await read_backup(db, found)


async def select_backups(db: CatalogueConnection, sql: str, *parameters: object) -> tuple[Backup, ...]:
    """Return the backups whose ids a statement selects, newest first."""
    return await read_backups(db, await db.column(sql, *parameters))


async def read_backups(db: CatalogueConnection, ids: Iterable[int]) -> tuple[Backup, ...]:
    """Return the backups of some ids, newest first, in three statements however many there are."""
    wanted = set(ids)
    of, where = itemgetter("backup_id"), f"WHERE backup_id {AMONG} ORDER BY position"
    databases = await db.grouped(BackedUp, of, f"SELECT * FROM backed_up {where}", wanted)
    skipped = await db.grouped(SkippedRecord, of, f"SELECT * FROM skipped {where}", wanted)
    return tuple(
        from_row(Backup, row, databases=databases[row["id"]], skipped=skipped[row["id"]])
        for row in await db.rows(f"SELECT * FROM backups WHERE id {AMONG} {BY_TIME}", wanted)
    )


async def backups_by_id(db: CatalogueConnection, ids: Iterable[int]) -> dict[int, Backup]:
    return {backup.id: backup for backup in await read_backups(db, ids)}


async def require(db: CatalogueConnection, backup_id: int) -> None:
    """Raises NotFoundError."""
    if await db.value(int, "SELECT 1 FROM backups WHERE id = ?", backup_id) is None:
        raise _no_backup(backup_id)


def _no_backup(backup_id: int) -> NotFoundError:
    return NotFoundError(f"There is no backup {backup_id}.", hint="The list of backups shows ids and names.")
