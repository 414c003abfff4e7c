"""Backups: one run as the manifest and the catalogue record it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from bot.models.archives import Compression
from bot.models.databases import CheckMethod, SkipReason, Verdict
from bot.models.reasons import NO_REASON, Reason

SAFETY_KEPT = timedelta(days=30)
"""How long what was there before a restore is kept, unless somebody pins it."""


class Trigger(StrEnum):
    """Who asked for a run."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch-up"
    BUTTON = "button"
    COMMAND = "command"
    SAFETY = "safety"  # taken before a restore, of what the restore replaces


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """One database in one backup, as the manifest and the catalogue record it.

    `checked_at` is empty, or says when an earlier backup's copy was checked that equals this one byte for byte, and
    whose deflated bytes it has. `compression` is the setting by which they were made, empty where that is not known.
    `warnings` are what is to be known of it though it is backed up: rules that its rows break, how it was read.
    `unchecked` is what kept its check from its end, an `UncheckedCode`.
    """

    name: str
    path: str
    sha256: str
    bytes: int
    compressed_bytes: int
    page_size: int
    page_count: int
    journal_mode: str
    application_id: int
    user_version: int
    sqlite_version: str
    taken_at: datetime
    verdict: Verdict
    method: CheckMethod
    messages: tuple[str, ...] = ()
    foreign_key_violations: int = 0
    rows: tuple[tuple[str, int], ...] = ()
    schema_sha256: str = ""
    warnings: tuple[Reason, ...] = ()
    checked_at: datetime | None = None
    compression: Compression | None = None
    unchecked: Reason = NO_REASON

    @property
    def is_sound(self) -> bool:
        """Whether it was checked and there is nothing to remark."""
        return self.verdict is Verdict.OK and not self.foreign_key_violations and not self.warnings


TABLE_GONE = -1
"""In the place of a number of rows: there is no such table any more."""


class Loss(NamedTuple):
    """What one database holds much less of than before: rows of a `table`, or bytes of the whole file where it is "".

    `over` is how long that took: `day`, `week`, or empty since the backup before. Of a loss that an earlier version
    recorded in words, `before` is 0: that there is one is all that is known.
    """

    database: str
    table: str
    before: int
    after: int
    over: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRecord:
    """A skipped database, as the manifest and the catalogue record it: for what reason, and why in particular."""

    name: str
    path: str
    reason: SkipReason
    why: Reason


class BackupState(StrEnum):
    """What became of a run.

    STORED: proven on disk, nobody to deliver to or nobody served yet. DELIVERED: every recipient has it. PARTIAL: a
    database was skipped or a recipient is still owed. INTERRUPTED: found running at a start.
    """

    RUNNING = "running"
    STORED = "stored"
    DELIVERED = "delivered"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One run and what became of it. A proven backup has an `archive_name`; `on_disk` turns false when it is pruned.

    `requested_by` is an `Actor`, or a person by name and id.

    `fault` says why its archive is no longer good, as the disk or reading it has shown: `damaged` where the file is
    still there, `gone` where somebody else than retention or an admin has taken it away.

    `sealed` says for whom the archive is sealed: fingerprints of keys, or that it is a passphrase; empty where it is
    not. An archive found on the disk that no key here opens is sealed and not proven.

    `keep_until` is of safety copies alone: retention keeps them until then, and not after it.
    """

    id: int
    started_at: datetime
    trigger: Trigger
    requested_by: str
    state: BackupState
    finished_at: datetime | None = None
    archive_name: str = ""
    archive_bytes: int = 0
    archive_sha256: str = ""
    databases: tuple[BackedUp, ...] = ()
    skipped: tuple[SkippedRecord, ...] = ()
    error_code: str = ""
    error: Reason = NO_REASON
    pinned: bool = False
    keep_until: datetime | None = None
    on_disk: bool = False
    note: str = ""
    sealed: str = ""
    same_as: int | None = None  # the delivered backup that holds the same databases, byte for byte
    fault: Reason = NO_REASON
    shrunken: tuple[Loss, ...] = ()  # what this backup holds much less of than the one before

    @property
    def proven(self) -> bool:
        return bool(self.archive_sha256)

    @property
    def mark(self) -> str:
        """What a button tells it by: in another catalogue its number may be another backup's.

        It begins its archive's SHA-256 (8 hex digits); where there is none, it is the second in which the run began, in
        UTC (14 digits).
        """
        return self.archive_sha256[:8] or f"{self.started_at.astimezone(UTC):%Y%m%d%H%M%S}"

    @property
    def unopened(self) -> bool:
        """Whether it is an archive found on the disk, sealed, that no key here has opened yet."""
        return bool(self.sealed) and not self.proven

    @property
    def sound(self) -> bool:
        """Whether its archive was proven, lies on the disk, and nothing is known against it."""
        return self.proven and self.on_disk and not self.fault

    def kept_for_now(self, now: datetime) -> bool:
        """Tell whether it is a safety copy whose time has not come."""
        return self.keep_until is not None and now < self.keep_until

    @property
    def damaged(self) -> bool:
        return self.on_disk and bool(self.fault)

    @property
    def gone(self) -> bool:
        return not self.on_disk and bool(self.fault)

    @property
    def source_bytes(self) -> int:
        return sum(database.bytes for database in self.databases)
