"""Sums up the state of service, backups, databases, deliveries and restores in one verdict: the worst of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from bot.errors import NoSpaceError
from bot.models import (
    NO_REASON,
    AlarmKind,
    BackupState,
    Condition,
    DatabaseStatus,
    Delivery,
    DeliveryState,
    Health,
    OutcomeCode,
    Reason,
    SkipReason,
    Status,
    Verdict,
)

SOON_FULL = 7
"""Days until the disk is full from which on somebody should look at it."""

OUT_OF_REACH = frozenset({
    OutcomeCode.NO_INTERNET, OutcomeCode.NO_SERVER, OutcomeCode.PROXY, OutcomeCode.CERTIFICATE, OutcomeCode.UNREACHABLE,
})  # fmt: skip
"""Why nothing can be sent to any chat; it is told once, and not of each."""

SLOW = 2.0
"""Seconds for a round trip to Telegram from which on it is called slow."""


class ConcernKind(StrEnum):
    """What there can be to say of the whole, the worst first where several are equally bad."""

    STOPPED = "stopped"
    UNKNOWN = "unknown"
    FAILED = "failed"  # the newest run
    DATABASES = "databases"  # they are not in the newest backup
    LOST = "lost"  # archives are gone from the disk or damaged there
    STALE = "stale"
    TELEGRAM = "telegram"
    DRILL = "drill"
    SHRUNKEN = "shrunken"
    DISK = "disk"
    ALARM = "alarm"  # any other
    CUT_OFF = "cut off"
    FIRST = "first"  # nothing was backed up yet, and nothing went wrong either
    INTERRUPTED = "interrupted"
    UNCHECKED = "unchecked"
    NEW = "new"  # a database that no backup holds yet
    DELIVERY = "delivery"


class DatabaseStanding(IntEnum):
    """How one database stands, what needs somebody most first."""

    TROUBLE = 0  # the newest run skipped it
    SHRUNKEN = 1
    OLD = 2  # its last backup is too old, as that of all others
    UNCHECKED = 3
    NEW = 4  # no backup holds it yet
    GOOD = 5
    RETIRED = 6  # DATABASES names it no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing that is not as it should be. `names`: databases, recipients, keys of alarms, ids of backups."""

    kind: ConcernKind
    condition: Condition
    names: tuple[str, ...] = ()


_ALARMS: dict[str, ConcernKind] = {AlarmKind.SHRUNKEN: ConcernKind.SHRUNKEN, AlarmKind.DISK: ConcernKind.DISK}
# What the newest backup says of itself already.
_TOLD_OTHERWISE = frozenset({
    AlarmKind.RUN, AlarmKind.STALE, AlarmKind.DRILL, AlarmKind.SKIPPED, AlarmKind.GONE, AlarmKind.LOST,
    AlarmKind.UNREACHABLE,
})  # fmt: skip


def concerns_of(status: Status) -> tuple[Concern, ...]:
    """Return what is not as it should be, the worst first; () while all is well. A pause is no concern of these."""
    return _worst_first((
        *_service(status), *_backup(status), *_archives(status), *_restore(status), *_databases(status),
        *_alarms(status), *_delivery(status),
    ))  # fmt: skip


def measured_concerns(health: Health) -> tuple[Concern, ...]:
    """Return the same with what was measured just now."""
    kinds = ConcernKind
    found = list(concerns_of(health.status))
    if health.telegram_trouble:
        told = out_of_reach(health.status)
        found += [] if told else [Concern(kind=kinds.TELEGRAM, condition=Condition.WRONG)]
    elif health.round_trip is None or health.round_trip > SLOW:
        found.append(Concern(kind=kinds.TELEGRAM, condition=Condition.LOOK))
    if health.days_until_full is not None and health.days_until_full < SOON_FULL:
        found.append(Concern(kind=kinds.DISK, condition=Condition.LOOK))
    if health.drill_trouble:
        found.append(Concern(kind=kinds.DRILL, condition=Condition.LOOK))
    invited = {one.recipient for one in health.status.recipients if one.invited}
    lost = [one for one in health.recipients if one.trouble and one.recipient not in invited]
    if lost:
        names = tuple(one.name or one.recipient.called for one in lost)
        found.append(Concern(kind=kinds.DELIVERY, condition=Condition.LOOK, names=names))
    return _worst_first(found)


def condition_of(status: Status) -> Condition:
    """Return how all stands: what every screen is headed with, and what `sqlite-courier status` exits with.

    GOOD is only where scheduled backups happen, the newest one holds every database, checked, is not too old, and has
    arrived or waits for its turn.
    """
    paused = Condition.LOOK if status.is_paused else Condition.GOOD
    return max((paused, *(concern.condition for concern in concerns_of(status))))


def backup_condition(status: Status) -> Condition:
    """Judge the newest run and the age of the newest good backup; in a pause it may grow old."""
    return max((Condition.GOOD, *(concern.condition for concern in _backup(status))))


def delivery_condition(status: Status) -> Condition:
    """Judge who has the newest good backup."""
    return max((Condition.GOOD, *(concern.condition for concern in _delivery(status))))


def out_of_reach(status: Status) -> Reason:
    """Return why Telegram could not be reached when the newest good backup was to be sent; none where it could."""
    return next((one.reason for one in status.latest_deliveries if waits_for_telegram(one)), NO_REASON)


def waits_for_telegram(delivery: Delivery) -> bool:
    """Tell whether a delivery is tried again as soon as Telegram can be reached."""
    waits = delivery.state is DeliveryState.PENDING and delivery.recipient.is_chat
    return waits and delivery.reason.code in OUT_OF_REACH


def is_out_of_space(status: Status) -> bool:
    """Tell whether the newest run failed for a full disk, beside which "nearly full" would be another story."""
    latest = status.latest
    if latest is None or latest.state is not BackupState.FAILED:
        return False
    return {record.reason for record in latest.skipped} == {
        SkipReason.NO_SPACE
    } or latest.error_code == NoSpaceError.code


def standing(database: DatabaseStatus, status: Status) -> DatabaseStanding:
    """Return how a database of the status stands."""
    if database.retired:
        return DatabaseStanding.RETIRED
    if database.trouble:
        return DatabaseStanding.TROUBLE
    if database.last is None:
        return DatabaseStanding.NEW
    if any(alarm.kind == AlarmKind.SHRUNKEN and alarm.subject == database.name for alarm in status.alarms):
        return DatabaseStanding.SHRUNKEN
    if status.stale:
        return DatabaseStanding.OLD
    return DatabaseStanding.GOOD if database.verdict is Verdict.OK else DatabaseStanding.UNCHECKED


def database_condition(database: DatabaseStatus, status: Status) -> Condition:
    """Judge one database by the same measure as the whole: what could not be checked, or is new, is not good.

    One that DATABASES names no more is of no concern here.
    """
    match standing(database, status):
        case DatabaseStanding.TROUBLE | DatabaseStanding.SHRUNKEN:
            return Condition.WRONG
        case DatabaseStanding.OLD:
            return _too_old(status)
        case DatabaseStanding.NEW if status.none_left:
            return Condition.WRONG
        case DatabaseStanding.UNCHECKED | DatabaseStanding.NEW:
            return Condition.LOOK
        case DatabaseStanding.GOOD | DatabaseStanding.RETIRED:
            return Condition.GOOD


def _worst_first(concerns: Iterable[Concern]) -> tuple[Concern, ...]:
    rank = list(ConcernKind).index
    return tuple(sorted(concerns, key=lambda concern: (-concern.condition, rank(concern.kind))))


def _service(status: Status) -> list[Concern]:
    if status.is_paused or status.state.is_running:
        return []
    return [Concern(kind=ConcernKind(status.state.value), condition=Condition.WRONG)]


def _backup(status: Status) -> list[Concern]:
    latest, proven = status.latest, status.latest_proven
    if latest is None and proven is None:
        return [Concern(kind=ConcernKind.FIRST, condition=Condition.LOOK)]
    found = []
    if latest is not None and latest.state is BackupState.FAILED:
        names = tuple(record.name for record in latest.skipped)
        found.append(Concern(kind=ConcernKind.FAILED, condition=Condition.WRONG, names=names))
    elif latest is not None and not latest.proven:
        condition = Condition.LOOK if proven is not None else Condition.WRONG
        found.append(Concern(kind=ConcernKind.INTERRUPTED, condition=condition))
    if latest is not None and latest.proven and latest.skipped:
        names = tuple(record.name for record in latest.skipped)
        found.append(Concern(kind=ConcernKind.DATABASES, condition=Condition.WRONG, names=names))
    if status.stale:
        found.append(Concern(kind=ConcernKind.STALE, condition=_too_old(status)))
    elif status.none_left:
        found.append(Concern(kind=ConcernKind.STALE, condition=Condition.WRONG))
    return found


def _archives(status: Status) -> list[Concern]:
    """Archives that the disk has no longer: a trouble where nobody else has what they hold."""
    if not status.lost:
        return []
    condition = Condition.LOOK if all(one.can_be_had for one in status.lost) else Condition.WRONG
    return [Concern(kind=ConcernKind.LOST, condition=condition, names=tuple(str(one.backup_id) for one in status.lost))]


def _too_old(status: Status) -> Condition:
    return Condition.LOOK if status.is_paused else Condition.WRONG


def _databases(status: Status) -> list[Concern]:
    here = [database for database in status.databases if not database.retired]
    skipped = {record.name for record in status.latest.skipped} if status.latest is not None else set()
    lost = tuple(one.name for one in here if one.trouble and one.name not in skipped)
    sound = [one for one in here if not one.trouble]
    new = tuple(one.name for one in sound if one.last is None and status.latest_proven is not None)
    unchecked = tuple(one.name for one in sound if one.last is not None and one.verdict is not Verdict.OK)
    return [
        Concern(kind=kind, condition=condition, names=names)
        for kind, condition, names in (
            (ConcernKind.DATABASES, Condition.WRONG, lost),
            (ConcernKind.UNCHECKED, Condition.LOOK, unchecked),
            (ConcernKind.NEW, Condition.LOOK, new),
        )
        if names
    ]


def _alarms(status: Status) -> list[Concern]:
    """What alarms are open about, other than what is said of the newest backup anyway."""
    found: dict[ConcernKind, list[str]] = {}
    for alarm in status.alarms:
        if alarm.kind not in _TOLD_OTHERWISE:
            kind = _ALARMS.get(alarm.kind, ConcernKind.ALARM)
            found.setdefault(kind, []).append(alarm.subject if kind is ConcernKind.SHRUNKEN else alarm.key)
    return [Concern(kind=kind, condition=Condition.WRONG, names=tuple(names)) for kind, names in found.items()]


def _delivery(status: Status) -> list[Concern]:
    """Who does not have the newest good backup, or can't be reached; who waits for a first try is no trouble."""
    waits = (DeliveryState.PENDING, DeliveryState.PARKED)
    invited = {one.recipient for one in status.recipients if one.invited}
    found = [Concern(kind=ConcernKind.TELEGRAM, condition=Condition.WRONG)] if out_of_reach(status) else []
    others = [one for one in status.latest_deliveries if not waits_for_telegram(one)]
    owed = [one.recipient for one in others if one.state in waits and one.reason]
    known = {one.recipient: one.name for one in status.recipients}
    parked = [one.recipient for one in status.recipients if one.parked_reason]
    names = tuple(known.get(one) or one.called for one in dict.fromkeys((*owed, *parked)) if one not in invited)
    return [*found, Concern(kind=ConcernKind.DELIVERY, condition=Condition.LOOK, names=names)] if names else found


def _restore(status: Status) -> list[Concern]:
    """The newest test-restore, and restores that were cut off."""
    found = []
    if status.last_drill is not None and not status.last_drill.ok:
        found.append(Concern(kind=ConcernKind.DRILL, condition=Condition.WRONG))
    if status.cut_off:
        found.append(Concern(kind=ConcernKind.CUT_OFF, condition=Condition.LOOK))
    return found
