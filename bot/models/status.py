"""The state of the service, as the status and the health screens show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from bot.models.alarms import Alarm
from bot.models.backups import Backup
from bot.models.databases import SkipReason, Verdict
from bot.models.deliveries import Delivery, Reachability, Recipient, RecipientStatus
from bot.models.drills import Drill
from bot.models.load import ChatLoad
from bot.models.reasons import NO_REASON, Reason
from bot.models.runs import RunInProgress


class ServiceState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    UNKNOWN = "unknown"

    @property
    def is_running(self) -> bool:
        return self is ServiceState.RUNNING


class Condition(IntEnum):
    """How something stands; the worst is the largest."""

    GOOD = 0
    LOOK = 1  # somebody should look at it
    WRONG = 2


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
class SuccessRate:
    """How many runs of a period backed up every database and proved it; `total` counts those that are missed too."""

    ok: int
    total: int
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """One configured or formerly backed-up database: `last` is the newest proven backup that holds it.

    `bytes` are those of its last backup, its log included; before the first, of the file; None where it can't be seen.
    `trouble` is why the newest run skipped it, none when it did not, and `skipped` of what kind that is. One that is
    `retired` is named by DATABASES no longer, which is nobody's trouble.
    """

    name: str
    path: str
    bytes: int | None
    last: Backup | None
    verdict: Verdict | None
    trouble: Reason = NO_REASON
    skipped: SkipReason | None = None
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LostArchive:
    """An archive that should be sound on this machine's disk: it is gone from it, or else damaged there.

    What it holds can be had all the same from `holders`, and from another archive on the disk where it has a `twin`;
    `in_telegram` tells that Telegram gives it back. An admin may have said that it is `let_go`. One that is gone and
    `unread` lies there again, and can't be read.
    """

    backup_id: int
    started_at: datetime
    gone: bool
    let_go: bool = False
    unread: bool = False
    in_telegram: bool = False
    twin: bool = False
    holders: tuple[Recipient, ...] = ()

    @property
    def can_be_had(self) -> bool:
        return self.in_telegram or self.twin or bool(self.holders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The service at a glance: what `Backup Status` and `sqlite-courier status` show."""

    state: ServiceState
    state_reason: Reason  # why stopped or unknown; none when running
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
    warnings: tuple[Reason, ...] = ()  # each a `WarningCode` or a `Cause`
    stale: bool = False  # latest_proven is older than the schedule or STALE_AFTER allows
    missed: int = 0  # planned runs since the last one that did not take place, where it is stale in no pause
    off: tuple[datetime, datetime] | None = None  # from when to when the service was not running, which is why
    lost: tuple[LostArchive, ...] = ()  # newest first, those that nobody has let go
    in_telegram: bool = False  # latest_proven, of which no delivery is recorded, can be had from there
    cut_off: tuple[str, ...] = ()  # what restores that were cut off have left, and what to do
    last_drill: Drill | None = None  # the newest, whatever came of it
    restore_proven: Drill | None = None  # the newest that succeeded
    alarms: tuple[Alarm, ...] = ()  # those that are open, oldest first
    overridden: Override | None = None  # the schedule chosen in chat, where it is the one in force
    server: str = ""  # SERVER_NAME; empty where none was chosen
    receives: bool = True  # takes presses and messages: RECEIVE
    setting: str = ""  # SCHEDULE, where `overridden` wins over it

    @property
    def none_left(self) -> bool:
        """Whether the newest run made a good backup, and neither that nor any before it can be had any more."""
        return self.latest is not None and self.latest.proven and self.latest_proven is None

    @property
    def is_paused(self) -> bool:
        """Whether the service lives and somebody paused its schedule."""
        alive = self.heartbeat is not None and not self.heartbeat.stopped
        return self.state is ServiceState.STOPPED and self.paused is not None and alive


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
    load: ChatLoad | None = None  # None before the first good backup
    drill_trouble: str = ""  # why the newest test-restore could not be made; empty where it was
    drills_planned: bool = True


PAUSED = "paused"
"""The name of the override that stops scheduled runs."""
