"""Stores backups in the catalogue: the outcome of each run and the databases it holds."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from bot.errors import NotFoundError
from bot.models import BackedUp, Backup, BackupState, SkippedRecord, Trigger
from bot.services.catalogue.connection import CatalogueRows, reading, writing
from bot.services.catalogue.newest import ahead_from
from bot.services.catalogue.values import FACTS, as_backed_up, as_backup, as_facts, as_skipped, as_text

ALL = -1
"""The limit that returns every backup."""

# What was copied before a restore is what somebody wanted to get rid of: it is kept, and no good backup of anything.
ORDINARY = "trigger <> 'safety'"
# A sealed archive that was found and that nobody here can open is kept, and was no run of ours.
A_RUN = "(archive_sha256 <> '' OR sealed = '')"

BY_TIME = "ORDER BY started_at DESC, id DESC"


class BackupRows(CatalogueRows):
    """The rows of backups, backed_up and skipped."""

    @writing
    async def begin_backup(self, *, trigger: Trigger, requested_by: str, started_at: datetime) -> int:
        """Record a run as running; return its id. Ids are never used twice."""
        return await self._begin(trigger, requested_by, started_at)

    @writing
    async def finish_backup(
        self,
        backup_id: int,
        *,
        state: BackupState,
        finished_at: datetime,
        archive_name: str = "",
        archive_bytes: int = 0,
        archive_sha256: str = "",
        sealed: str = "",
        databases: Sequence[BackedUp] = (),
        skipped: Sequence[SkippedRecord] = (),
        error_code: str = "",
        error: str = "",
    ) -> Backup:
        """Record what a run came to; with an archive name, the archive is on disk. Raises NotFoundError."""
        await self._finish(
            backup_id,
            state=state,
            finished_at=finished_at,
            archive=(archive_name, archive_bytes, archive_sha256),
            sealed=sealed,
            databases=databases,
            skipped=skipped,
            error=(error_code, error),
        )
        return await self._backup(backup_id)

    @writing
    async def set_state(self, backup_id: int, state: BackupState) -> None:
        """Raises NotFoundError."""
        await self._change(backup_id, "state", str(state))

    @writing
    async def set_pinned(self, backup_id: int, pinned: bool) -> None:
        """Keep a backup for good, or no longer. Raises NotFoundError."""
        await self._change(backup_id, "pinned", int(pinned))

    @writing
    async def set_note(self, backup_id: int, note: str) -> None:
        """Raises NotFoundError."""
        await self._change(backup_id, "note", note)

    @writing
    async def mark_deleted(self, backup_id: int) -> None:
        """Record that we deleted the archive from the disk; what was owed of it is superseded. Raises NotFoundError."""
        await self._change(backup_id, "on_disk", 0)
        await self.execute("UPDATE backups SET fault = '', faulty_file = '' WHERE id = ?", (backup_id,))
        await self._supersede(backup_id, "the archive was deleted before it could be sent")

    @writing
    async def mark_interrupted(self) -> tuple[Backup, ...]:
        """Mark every run that is still recorded as running as interrupted now; return them, newest first.

        To be called at a start, with the lock of the runs held: whoever was running is gone.
        """
        rows = await self.rows(f"SELECT id FROM backups WHERE state = 'running' {BY_TIME}")
        await self.execute(
            "UPDATE backups SET state = 'interrupted', finished_at = ?,"
            " error = 'the run was cut off: the process or the machine stopped' WHERE state = 'running'",
            (as_text(self.clock()),),
        )
        return await self._backups([row["id"] for row in rows])

    @reading
    async def backup(self, backup_id: int) -> Backup:
        """Return a backup by id. Raises NotFoundError."""
        return await self._backup(backup_id)

    @reading
    async def backups(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        on_disk_only: bool = False,
        gone_too: bool = False,
        proven_only: bool = False,
    ) -> tuple[Backup, ...]:
        """Return backups by the time they are dated, youngest first; a negative limit returns all.

        With `gone_too`, of those not on disk the ones that should be.
        """
        where = _filter(on_disk_only, proven_only, gone_too)
        rows = await self.rows(f"SELECT id FROM backups {where} {BY_TIME} LIMIT ? OFFSET ?", (limit, offset))
        return await self._backups([row["id"] for row in rows])

    @reading
    async def count_backups(self, *, on_disk_only: bool = False, proven_only: bool = False) -> int:
        return int(await self.value(f"SELECT count(*) FROM backups {_filter(on_disk_only, proven_only)}"))

    @reading
    async def success_since(self, since: datetime) -> tuple[int, int]:
        """Return (ok, total) of the runs that started since then and ended; ok is one proven with every database in it.

        Who has received it is another question: an admin who never presses Start makes no run a failure. Safety copies
        before a restore are no runs.
        """
        row = await self.row(
            "SELECT coalesce(sum(archive_sha256 <> '' AND NOT EXISTS"
            " (SELECT 1 FROM skipped WHERE skipped.backup_id = backups.id)), 0), count(*) FROM backups"
            f" WHERE started_at >= ? AND state <> 'running' AND {ORDINARY} AND {A_RUN}",
            (as_text(since),),
        )
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    async def _supersede(self, backup_id: int, reason: str) -> None:
        await self.execute(
            "UPDATE deliveries SET state = 'superseded', next_try_at = NULL, reason = ?"
            " WHERE backup_id = ? AND state IN ('pending', 'sending', 'parked')",
            (reason, backup_id),
        )

    async def _begin(self, trigger: Trigger, requested_by: str, started_at: datetime) -> int:
        return await self.insert(
            "INSERT INTO backups (started_at, trigger, requested_by, state) VALUES (?, ?, ?, 'running')",
            (as_text(started_at), str(trigger), requested_by),
        )

    async def _finish(
        self,
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
            await self._own_name(backup_id, archive[0])
        changed = await self.execute(
            "UPDATE backups SET state = ?, finished_at = ?, archive_name = ?, archive_bytes = ?, archive_sha256 = ?,"
            " on_disk = ?, error_code = ?, error = ?, sealed = ?, fault = '', faulty_file = '' WHERE id = ?",
            (str(state), as_text(finished_at), *archive, int(bool(archive[0])), *error, sealed, backup_id),
        )
        if not changed:
            raise _no_backup(backup_id)
        await self.execute("DELETE FROM backed_up WHERE backup_id = ?", (backup_id,))
        await self.execute("DELETE FROM skipped WHERE backup_id = ?", (backup_id,))
        for position, database in enumerate(databases):
            await self.execute(
                f"INSERT INTO backed_up (backup_id, position, {', '.join(FACTS)}) VALUES (?, ?{', ?' * len(FACTS)})",
                (backup_id, position, *as_facts(database)),
            )
        for position, record in enumerate(skipped):
            await self.execute(
                "INSERT INTO skipped (backup_id, position, name, path, reason, detail) VALUES (?, ?, ?, ?, ?, ?)",
                (backup_id, position, record.name, record.path, str(record.reason), record.detail),
            )

    async def _own_name(self, backup_id: int, archive_name: str) -> None:
        # The file is this backup's now; an older one of the same name (a clock set back) was removed behind our back.
        await self.execute(
            "UPDATE backups SET on_disk = 0 WHERE archive_name = ? AND on_disk = 1 AND id <> ?",
            (archive_name, backup_id),
        )

    async def _change(self, backup_id: int, column: str, value: object) -> None:
        if not await self.execute(f"UPDATE backups SET {column} = ? WHERE id = ?", (value, backup_id)):
            raise _no_backup(backup_id)

    def _soon(self) -> str:
        """The parameter of `NEWEST_FIRST_SQL`."""
        return as_text(ahead_from(self.clock()))

    async def _backup(self, backup_id: int) -> Backup:
        found = await self._backups([backup_id])
        if not found:
            raise _no_backup(backup_id)
        return found[0]

    async def _backups(self, ids: Sequence[int]) -> tuple[Backup, ...]:
        """Return the backups of some ids, newest first, in three statements however many there are."""
        wanted = (json.dumps(list(set(ids))),)
        among = "(SELECT value FROM json_each(?))"
        databases: dict[int, list[BackedUp]] = {}
        for row in await self.rows(f"SELECT * FROM backed_up WHERE backup_id IN {among} ORDER BY position", wanted):
            databases.setdefault(row["backup_id"], []).append(as_backed_up(row))
        skipped: dict[int, list[SkippedRecord]] = {}
        for row in await self.rows(f"SELECT * FROM skipped WHERE backup_id IN {among} ORDER BY position", wanted):
            skipped.setdefault(row["backup_id"], []).append(as_skipped(row))
        return tuple(
            as_backup(row, tuple(databases.get(row["id"], ())), tuple(skipped.get(row["id"], ())))
            for row in await self.rows(f"SELECT * FROM backups WHERE id IN {among} {BY_TIME}", wanted)
        )


def _no_backup(backup_id: int) -> NotFoundError:
    return NotFoundError(f"There is no backup {backup_id}.", hint="The list of backups shows ids and names.")


def _filter(on_disk_only: bool, proven_only: bool, gone_too: bool = False) -> str:
    there = "(on_disk = 1 OR fault <> '')" if gone_too else "on_disk = 1"
    conditions = [there] * on_disk_only + ["archive_sha256 <> ''"] * proven_only
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""
