"""The vocabulary: frozen values that the stages hand to one another, in the order of the flow.

Times are aware datetimes in UTC, sizes are bytes, durations are seconds, unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

MANIFEST_NAME = "manifest.json"
INFO_NAME = "backup_info.txt"
MANIFEST_FORMAT = 1


class Trigger(StrEnum):
    """Who asked for a run."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch-up"
    BUTTON = "button"
    COMMAND = "command"
    SAFETY = "safety"  # taken before a restore, of what the restore replaces


class SkipReason(StrEnum):
    """Why a database is not in a backup."""

    MISSING = "missing"
    EMPTY = "empty"
    NOT_A_DATABASE = "not a database"
    DAMAGED = "damaged"
    BUSY = "busy"
    HOT_JOURNAL = "hot journal"  # its writer crashed; reading it would mean writing it
    NO_PERMISSION = "no permission"
    FOREIGN_OWNER = "foreign owner"  # our -shm and -wal would lock its own application out later
    CHANGED_WHILE_READ = "changed while read"  # only where no lock could be taken
    NO_SPACE = "no space"
    FAILED = "failed"


class Verdict(StrEnum):
    OK = "ok"
    DAMAGED = "damaged"
    UNCHECKED = "could not check"  # the schema needs the application's own functions; delivered with a warning


class CheckMethod(StrEnum):
    FULL = "full"
    QUICK = "quick"


class Compression(StrEnum):
    AUTO = "auto"
    FAST = "fast"
    SMALL = "small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A live SQLite file to protect.

    `path` is absolute; `name` is its member name in every archive: unique in a run (also where case is ignored) and
    stable over runs.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A database that is not in this backup, and why. `detail` is a whole sentence for people."""

    database: Database
    reason: SkipReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A consistent private copy of a database at one instant (`taken_at`).

    `warning` is empty, or says what had to be done to read the source (such as: what was left beside it).
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
    seconds: float
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What the check of a snapshot found.

    `messages` are SQLite's own lines (at most 20); with an OK they name rows that break rules of the schema. `rows`
    holds (table, rows) in schema order, -1 where a table could not be counted; `schema_sha256` is over the normalised
    `sqlite_master`.
    """

    verdict: Verdict
    method: CheckMethod
    messages: tuple[str, ...]
    foreign_key_violations: int
    rows: tuple[tuple[str, int], ...]
    schema_sha256: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file inside an archive. `offset` is that of its first compressed byte in the archive file."""

    name: str
    bytes: int
    compressed_bytes: int
    crc32: int
    sha256: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A ZIP in the store, written, re-read and compared: it only exists proven.

    `sealed` says for whom it is sealed, as its proof found it; empty where it is not.
    """

    path: Path
    bytes: int
    sha256: str
    members: tuple[Member, ...]
    created_at: datetime
    sealed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A plain slice of an archive: `bytes` from `offset`. `number` counts from 1 to `total`."""

    archive: Path
    name: str
    number: int
    total: int
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """One database in one backup, as the manifest and the catalogue record it."""

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
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRecord:
    """A skipped database, as the manifest and the catalogue record it."""

    name: str
    path: str
    reason: SkipReason
    detail: str


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

    `sealed` says for whom the archive is sealed: fingerprints of keys, or that it is a passphrase; empty where it is
    not. An archive found on the disk that no key here opens is sealed and not proven.
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
    error: str = ""
    pinned: bool = False
    on_disk: bool = False
    note: str = ""
    sealed: str = ""
    same_as: int | None = None  # the delivered backup that holds the same databases, byte for byte
    shrunken: tuple[str, ...] = ()  # lines for people: what this backup holds much less of than the one before

    @property
    def proven(self) -> bool:
        return bool(self.archive_sha256)

    @property
    def source_bytes(self) -> int:
        return sum(database.bytes for database in self.databases)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Recipient:
    """Who or what receives: a chat, a topic in it, or a `place` outside Telegram (`chat_id` is then 0).

    `address` is the setting's form: 77, -100…, -100…/42, s3://bucket/prefix, mail:ops@example.org. It holds no secret.
    """

    chat_id: int = 0
    thread_id: int | None = None
    place: str = ""

    @property
    def address(self) -> str:
        if self.place:
            return self.place
        return str(self.chat_id) if self.thread_id is None else f"{self.chat_id}/{self.thread_id}"

    @property
    def is_private(self) -> bool:
        return self.chat_id > 0

    @property
    def is_chat(self) -> bool:
        return not self.place

    @property
    def is_mailbox(self) -> bool:
        return self.place.startswith("mail:")


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    PARKED = "parked"
    SUPERSEDED = "superseded"
    NOT_DUE = "not due"  # never owed: by the recipient's own choice, or because it has the same bytes already

    @property
    def settled(self) -> bool:
        """Whether nothing is owed any more."""
        return self in (DeliveryState.SENT, DeliveryState.SUPERSEDED, DeliveryState.NOT_DUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentVolume:
    """A volume that Telegram confirmed to one recipient.

    `deleted_at` is when its message was tidied away, `undeletable` why Telegram would not do so.
    """

    number: int
    message_id: int
    sent_at: datetime
    deleted_at: datetime | None = None
    undeletable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One backup to one recipient: a row of the ledger. `attempts` counts failures only, waits never."""

    backup_id: int
    recipient: Recipient
    state: DeliveryState
    attempts: int = 0
    next_try_at: datetime | None = None
    reason: str = ""  # a sentence for people, where something is in the way
    sent_at: datetime | None = None
    volumes: tuple[SentVolume, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientStatus:
    """What is known of a recipient: `parked_reason` is empty when it can be reached."""

    recipient: Recipient
    name: str = ""
    parked_reason: str = ""
    last_sent_at: datetime | None = None
    owed: int = 0


class Stage(StrEnum):
    """Where a run stands, in order."""

    STARTING = "starting"
    SNAPSHOT = "snapshot"
    CHECK = "check and compress"
    PROVE = "prove"
    DELIVER = "deliver"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A progress event. `done` of `total` bytes of the stage, total 0 when unknown; `detail` names a database."""

    stage: Stage
    done: int = 0
    total: int = 0
    detail: str = ""

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


class ServiceState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The service's sign of life in the catalogue. `stopped` is set by a clean shutdown."""

    at: datetime
    pid: int
    started_at: datetime
    next_run_at: datetime | None
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A setting changed in chat: it wins over .env until it is reset."""

    name: str
    value: str
    set_by: str
    set_at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run came to: the backup as catalogued and its deliveries, recipient by recipient."""

    backup: Backup
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInProgress:
    """The run under way, a backup or a restore; `here` is false when another process has it."""

    started_at: datetime
    trigger: Trigger
    requested_by: str
    progress: Progress | RestoreProgress
    here: bool = True

    @property
    def is_restore(self) -> bool:
        return isinstance(self.progress, RestoreProgress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One trouble from its beginning to its end. While it is open, no other one has its key (`skipped:users.db`).

    `title` is a few words, `sentence` and `ending` (how it ended) whole sentences: plain text. `accepted` tells that a
    person ended it. `base` is whatever the alarm is measured against, in the words of who raised it.
    """

    id: str
    key: str
    title: str
    sentence: str
    began_at: datetime
    ended_at: datetime | None = None
    ending: str = ""
    accepted: bool = False
    base: str = ""

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]

    @property
    def subject(self) -> str:
        return self.key.partition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRate:
    """How many of the finished runs of a period backed up every database and proved it."""

    ok: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """One configured or formerly backed-up database: `last` is the newest proven backup that holds it.

    `trouble` is why the newest run skipped it, empty when it did not.
    """

    name: str
    path: str
    bytes: int | None
    last: Backup | None
    verdict: Verdict | None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The service at a glance: what `Backup Status` and `sqlite-courier status` show."""

    state: ServiceState
    state_reason: str  # a sentence: why stopped or unknown; empty when running
    now: datetime
    heartbeat: Heartbeat | None
    next_run_at: datetime | None
    schedule: str
    paused: Override | None
    running: RunInProgress | None
    latest: Backup | None  # the newest finished run, whatever became of it
    latest_proven: Backup | None
    latest_deliveries: tuple[Delivery, ...]  # of latest_proven
    databases: tuple[DatabaseStatus, ...]
    recipients: tuple[RecipientStatus, ...]
    day: SuccessRate
    week: SuccessRate
    warnings: tuple[str, ...] = ()
    last_drill: Drill | None = None  # the newest, whatever came of it
    restore_proven: Drill | None = None  # the newest that succeeded
    alarms: tuple[Alarm, ...] = ()  # those that are open, oldest first
    overridden: Override | None = None  # the schedule chosen in chat, where it is the one in force
    setting: str = ""  # SCHEDULE, where `overridden` wins over it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachability:
    """Whether a recipient takes messages now: `trouble` is the sentence the person needs, empty when reachable."""

    recipient: Recipient
    name: str
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What `System Health` shows, each value measured when asked; None where it could not be."""

    status: Status
    disk_free: int
    disk_total: int
    store_bytes: int
    store_count: int
    days_until_full: float | None
    recipients: tuple[Reachability, ...]
    round_trip: float | None  # seconds to Telegram and back
    telegram_trouble: str
    drill_trouble: str = ""  # why the newest test-restore could not be made; empty where it was
    drills_planned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPage:
    """A page of the history, newest first. `page` counts from 0."""

    backups: tuple[Backup, ...]
    page: int
    pages: int
    total: int
    by_rule: frozenset[int] = frozenset()  # the ids of those that a keep rule keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupDetails:
    """A backup with its deliveries, and why retention keeps or will drop it."""

    backup: Backup
    deliveries: tuple[Delivery, ...]
    retention: str
    volumes: int
    drills: tuple[Drill, ...] = ()  # newest first
    restorable: bool = False  # its archive is on the disk, or Telegram holds all of it


class DrillSource(StrEnum):
    """Where a test-restored archive came from."""

    TELEGRAM = "telegram"
    DISK = "disk"
    OBJECTS = "object storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A test-restore of one backup: `detail` says what was proven, or else what is wrong, in whole sentences.

    Not `opened` is a sealed archive that no key here opens: its bytes were compared, and no restore is proven by it.
    """

    backup_id: int
    at: datetime
    source: DrillSource
    ok: bool
    detail: str
    opened: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVolume:
    """A volume that lies in Telegram. Only the bot that sent it can use its `file_id`; `sha256` may be empty."""

    file_id: str
    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDatabase:
    """A database in a restore point: its member name, the path it was read from, and the bytes it has."""

    name: str
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePoint:
    """A proven backup whose volumes all lie in Telegram: what it takes to get it back without this machine.

    The volumes are in order and together are the archive. `skipped` names what this backup is without, `sealed` for
    whom it is sealed.
    """

    at: datetime
    archive: str
    bytes: int
    sha256: str
    databases: tuple[HeldDatabase, ...]
    volumes: tuple[StoredVolume, ...]
    skipped: tuple[str, ...] = ()
    sealed: str = ""


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
class RestoreProgress:
    """A progress event of a restore. `done` of `total` bytes of the stage; `detail` names a database."""

    stage: RestoreStage
    done: int = 0
    total: int = 0
    detail: str = ""

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseChange:
    """What a restore would do to one database.

    `path` is as configured, `target` the file behind it (links followed). `now` is None where nothing readable is
    there. `lost`, `warnings` and `obstacles` are whole sentences; with an obstacle the restore is refused.
    """

    name: str
    path: Path
    target: Path
    method: RestoreMethod
    state: TargetState
    now: DatabaseFacts | None
    then: DatabaseFacts
    taken_at: datetime | None
    tables: tuple[TableChange, ...] = ()
    schema: tuple[SchemaChange, ...] = ()
    in_use: InUse = InUse.UNKNOWN
    used_by: tuple[str, ...] = ()  # programs, as far as this system tells
    in_use_means: str = ""  # a sentence
    lost: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


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
    `folder` is None where the configured live files are the targets. `source` says in words where it comes from.
    """

    id: str
    source: str
    backup_id: int | None
    created_at: datetime
    taken_at: datetime | None
    folder: Path | None
    changes: tuple[DatabaseChange, ...]
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
    """One database as a restore left it. `set_aside` are the former files, where they were replaced and are kept."""

    name: str
    target: Path
    method: RestoreMethod
    rows: tuple[tuple[str, int], ...]
    detail: str = ""  # a sentence, where something is worth saying
    set_aside: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """A restore that was done and checked. `safety` is the pinned backup of what was there before, if it could be read.

    `undoable` tells whether `--undo` can bring back what was there.
    """

    id: str
    source: str
    databases: tuple[RestoredDatabase, ...]
    safety: Backup | None
    undoable: bool
    seconds: float
    warnings: tuple[str, ...] = ()


class PendingOutcome(StrEnum):
    """What a restore that was cut off left of one database."""

    OLD = "as before"
    NEW = "restored"
    CHANGED = "changed since"  # whole, but neither: its application has written to it in the meantime
    UNREADABLE = "could not be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRestore:
    """A restore that was cut off, after its files were put in order: what each database is now, and what to do.

    `sentence` names every database; `hint` says what to type.
    """

    id: str
    started_at: datetime
    requested_by: str
    source: str
    databases: tuple[tuple[str, PendingOutcome], ...]
    sentence: str
    hint: str
