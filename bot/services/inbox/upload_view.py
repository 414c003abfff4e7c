"""Shows an upload to the outside: frozen values for those who draw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors import CourierError, MissingVolumesError
from bot.models import Backup, RestorePoint, RestoreProgress, SkippedRecord, Verdict

KEPT_FOR = 30 * 60.0
"""Seconds that an upload is kept after it was last touched."""


class UploadPhase(StrEnum):
    """Where an upload stands."""

    FETCHING = "fetching"  # files are on their way from Telegram
    CHECKING = "checking"  # whole, and being read and checked
    WAITING = "waiting"  # volumes are missing
    REFUSED = "refused"  # nothing can be done with it as it is; `problem` says why
    LISTING = "listing"  # a catalogue document: restore points to choose from
    READY = "ready"  # proven, and ready to be restored
    GONE = "gone"  # nothing of it is here any more; `gone` says why


MOVING = frozenset({UploadPhase.FETCHING, UploadPhase.CHECKING})
"""The phases that end by themselves."""

COLLECTING = frozenset({UploadPhase.FETCHING, UploadPhase.WAITING, UploadPhase.REFUSED})
"""The phases in which one more file may be what is missing."""


class UploadEnd(StrEnum):
    """Why an upload is gone."""

    FORGOTTEN = "forgotten"  # by a press
    EXPIRED = "expired"
    REPLACED = "replaced"  # by what the same person sent later
    RELEASED = "released"  # whoever restores needs it no more
    STOPPED = "stopped"  # the service stops


class LeftOutReason(StrEnum):
    """Why a document was left out."""

    TOO_LARGE = "too large"  # for a bot to download
    SEALED = "sealed"
    NOT_TAKEN = "not taken"  # no archive, volume or database, by its name
    SIDECAR = "beside a database"
    NO_DATABASE = "no database"  # by its bytes, though its name says so; `detail` says what it may be
    ONE_AT_A_TIME = "one at a time"  # it belongs to another archive, which came later or before
    CATALOGUE = "catalogue"  # sent among volumes
    TOO_MUCH = "too much"
    STOPPING = "stopping"  # the service is about to stop
    FAILED = "failed"  # Telegram did not give it out; `detail` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutFile:
    """A document that is not part of the upload. `detail` is a sentence, where there is one."""

    name: str
    bytes: int
    why: LeftOutReason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """A file of the upload, under the name it came with; `number` is the volume that its name tells."""

    name: str
    bytes: int
    number: int | None
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDatabase:
    """A database found in an archive, after its check."""

    name: str
    bytes: int
    rows: tuple[tuple[str, int], ...]  # of each table, -1 where it could not be counted
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadContents:
    """What an archive turned out to be, every byte of it read and every database checked.

    `made_at` and `host` are what its manifest says, None and empty where it has none: `ours` is false then. `backup` is
    the one that the catalogue knows by the very same SHA-256. `proven` tells whether every database is there that its
    manifest names, and no other; `bare` whether it is a database file that came by itself.
    """

    name: str
    bytes: int
    sha256: str
    volumes: int
    bare: bool
    ours: bool
    proven: bool
    made_at: datetime | None
    host: str
    databases: tuple[FoundDatabase, ...]
    skipped: tuple[SkippedRecord, ...]
    warnings: tuple[str, ...]
    backup: Backup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointListing:
    """What a catalogue document lists. `ours` tells whether this very bot had sent it."""

    points: tuple[RestorePoint, ...]
    written_at: datetime
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadView:
    """An upload at one moment; `version` grows with every change.

    `done` of `total` bytes have come from Telegram. `known` is the backup that a file over the limit seems to be by its
    name; `fetchable` says that Telegram gives its volumes out to this bot. `offer` is the id under which its restore
    can be begun, empty before it is proven. `after_restart` says that a restart has cost what the same person had sent
    before.
    """

    id: str
    admin_id: int
    version: int
    phase: UploadPhase
    files: tuple[UploadPart, ...] = ()
    left_out: tuple[LeftOutFile, ...] = ()
    done: int = 0
    total: int = 0
    progress: RestoreProgress | None = None
    problem: CourierError | None = None
    known: Backup | None = None
    fetchable: bool = False
    contents: UploadContents | None = None
    listing: PointListing | None = None
    point: RestorePoint | None = None  # the one of the listing that was chosen
    offer: str = ""
    after_restart: bool = False
    gone: UploadEnd | None = None

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of volumes that are missing, as far as they are known."""
        return self.problem.missing if isinstance(self.problem, MissingVolumesError) else ()

    @property
    def total_volumes(self) -> int:
        """How many volumes there are, 0 where it is not known."""
        return self.problem.total if isinstance(self.problem, MissingVolumesError) else 0
