"""Databases: a live one, its snapshot and its check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from bot.models.causes import Cause
from bot.models.reasons import NO_REASON, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A live SQLite file to protect.

    `path` is absolute; `name` is its member name in every archive: unique in a run (also where case is ignored) and
    stable over runs.
    """

    path: Path
    name: str


class SkipReason(StrEnum):
    """Why a database is not in a backup."""

    MISSING = "missing"
    GONE = "gone"  # from under a pattern that found it before
    OWN_FOLDER = "own folder"  # the product's
    EMPTY = "empty"
    NOT_A_DATABASE = "not a database"
    UNKNOWN_FORMAT = "unknown format"  # of a newer SQLite or of a fork; nothing is known of the data
    DAMAGED = "damaged"
    BUSY = "busy"
    EXCLUSIVE = "exclusive locking mode"  # of its application: nobody else gets in as long as that runs
    HOT_JOURNAL = "hot journal"  # its writer crashed; reading it would mean writing it
    NO_PERMISSION = "no permission"
    FOREIGN_OWNER = "foreign owner"  # our -shm and -wal would lock its own application out later
    LOG_ELSEWHERE = "log elsewhere"  # what is not in the file yet lies beside another name of it
    CHANGED_WHILE_READ = "changed while read"  # by what takes no locks, or where none could be taken
    NO_SPACE = "no space"
    FAILED = "failed"


_REASONS: Mapping[str, SkipReason] = {
    **dict.fromkeys((Cause.MISSING, Cause.VANISHED, Cause.NO_MATCH, Cause.NO_MATCH_TAKEN), SkipReason.MISSING),
    Cause.GONE: SkipReason.GONE,
    **dict.fromkeys((Cause.OWN_FOLDER, Cause.OWN_FILE), SkipReason.OWN_FOLDER),
    Cause.EMPTY: SkipReason.EMPTY,
    **dict.fromkeys((Cause.FOLDER, Cause.NO_FILE, Cause.NO_SQLITE, Cause.WRONG_HEADER), SkipReason.NOT_A_DATABASE),
    Cause.UNKNOWN_FORMAT: SkipReason.UNKNOWN_FORMAT,
    **dict.fromkeys((Cause.DAMAGED, Cause.CUT_SHORT, Cause.CHECK_FAILED), SkipReason.DAMAGED),
    **dict.fromkeys((Cause.LOCKED, Cause.LOCKED_MIDWAY), SkipReason.BUSY),
    Cause.EXCLUSIVE: SkipReason.EXCLUSIVE,
    Cause.HOT_JOURNAL: SkipReason.HOT_JOURNAL,
    **dict.fromkeys((Cause.NO_PERMISSION, Cause.NO_LOOK), SkipReason.NO_PERMISSION),
    Cause.FOREIGN_OWNER: SkipReason.FOREIGN_OWNER,
    **dict.fromkeys((Cause.MOUNTED_ALONE, Cause.HARD_LINKED, Cause.LOG_BESIDE_OTHER), SkipReason.LOG_ELSEWHERE),
    **dict.fromkeys((Cause.LOG_NOT_BESIDE, Cause.UPPER_LAYER), SkipReason.LOG_ELSEWHERE),
    **dict.fromkeys((Cause.REWRITTEN, Cause.REWRITTEN_ALWAYS), SkipReason.CHANGED_WHILE_READ),
    Cause.WRITTEN_UNLOCKED: SkipReason.CHANGED_WHILE_READ,
    **dict.fromkeys((Cause.NO_ROOM, Cause.DISK_FULL), SkipReason.NO_SPACE),
}


def skip_reason(why: Reason) -> SkipReason:
    """Return the reason that a cause belongs to."""
    return _REASONS.get(why.code, SkipReason.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A database that is not in this backup, and why; on a full disk the facts have the bytes `needed` and `free`."""

    database: Database
    why: Reason

    @property
    def reason(self) -> SkipReason:
        return skip_reason(self.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A consistent private copy of a database at one instant (`taken_at`).

    `warnings` say what had to be done to read the source (such as: what was left beside it).
    """

    database: Database
    file: Path
    bytes: int
    page_size: int
    page_count: int
    journal_mode: str  # of the source: wal, delete, …
    application_id: int
    user_version: int
    sqlite_version: str
    taken_at: datetime
    warnings: tuple[Reason, ...] = ()


class Verdict(StrEnum):
    OK = "ok"
    DAMAGED = "damaged"  # its pages are, and that is proven
    UNCHECKED = "could not check"  # delivered with a warning


class UncheckedCode(StrEnum):
    """What kept a check from its end; what is said of each is in `bot/words/checks.py`. It is recorded."""

    SQLITE_SAYS = "sqlite says"
    FORMAT = "format"
    COPY_UNREAD = "copy unread"
    MANY_FINDINGS = "many findings"  # to look through all of them
    LATE = "late"
    PROCESSOR = "processor"
    MEMORY = "memory"
    VALUES = "values"
    DISK = "disk"
    NOT_STARTED = "not started"
    ENDED = "ended"
    LONG_ANSWER = "long answer"
    NO_ANSWER = "no answer"


class CheckMethod(StrEnum):
    FULL = "full"
    QUICK = "quick"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRule:
    """How copies are checked, and for how long a check holds for later copies that equal its own byte for byte."""

    method: CheckMethod = CheckMethod.FULL
    holds_for: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What the check of a snapshot found.

    `messages` are SQLite's own lines (at most 20); with an OK they name rows that break rules of the schema.
    `unchecked` is what kept the check from its end, an `UncheckedCode`; none where it came to one. `rows`
    holds (table, rows) in schema order, -1 where a table could not be counted; `schema_sha256` is over the normalised
    `sqlite_master`. `schema` is (type, name, hash of its SQL) of everything in it but SQLite's own, () where it is
    unreadable; `last_rowids` is the last rowid of each table that has rowids, below all of them where it is empty.
    `checked_at` is empty, or says when an earlier copy was checked that equals this one byte for byte: it is that
    check's report, and the two are empty.
    """

    verdict: Verdict
    method: CheckMethod
    messages: tuple[str, ...]
    foreign_key_violations: int
    rows: tuple[tuple[str, int], ...]
    schema_sha256: str
    schema: tuple[tuple[str, str, str], ...] = ()
    last_rowids: tuple[tuple[str, int], ...] = ()
    checked_at: datetime | None = None
    unchecked: Reason = NO_REASON
