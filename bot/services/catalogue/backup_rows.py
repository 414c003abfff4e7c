"""Reads and writes the rows of backups for several tables, in the transaction of the caller."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from bot.errors import NotFoundError
from bot.models import BackedUp, Backup, BackupState, SkippedRecord, Trigger
from bot.services.catalogue.connection import CatalogueConnection
from bot.services.catalogue.newest import ahead_from
from bot.services.catalogue.values import FACTS, as_backed_up, as_backup, as_facts, as_skipped, as_text

# What was copied before a restore is what somebody wanted to get rid of: it is kept, and no good backup of anything.
ORDINARY = "trigger <> 'safety'"
# A sealed archive that was found and that nobody here can open is kept, and was no run of ours.
A_RUN = "(archive_sha256 <> '' OR sealed = '')"

BY_TIME = "ORDER BY started_at DESC, id DESC"


async def supersede(db: CatalogueConnection, backup_id: int, reason: str) -> None:
    await db.execute(
        "UPDATE deliveries SET state = 'superseded', next_try_at = NULL, reason = ?"
        " WHERE backup_id = ? AND state IN ('pending', 'sending', 'parked')",
        (reason, backup_id),
    )


async def begin(db: CatalogueConnection, trigger: Trigger, requested_by: str, started_at: datetime) -> int:
    return await db.insert(
        "INSERT INTO backups (started_at, trigger, requested_by, state) VALUES (?, ?, ?, 'running')",
        (as_text(started_at), str(trigger), requested_by),
    )


async def finish(
    db: CatalogueConnection,
    backup_id: int,
    *,
    state: BackupState,
    finished_at: datetime,
    archive: tuple[str, int, str],
    databases: Sequence[BackedUp],
    skipped: Sequence[SkippedRecord],
    error: tuple[str, str],
    sealed: str = "",
) -> None:
    if archive[0]:
        await own_name(db, backup_id, archive[0])
    changed = await db.execute(
        "UPDATE backups SET state = ?, finished_at = ?, archive_name = ?, archive_bytes = ?, archive_sha256 = ?,"
        " on_disk = ?, error_code = ?, error = ?, sealed = ?, fault = '', faulty_file = '' WHERE id = ?",
        (str(state), as_text(finished_at), *archive, int(bool(archive[0])), *error, sealed, backup_id),
    )
    if not changed:
        raise _no_backup(backup_id)
    await db.execute("DELETE FROM backed_up WHERE backup_id = ?", (backup_id,))
    await db.execute("DELETE FROM skipped WHERE backup_id = ?", (backup_id,))
    for position, database in enumerate(databases):
        await db.execute(
            f"INSERT INTO backed_up (backup_id, position, {', '.join(FACTS)}) VALUES (?, ?{', ?' * len(FACTS)})",
            (backup_id, position, *as_facts(database)),
        )
    for position, record in enumerate(skipped):
        await db.execute(
            "INSERT INTO skipped (backup_id, position, name, path, reason, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (backup_id, position, record.name, record.path, str(record.reason), record.detail),
        )


async def own_name(db: CatalogueConnection, backup_id: int, archive_name: str) -> None:
    # The file is this backup's now; an older one of the same name (a clock set back) was removed behind our back.
    await db.execute(
        "UPDATE backups SET on_disk = 0 WHERE archive_name = ? AND on_disk = 1 AND id <> ?",
        (archive_name, backup_id),
    )


async def change(db: CatalogueConnection, backup_id: int, column: str, value: object) -> None:
    if not await db.execute(f"UPDATE backups SET {column} = ? WHERE id = ?", (value, backup_id)):
        raise _no_backup(backup_id)


def soon(db: CatalogueConnection) -> str:
    """The parameter of `NEWEST_FIRST_SQL`."""
    return as_text(ahead_from(db.clock()))


async def read_backup(db: CatalogueConnection, backup_id: int) -> Backup:
    found = await read_backups(db, [backup_id])
    if not found:
        raise _no_backup(backup_id)
    return found[0]


async def read_backups(db: CatalogueConnection, ids: Sequence[int]) -> tuple[Backup, ...]:
    """Return the backups of some ids, newest first, in three statements however many there are."""
    wanted = (json.dumps(list(set(ids))),)
    among = "(SELECT value FROM json_each(?))"
    databases: dict[int, list[BackedUp]] = {}
    for row in await db.rows(f"SELECT * FROM backed_up WHERE backup_id IN {among} ORDER BY position", wanted):
        databases.setdefault(row["backup_id"], []).append(as_backed_up(row))
    skipped: dict[int, list[SkippedRecord]] = {}
    for row in await db.rows(f"SELECT * FROM skipped WHERE backup_id IN {among} ORDER BY position", wanted):
        skipped.setdefault(row["backup_id"], []).append(as_skipped(row))
    return tuple(
        as_backup(row, tuple(databases.get(row["id"], ())), tuple(skipped.get(row["id"], ())))
        for row in await db.rows(f"SELECT * FROM backups WHERE id IN {among} {BY_TIME}", wanted)
    )


def _no_backup(backup_id: int) -> NotFoundError:
    return NotFoundError(f"There is no backup {backup_id}.", hint="The list of backups shows ids and names.")


async def require(db: CatalogueConnection, backup_id: int) -> None:
    if await db.value("SELECT 1 FROM backups WHERE id = ?", (backup_id,)) is None:
        message = f"There is no backup {backup_id}."
        raise NotFoundError(message)
