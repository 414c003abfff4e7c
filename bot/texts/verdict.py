"""The one verdict on the whole state: the same line on every screen, in the pinned message and in the digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import MONTHS, clock_time
from bot.models import AlarmKind, Cause, Condition, Status
from bot.services.status.verdict import Concern, ConcernKind, concerns_of, out_of_reach
from bot.texts.alarm_words import words_of
from bot.texts.losses import shrinking_of
from bot.texts.lost import lost_mend, lost_words
from bot.texts.markup import by_name, names, sentence, signed, text
from bot.texts.measures import count
from bot.texts.skips import cause_of
from bot.words.outcomes import reason_words

CONDITION_ICONS = {Condition.GOOD: "✅", Condition.LOOK: "⚠️", Condition.WRONG: "🚨"}
"""How something stands now, on every screen. A ❌ is for what came to nothing (a run, a restore, a check of the
examination, a database that is not in a backup), and for a dead service."""

ONLY_SENDS = "📤 Only sends (RECEIVE=off): it answers neither messages nor buttons."

_DEAD = {ConcernKind.STOPPED: "❌ <b>Stopped</b>", ConcernKind.UNKNOWN: "❓ <b>Unknown</b>"}
_NOT_STARTED = "⏳ <b>Not started yet</b>"
OF_DATABASES = frozenset({
    ConcernKind.DATABASES, ConcernKind.FAILED, ConcernKind.UNCHECKED, ConcernKind.NEW, ConcernKind.SHRUNKEN,
})  # fmt: skip
_NAMED = 2
"""Names in the line; more are counted."""


def headline(status: Status, timezone: ZoneInfo, concerns: Sequence[Concern] | None = None) -> str:
    """Return the verdict after the name of the server, where it has one."""
    return signed(status.server, verdict(status, timezone, concerns))


def verdict(status: Status, timezone: ZoneInfo, concerns: Sequence[Concern] | None = None) -> str:
    """Return the verdict in one line, with what is worst in words: HTML that stays true when it is read later.

    `concerns` are those of the status, and where it was measured, of what was measured, the worst first.
    """
    concerns = concerns_of(status) if concerns is None else concerns
    worst = concerns[0] if concerns else None
    if worst is not None and worst.kind in _DEAD:
        return _NOT_STARTED if status.state_reason.code == Cause.NEVER_STARTED else _DEAD[worst.kind]
    condition = worst.condition if worst is not None else Condition.GOOD
    if status.is_paused and status.paused is not None:
        by, until = by_name(status.paused.set_by), status.paused.until
        when = "" if until is None else f" until {_lasting(until, status.now, timezone)}"
        icon = "⏸" if condition is not Condition.WRONG else CONDITION_ICONS[condition]
        also = f", and {_words(worst, status, timezone)}" if worst is not None else ""
        return f"{icon} <b>Paused by {by}{when}</b>{also}"
    if worst is None:
        return f"{CONDITION_ICONS[condition]} <b>Running</b>, all is well"
    icon = "⏳" if worst.kind is ConcernKind.FIRST else CONDITION_ICONS[condition]
    said = _words(worst, status, timezone)
    named = worst.names and worst.kind in OF_DATABASES  # it begins with a name, which stays as it is
    return f"{icon} <b>{said if named else sentence(said)}</b>"


def mend_line(status: Status, timezone: ZoneInfo) -> str | None:
    """Return what helps against what is worst, where it can be said and no button does it; else None."""
    worst = next(iter(concerns_of(status)), None)
    if worst is not None and worst.kind is ConcernKind.STALE:
        return stale_line(status)
    if worst is not None and worst.kind is ConcernKind.TELEGRAM and (why := out_of_reach(status)):
        return f"💡 {text(sentence(without_telegram(reason_words(why))), 300)}. Backups are sent once it is back."
    if worst is not None and worst.kind is ConcernKind.LOST:
        gone = sum(one.gone for one in status.lost)
        alone = sum(not one.can_be_had for one in status.lost)
        unread, damaged = sum(one.unread for one in status.lost), len(status.lost) - gone
        return f"💡 {lost_mend(gone, damaged, alone=alone, none_left=status.none_left, unread=unread)}"
    if worst is None or worst.kind not in (ConcernKind.ALARM, ConcernKind.DISK, ConcernKind.FAILED):
        return None
    key = AlarmKind.RUN if worst.kind is ConcernKind.FAILED else worst.names[0]
    alarm = next((alarm for alarm in status.alarms if alarm.key == key), None)
    mend = words_of(alarm, status.now, timezone).mend if alarm is not None else ""
    return f"💡 {text(mend, 300)}" if mend else None


def without_telegram(said: str) -> str:
    """Return why Telegram can't be reached, below a line that says that it can't."""
    return said.removeprefix(f"{_PLAIN[ConcernKind.TELEGRAM]}: ").rstrip(".")


def stale_line(status: Status) -> str | None:
    """Return what to do where no backup was made for too long; None in a pause, which Resume ends."""
    if status.is_paused:
        return None
    off = "Was the machine off or asleep? " if status.missed and status.off is None else ""
    return f"💡 {off}Make a backup now; if that fails, it says why."


def _words(concern: Concern, status: Status, timezone: ZoneInfo) -> str:
    who = names(concern.names, _NAMED)
    be = "is" if len(concern.names) == 1 else "are"
    several = who if len(concern.names) <= _NAMED else count(len(concern.names), "database")
    match concern.kind:
        case ConcernKind.DATABASES | ConcernKind.FAILED if concern.names:
            skipped = [one.skipped for one in status.databases if one.name in concern.names and one.skipped]
            why = cause_of(skipped)
            return f"{several} {be} not backed up{f': {why}' if why else ''}"
        case ConcernKind.UNCHECKED | ConcernKind.NEW:
            return f"{several} {_OF_DATABASES[concern.kind][be == 'are']}"
        case ConcernKind.LOST:
            gone, damaged = ([one.backup_id for one in status.lost if one.gone is there] for there in (True, False))
            alone = sum(not one.can_be_had for one in status.lost)
            return lost_words(gone, damaged, alone=alone, none_left=status.none_left)
        case ConcernKind.DELIVERY:
            return f"not delivered to {who}"
        case ConcernKind.SHRUNKEN:
            return f"{several} {'has' if be == 'is' else 'have'} {shrinking_of(status.alarms, concern.names)}"
        case ConcernKind.ALARM:
            return _alarms(concern, status, timezone)
        case ConcernKind.DISK if concern.condition is Condition.WRONG:
            return _alarms(concern, status, timezone)
        case ConcernKind.STALE if status.latest_proven is not None:
            return f"no good backup since {_lasting(status.latest_proven.started_at, status.now, timezone)}"
        case ConcernKind.TELEGRAM | ConcernKind.DRILL if concern.condition is Condition.LOOK:
            return _MILDER[concern.kind]
        case kind:
            return _PLAIN[kind]


def _alarms(concern: Concern, status: Status, timezone: ZoneInfo) -> str:
    alarm = next(alarm for alarm in status.alarms if alarm.key == concern.names[0])
    title = text(words_of(alarm, status.now, timezone).title, 80)
    more = f" (and {count(len(concern.names) - 1, 'other alarm')})" if concern.names[1:] else ""
    return title[:1].lower() + title[1:] + more


_PLAIN = {
    ConcernKind.FAILED: "the last backup failed",
    ConcernKind.INTERRUPTED: "the last backup was interrupted",
    ConcernKind.STALE: "no good backup is left",
    ConcernKind.FIRST: "no backup yet",
    ConcernKind.TELEGRAM: "Telegram can't be reached",
    ConcernKind.DRILL: "the last test-restore failed",
    ConcernKind.CUT_OFF: "a restore was cut off",
    ConcernKind.DISK: "the disk will be full soon",
}
_OF_DATABASES = {  # of one, of several
    ConcernKind.UNCHECKED: ("could not be checked", "could not be checked"),
    ConcernKind.NEW: ("is not backed up yet", "are not backed up yet"),
}
_MILDER = {
    ConcernKind.TELEGRAM: "Telegram answers slowly",
    ConcernKind.DRILL: "the last test-restore could not be made",
}


def _lasting(then: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return a moment without a word that is false tomorrow: `22:44`, `29 Nov, 08:00`."""
    local = then.astimezone(timezone)
    if local.date() == now.astimezone(timezone).date():
        return clock_time(then, timezone)
    return f"{local.day} {MONTHS[local.month - 1]}, {clock_time(then, timezone)}"
