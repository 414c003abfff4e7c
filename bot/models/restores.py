"""Restores: what is there, what would change, what was done, what was cut off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from bot.models.backups import Backup
from bot.models.reasons import Reason


class RestoreMethod(StrEnum):
    """How a database comes back."""

    INTO_LIVE = "into the live file"  # through SQLite's backup API, under the eyes of its application
    REPLACE = "replace the file"  # the file is missing or broken: it and its sidecars are set aside together
    NEW_FILE = "new file"  # into a folder, beside nothing


class TargetState(StrEnum):
    """What is there where a database is to be restored."""

    MISSING = "missing"
    READABLE = "readable"
    BROKEN = "broken"  # no database, or cut short


class InUse(StrEnum):
    """Whether a program has a database open; UNKNOWN where this system can't tell for sure."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class RestoreStage(StrEnum):
    """Where a restore stands, in order."""

    FETCH = "fetch from Telegram"
    READ = "read the archive"
    CHECK = "check the databases"
    COMPARE = "compare with what is there"
    SAFETY = "safety copy"
    RESTORE = "restore"
    VERIFY = "check the result"
    ROLL_BACK = "roll back"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """How far a stage is: `done` of `total` bytes, total 0 when unknown; `detail` names a database."""

    stage: StrEnum
    done: int = 0
    total: int = 0
    detail: str = ""

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProgress(StageProgress):
    """A progress event of a restore."""

    stage: RestoreStage


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """A database as SQLite describes it. `journal_mode` is empty where only a private copy was looked at.

    `rows` holds (table, rows) in schema order, -1 where a table could not be counted; `schema` holds
    (type, name, hash of its SQL) of tables, indexes, views and triggers.
    """

    bytes: int
    page_size: int
    journal_mode: str
    application_id: int
    user_version: int
    rows: tuple[tuple[str, int], ...]
    schema: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChange:
    """What a restore does to the rows of a table: how many there are now and will be then, None without the table."""

    table: str
    now: int | None
    then: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """What a restore does to the schema: `change` is "added", "removed" or "changed"; `kind` is table, index, …"""

    kind: str
    name: str
    change: str


class SourceCode(StrEnum):
    """What a restore comes from. It is recorded: a value is never renamed without a step of the catalogue."""

    BACKUP = "backup"  # of our own: `backup` is its id, `at` when it was begun
    ARCHIVE = "archive"  # `file` is its name and `volumes` how many it came in; `at` is what its manifest says
    DATABASE_FILE = "database file"  # by itself: `file`
    BEFORE_RESTORE = "before restore"  # what a restore replaced; `of` is the code of its source, with that one's facts
    BEFORE_ACT = "before act"  # what an `act` replaced, an undo or a redo


class LossCode(StrEnum):
    """What of a `table` a restore loses. It is recorded: a value is never renamed without a step of the catalogue."""

    TABLE = "table"  # as a whole, with its `rows`, -1 where they could not be counted
    COLUMN = "column"  # one `column` of it
    ROWS = "rows"  # so many `newer` ones, and what was `changed` in others
    LOOSE_ROWS = "loose rows"  # so many, newer or changed: without a key it can't be told which
    MORE_ROWS = "more rows"  # so many `newer` ones at least


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseChange:
    """What a restore would do to one database.

    `path` is as configured, `target` the file behind it (links followed). `now` is None where nothing readable is
    there. `lost` holds what is lost, each with a `LossCode`. `warnings` and `obstacles` are whole sentences; with an
    obstacle the restore is refused.
    """

    name: str
    path: Path
    target: Path
    method: RestoreMethod
    state: TargetState
    now: DatabaseFacts | None
    then: DatabaseFacts
    taken_at: datetime | None
    same: bool = False  # page by page what is there now
    tables: tuple[TableChange, ...] = ()
    schema: tuple[SchemaChange, ...] = ()
    in_use: InUse = InUse.UNKNOWN
    used_by: tuple[str, ...] = ()  # programs, as far as this system tells
    in_use_means: str = ""  # a sentence
    lost: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


class RestoreAct(StrEnum):
    """What a restore is to people: an undo brings back what a restore replaced, a redo what an undo replaced."""

    RESTORE = "restore"
    UNDO = "undo"
    REDO = "redo"

    @property
    def next(self) -> RestoreAct:
        """What takes this one back."""
        return RestoreAct.REDO if self is RestoreAct.UNDO else RestoreAct.UNDO


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskNeed:
    """How many bytes a restore needs at most on the disk of `folder`, for a while, and how many are free."""

    folder: Path
    needed: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What a restore would do, database by database; nothing was changed to find out.

    `id` is short and changes with everything that a person consents to: the source, the targets, the methods.
    `folder` is None where the configured live files are the targets. `source` is where it comes from, a `SourceCode`.
    """

    id: str
    source: Reason
    backup_id: int | None
    created_at: datetime
    taken_at: datetime | None
    folder: Path | None
    changes: tuple[DatabaseChange, ...]
    act: RestoreAct = RestoreAct.RESTORE
    disks: tuple[DiskNeed, ...] = ()
    warnings: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()

    @property
    def all_obstacles(self) -> tuple[str, ...]:
        return (*self.obstacles, *(obstacle for change in self.changes for obstacle in change.obstacles))

    @property
    def all_warnings(self) -> tuple[str, ...]:
        return (*self.warnings, *(warning for change in self.changes for warning in change.warnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredDatabase:
    """One database as a restore left it. `set_aside` are the former files, where they were replaced and are kept.

    `tables` are the rows before and after, as the plan gave them, where there was something before. `kept` is a copy of
    what was there before and is in no backup: it was damaged, or could not be stored.
    """

    name: str
    target: Path
    method: RestoreMethod
    rows: tuple[tuple[str, int], ...]
    detail: str = ""  # a sentence, where something is worth saying
    set_aside: tuple[Path, ...] = ()
    tables: tuple[TableChange, ...] = ()
    kept: Path | None = None
    checked: bool = True  # or else only compared with the backup: nothing here can check it


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """A restore that was done and checked. `safety` is the backup of what was there before, if it could be read.

    `undoable` tells whether `--undo` can bring back what was there.
    """

    id: str
    source: Reason
    databases: tuple[RestoredDatabase, ...]
    safety: Backup | None
    undoable: bool
    seconds: float
    act: RestoreAct = RestoreAct.RESTORE
    warnings: tuple[str, ...] = ()


class PendingOutcome(StrEnum):
    """What a restore that was cut off left of one database."""

    OLD = "as before"
    NEW = "restored"
    CHANGED = "changed since"  # whole, but neither: its application has written to it in the meantime
    UNREADABLE = "could not be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRestore:
    """A restore that was cut off, after its files were put in order: what each database is now.

    `undoable` is whether an undo has anything to bring back.
    """

    id: str
    started_at: datetime
    requested_by: str
    source: Reason
    databases: tuple[tuple[str, PendingOutcome], ...]
    undoable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredByHand:
    """A restore into live databases by the command line, of which the admins hear from the service.

    `lost` is what the databases had that the backup had not, as in a plan; `safety_id` is the backup of what was there
    before, which is kept until `safety_until`.
    """

    at: datetime
    undo: bool
    source: Reason
    databases: tuple[str, ...]
    lost: tuple[Reason, ...] = ()
    safety_id: int | None = None
    safety_until: datetime | None = None
