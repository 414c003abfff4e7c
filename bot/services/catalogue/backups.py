"""Stores backups in the catalogue: the outcome of each run and the databases it holds; finds the one that is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from bot.errors import NotFoundError
from bot.models import (
    NO_REASON,
    Archive,
    BackedUp,
    Backup,
    BackupState,
    Cause,
    DeliveryReason,
    Reason,
    SkippedRecord,
    Trigger,
)
from bot.services.catalogue.backup_rows import A_RUN, AMONG, BY_TIME, ORDINARY, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.elsewhere import ELSEWHERE
from bot.services.catalogue.newest import NEWEST_FIRST_SQL
from bot.services.catalogue.values import as_time
from bot.services.files.names import bare_name

ALL = -1
"""The limit that returns every backup."""

_SOUND = "on_disk = 1 AND fault = ''"


class BackupTable(BackupRows):
    """The rows of backups, backed_up and skipped; which is the newest is the rule of `newest_first`, in SQL."""

    @writing
    async def begin(self, *, trigger: Trigger, requested_by: str, started_at: datetime) -> int:
        """Record a run as running; return its id. Ids are never used twice."""
        return await self._begin(trigger, requested_by, started_at)

    @writing
    async def finish(
        self,
        backup_id: int,
        *,
        state: BackupState,
        finished_at: datetime,
        archive: Archive | None = None,
        databases: Sequence[BackedUp] = (),
        skipped: Sequence[SkippedRecord] = (),
        error_code: str = "",
        error: Reason = NO_REASON,
    ) -> Backup:
        """Record what a run came to; an archive is on disk. Raises NotFoundError."""
        found: dict[str, object] = {"error_code": error_code, "error": error}
        if archive is not None:
            found |= {"archive_name": archive.path.name, "archive_bytes": archive.bytes}
            found |= {"archive_sha256": archive.sha256, "sealed": archive.sealed}
        await self._finish(
            backup_id, databases, skipped, on_disk=archive is not None, state=state, finished_at=finished_at, **found
        )
        return await self._backup(backup_id)

    @writing
    async def set_state(self, backup_id: int, state: BackupState) -> None:
        """Raises NotFoundError."""
        await self._change(backup_id, state=state)

    @writing
    async def set_pinned(self, backup_id: int, pinned: bool) -> None:
        """Keep a backup for good, or no longer. Raises NotFoundError."""
        await self._change(backup_id, pinned=pinned)

    @writing
    async def set_keep_until(self, backup_id: int, until: datetime | None) -> None:
        """Keep a safety copy until an instant; None leaves it to the limits of all backups. Raises NotFoundError."""
        await self._change(backup_id, keep_until=until)

    @writing
    async def set_note(self, backup_id: int, note: str) -> None:
        """Raises NotFoundError."""
        await self._change(backup_id, note=note)

    @writing
    async def mark_deleted(self, backup_id: int) -> None:
        """Record that we deleted the archive from the disk; what was owed of it is superseded. Raises NotFoundError."""
        await self._change(backup_id, on_disk=False, fault="", faulty_file="")
        await self._supersede(backup_id, DeliveryReason.ARCHIVE_DELETED)

    @writing
    async def mark_interrupted(self) -> tuple[Backup, ...]:
        """Mark every run that is still recorded as running as interrupted now; return them, newest first.

        To be called at a start, with the lock of the runs held: whoever was running is gone.
        """
        ids = await self._db.column("SELECT id FROM backups WHERE state = 'running'")
        for backup_id in ids:
            await self._change(
                backup_id, state=BackupState.INTERRUPTED, finished_at=self._db.clock(), error=Reason(Cause.RUN_CUT_OFF)
            )
        return await self._backups(ids)

    @reading
    async def get(self, backup_id: int) -> Backup:
        """Return a backup by id. Raises NotFoundError."""
        return await self._backup(backup_id)

    @reading
    async def select(
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
        return await self._select(
            "SELECT id FROM backups WHERE (on_disk OR NOT ? OR (? AND fault <> '')) AND (archive_sha256 <> '' OR NOT ?)"
            f" {BY_TIME} LIMIT ? OFFSET ?",
            on_disk_only,
            gone_too,
            proven_only,
            limit,
            offset,
        )

    @reading
    async def of_database(self, name: str, *, limit: int) -> tuple[Backup, ...]:
        """Return the newest proven backups that hold a database, youngest first; no safety copies."""
        return await self._select(
            "SELECT id FROM backups JOIN backed_up ON backup_id = id"
            f" WHERE name = ? AND archive_sha256 <> '' AND {ORDINARY} {BY_TIME} LIMIT ?",
            name,
            limit,
        )

    @reading
    async def count(self) -> int:
        return await self._db.value(int, "SELECT count(*) FROM backups") or 0

    @reading
    async def success_since(self, since: datetime) -> tuple[int, int]:
        """Return (ok, total) of the runs that started since then and ended; ok is one proven with every database in it.

        Who has received it is another question: an admin who never presses Start makes no run a failure. Safety copies
        before a restore are no runs.
        """
        row = await self._db.row(
            "SELECT coalesce(sum(archive_sha256 <> '' AND NOT EXISTS"
            " (SELECT 1 FROM skipped WHERE skipped.backup_id = backups.id)), 0), count(*) FROM backups"
            f" WHERE started_at >= ? AND state <> 'running' AND {ORDINARY} AND {A_RUN}",
            since,
        )
        return (0, 0) if row is None else (row[0], row[1])

    @reading
    async def find(self, name_or_id: str) -> Backup:
        """Return the backup that a person means.

        "latest" (the newest good one that is no safety copy, on disk if there is one), an id, the name of an archive,
        or the beginning of its time in UTC, as digits or as a date ("20250131_14", "2025-01-31 14:00"), when only one
        archive on disk (or else of those deleted) begins so. A whole number is an id first. Raises NotFoundError, which
        names the candidates when there are several.
        """
        asked = name_or_id.strip()
        if asked.casefold() == "latest":
            good = await self._good()
            latest = await self._latest(f"{good} AND {_SOUND}") or await self._latest(good)
            latest = latest or await self._latest(f"archive_sha256 <> '' AND {ORDINARY}")
            if latest is None:
                raise NotFoundError("There is no good backup here.")
            return latest
        if re.fullmatch(r"#?[0-9]{1,18}", asked):
            backups = await self._backups([int(asked.removeprefix("#"))])
            if backups:
                return backups[0]
        return await self._backup(await self._named(asked))

    @reading
    async def latest_proven(self) -> Backup | None:
        """Return the newest good backup, also one that was deleted from the disk since; no safety copy.

        One whose archive is known to be gone or damaged counts only where it can be had all the same.
        """
        return await self._latest(await self._good())

    @reading
    async def latest_sound(self) -> Backup | None:
        """Return the newest backup whose archive is on the disk, with nothing known against it; no safety copy."""
        return await self._latest(f"archive_sha256 <> '' AND {ORDINARY} AND {_SOUND}")

    @reading
    async def latest_run(self, *, interrupted: bool = True) -> Backup | None:
        """Return the newest finished run, whatever became of it; no safety copy, and nothing that was merely found.

        Without `interrupted`, none that was cut off by a shutdown.
        """
        states = "('running')" if interrupted else "('running', 'interrupted')"
        return await self._latest(f"state NOT IN {states} AND {ORDINARY} AND {A_RUN}")

    @reading
    async def latest_by_database(self) -> dict[str, Backup]:
        """Return, for every database name ever backed up, the newest proven backup that contains it; no safety copy.

        One whose archive is sound on the disk goes before one whose archive is not, and that before one that is known
        to be gone or damaged.
        """
        # SQLite takes the bare columns of the row that a lone max() chose; a window function says it without that rule.
        rows = await self._db.rows(
            "SELECT name, id FROM (SELECT name, id, row_number() OVER (PARTITION BY name"
            f" ORDER BY ({_SOUND}) DESC, ({await self._good()}) DESC, {NEWEST_FIRST_SQL}) AS place"
            f" FROM backed_up JOIN backups ON id = backup_id WHERE archive_sha256 <> '' AND {ORDINARY})"
            " WHERE place = 1 ORDER BY name",
            self._soon,
        )
        backups = await self._backups_by_id([row["id"] for row in rows])
        return {row["name"]: backups[row["id"]] for row in rows}

    @reading
    async def newest_with(self, paths: set[str]) -> dict[str, Backup]:
        """Return, by path, the newest backup that holds a database in an archive that is sound on the disk.

        A safety copy is none.
        """
        rows = await self._db.rows(
            f"SELECT path, id FROM (SELECT path, id, row_number() OVER (PARTITION BY path ORDER BY {NEWEST_FIRST_SQL})"
            f" AS place FROM backed_up JOIN backups ON id = backup_id WHERE archive_sha256 <> '' AND {ORDINARY}"
            f" AND {_SOUND} AND path {AMONG}) WHERE place = 1",
            self._soon,
            paths,
        )
        backups = await self._backups_by_id([row["id"] for row in rows])
        return {row["path"]: backups[row["id"]] for row in rows}

    @reading
    async def dated_ahead(self) -> tuple[Backup, ...]:
        """Return the backups on the disk that are dated in the future."""
        return await self._select("SELECT id FROM backups WHERE on_disk = 1 AND started_at > ?", self._soon)

    @reading
    async def with_sha256(self, sha256: str) -> Backup | None:
        """Return the backup whose archive has this SHA-256, one on the disk before one that is not; None: unknown."""
        return await self._first(
            "SELECT id FROM backups WHERE archive_sha256 = ? AND archive_sha256 <> '' ORDER BY on_disk DESC, id DESC",
            sha256,
        )

    @reading
    async def runs_between(self, start: datetime, end: datetime) -> tuple[Backup, ...]:
        """Return the runs that began from `start` until before `end` and have ended, newest first."""
        return await self._select(
            "SELECT id FROM backups WHERE started_at >= ? AND started_at < ? AND state <> 'running'", start, end
        )

    @reading
    async def newest_mark(self) -> tuple[int, str, int] | None:
        """Return id and state of the newest run, and how many archives are lost: what changes when something is new."""
        row = await self._db.row(
            "SELECT id, state, (SELECT count(*) FROM backups WHERE fault <> '') AS lost FROM backups"
            " ORDER BY id DESC LIMIT 1"
        )
        return None if row is None else (row["id"], row["state"], row["lost"])

    @reading
    async def first_at(self) -> datetime | None:
        """Return when the oldest run on record began."""
        return await self._db.value(as_time, "SELECT min(started_at) FROM backups")

    async def _named(self, asked: str) -> int:
        name = bare_name(asked)  # a volume's name means its archive
        digits = re.sub(r"\D", "", name.removeprefix("database_backup_"))
        rows = await self._db.rows(f"SELECT id, archive_name, on_disk FROM backups WHERE archive_name <> '' {BY_TIME}")
        same = [row for row in rows if row["archive_name"] == name]
        if not same and digits and re.fullmatch(r"(database_backup_)?[\d\sTZ:_.-]+", name):
            same = [row for row in rows if re.sub(r"\D", "", row["archive_name"]).startswith(digits)]
            same = [row for row in same if row["on_disk"]] or same
            if len({row["archive_name"] for row in same}) > 1:
                names = ", ".join(row["archive_name"] for row in same[:5])
                message = f"{len(same)} backups begin with “{asked}”: {names}{', …' if len(same) > 5 else ''}"
                raise NotFoundError(message, hint="Name one of them by its whole name or its id.")
        if not same:
            raise NotFoundError(f"There is no backup “{asked}”.", hint="The list of backups shows ids and names.")
        return int(max(same, key=lambda row: bool(row["on_disk"]))["id"])

    async def _good(self) -> str:
        """Return in SQL what is good: what is lost here and can be had, too, looked for once and not for every row."""
        had = await self._db.column(f"SELECT id FROM backups WHERE fault <> '' AND {ELSEWHERE}")
        return f"archive_sha256 <> '' AND {ORDINARY} AND (fault = '' OR id IN ({', '.join(map(str, had))}))"

    async def _latest(self, condition: str) -> Backup | None:
        return await self._first(
            f"SELECT id FROM backups WHERE {condition} ORDER BY {NEWEST_FIRST_SQL} LIMIT 1", self._soon
        )
