"""Backups in the catalogue: what each run came to and what it holds."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import NotFoundError
from bot.models import BackedUp, Backup, BackupState, SkippedRecord, Trigger
from bot.services.catalogue.connection import Rows, reading, writing
from bot.services.catalogue.values import FACTS, as_backed_up, as_backup, as_facts, as_skipped, as_text

ALL = -1
"""The limit that returns every backup."""

# A clock that NTP nudges back makes the newest backup a little younger than now; that is no clock gone wrong.
CLOCK_TOLERANCE = timedelta(minutes=10)

# What was copied before a restore is what somebody wanted to get rid of: it is kept, and no good backup of anything.
_ORDINARY = "trigger <> 'safety'"
# A sealed archive that was found and that nobody here can open is kept, and was no run of ours.
_A_RUN = "(archive_sha256 <> '' OR sealed = '')"

NEWEST_FIRST = "ORDER BY started_at DESC, id DESC"
# A backup dated in the future was made under a wrong clock: it is the newest only where there is no other.
_LATEST_FIRST = "ORDER BY started_at > ?, started_at DESC, id DESC"


class BackupRows(Rows):
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
        """Record that the archive is gone from the disk; what was owed of it is superseded. Raises NotFoundError."""
        await self._change(backup_id, "on_disk", 0)
        await self.execute(
            "UPDATE deliveries SET state = 'superseded', next_try_at = NULL,"
            " reason = 'the archive was deleted before it could be sent'"
            " WHERE backup_id = ? AND state IN ('pending', 'sending', 'parked')",
            (backup_id,),
        )

    @writing
    async def mark_interrupted(self) -> tuple[Backup, ...]:
        """Mark every run that is still recorded as running as interrupted now; return them, newest first.

        To be called at a start, with the lock of the runs held: whoever was running is gone.
        """
        rows = await self.rows(f"SELECT id FROM backups WHERE state = 'running' {NEWEST_FIRST}")
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
    async def find_backup(self, name_or_id: str) -> Backup:
        """Return the backup that a person means.

        "latest" (the newest proven one that is no safety copy, on disk if there is one), an id, the name of an archive,
        or the beginning of its time in UTC, as digits or as a date ("20250131_14", "2025-01-31 14:00"), when only one
        archive on disk (or else of those deleted) begins so. A whole number is an id first. Raises NotFoundError, which
        names the candidates when there are several.
        """
        asked = name_or_id.strip()
        if asked.casefold() == "latest":
            latest = await self._latest("AND on_disk = 1") or await self._latest()
            if latest is None:
                message = "There is no proven backup yet."
                raise NotFoundError(message)
            return latest
        if re.fullmatch(r"#?[0-9]{1,18}", asked):
            row = await self.row("SELECT id FROM backups WHERE id = ?", (int(asked.removeprefix("#")),))
            if row is not None:
                return await self._backup(row["id"])
        return await self._backup(await self._named(asked))

    @reading
    async def latest_proven(self) -> Backup | None:
        """Return the newest proven backup, also one whose archive was deleted from the disk since; no safety copy."""
        return await self._latest()

    @reading
    async def latest_run(self) -> Backup | None:
        """Return the newest finished run, whatever became of it; no safety copy, and nothing that was merely found."""
        found = await self.value(
            f"SELECT id FROM backups WHERE state <> 'running' AND {_ORDINARY} AND {_A_RUN} {NEWEST_FIRST} LIMIT 1"
        )
        return None if found is None else await self._backup(found)

    @reading
    async def latest_by_database(self) -> dict[str, Backup]:
        """Return, for every database name ever backed up, the newest proven backup that contains it; no safety copy.

        One whose archive is on disk goes before one whose archive is not.
        """
        # SQLite takes the bare columns of the row that a lone max() chose; a window function says it without that rule.
        rows = await self.rows(
            "SELECT name, id FROM (SELECT name, id, row_number() OVER (PARTITION BY name"
            " ORDER BY on_disk DESC, started_at > ?, started_at DESC, id DESC) AS place"
            f" FROM backed_up JOIN backups ON id = backup_id WHERE archive_sha256 <> '' AND {_ORDINARY})"
            " WHERE place = 1 ORDER BY name",
            (self._soon(),),
        )
        backups = {backup.id: backup for backup in await self._backups([row["id"] for row in rows])}
        return {row["name"]: backups[row["id"]] for row in rows}

    @reading
    async def backups(
        self, *, limit: int = 50, offset: int = 0, on_disk_only: bool = False, proven_only: bool = False
    ) -> tuple[Backup, ...]:
        """Return backups, newest first; a negative limit returns all."""
        where = _filter(on_disk_only, proven_only)
        rows = await self.rows(f"SELECT id FROM backups {where} {NEWEST_FIRST} LIMIT ? OFFSET ?", (limit, offset))
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
            f" WHERE started_at >= ? AND state <> 'running' AND {_ORDINARY} AND {_A_RUN}",
            (as_text(since),),
        )
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

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
            " on_disk = ?, error_code = ?, error = ?, sealed = ? WHERE id = ?",
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

    async def _named(self, asked: str) -> int:
        name = re.sub(r"\.\d{3,}$", "", asked)  # a volume's name means its archive
        digits = re.sub(r"\D", "", name.removeprefix("database_backup_"))
        rows = await self.rows(f"SELECT id, archive_name, on_disk FROM backups WHERE archive_name <> '' {NEWEST_FIRST}")
        same = [row for row in rows if row["archive_name"] == name]
        if not same and digits and re.fullmatch(r"(database_backup_)?[\d\sTZ:_.-]+", name):
            same = [row for row in rows if re.sub(r"\D", "", row["archive_name"]).startswith(digits)]
            same = [row for row in same if row["on_disk"]] or same
            if len({row["archive_name"] for row in same}) > 1:
                names = ", ".join(row["archive_name"] for row in same[:5])
                message = f"{len(same)} backups begin with “{asked}”: {names}{', …' if len(same) > 5 else ''}"
                raise NotFoundError(message, hint="Name one of them by its whole name or its id.")
        if not same:
            message = f"There is no backup “{asked}”."
            raise NotFoundError(message, hint="The list of backups shows ids and names.")
        return int(max(same, key=lambda row: bool(row["on_disk"]))["id"])

    async def _latest(self, condition: str = "") -> Backup | None:
        found = await self.value(
            f"SELECT id FROM backups WHERE archive_sha256 <> '' AND {_ORDINARY} {condition} {_LATEST_FIRST} LIMIT 1",
            (self._soon(),),
        )
        return None if found is None else await self._backup(found)

    def _soon(self) -> str:
        return as_text(self.clock() + CLOCK_TOLERANCE)

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
            for row in await self.rows(f"SELECT * FROM backups WHERE id IN {among} {NEWEST_FIRST}", wanted)
        )


def _no_backup(backup_id: int) -> NotFoundError:
    return NotFoundError(f"There is no backup {backup_id}.", hint="The list of backups shows ids and names.")


def _filter(on_disk_only: bool, proven_only: bool) -> str:
    conditions = ["on_disk = 1"] * on_disk_only + ["archive_sha256 <> ''"] * proven_only
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""
