"""The databases one by one: how each stands, in a line; and the screen of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import Alarm, AlarmKind, Backup, Condition, DatabaseStatus, SkipReason, Status, Verdict
from bot.services.status.verdict import ConcernKind, DatabaseStanding, concerns_of, database_condition, standing
from bot.texts.alarm_words import words_of
from bot.texts.alarms import RESTORE
from bot.texts.losses import loss_line, losses_of, shrinking_of
from bot.texts.markup import FittedList, compose, name, names, plain_names, sentence, shortened, text
from bot.texts.measures import age, count, human_size, moment, rows_in
from bot.texts.skips import cause_of, full_disk, mend_words
from bot.texts.verdict import CONDITION_ICONS, OF_DATABASES, headline, mend_line, stale_line
from bot.words.causes import in_full

_FEW = 6
"""Up to so many good databases are named on Backup Status; more are a number."""

_TAKEN_OUT = "no longer in the settings; backups stay where they are"

_OTHER_ICONS = {DatabaseStanding.NEW: "▫️", DatabaseStanding.RETIRED: "➖"}


def icon(database: DatabaseStatus, status: Status) -> str:
    """Return the mark of a database, the same on every screen."""
    place = standing(database, status)
    if place is DatabaseStanding.NEW and status.none_left:
        return CONDITION_ICONS[Condition.WRONG]
    return _OTHER_ICONS.get(place) or CONDITION_ICONS[database_condition(database, status)]


def why(database: DatabaseStatus, status: Status) -> str:
    """Return in a few words what is the matter with a database; empty where nothing is. Plain text."""
    match standing(database, status):
        case DatabaseStanding.TROUBLE:
            reason = database.skipped
            known = reason is not None and reason is not SkipReason.FAILED
            return cause_of([reason]) if reason is not None and known else in_full(database.trouble).rstrip(".")
        case DatabaseStanding.SHRUNKEN:
            return f"has {shrinking_of(status.alarms, {database.name})}"
        case DatabaseStanding.OLD:
            return "backup too old"
        case DatabaseStanding.UNCHECKED:
            return "could not be checked"
        case DatabaseStanding.NEW | DatabaseStanding.GOOD | DatabaseStanding.RETIRED:
            return ""


def summary(status: Status) -> FittedList:
    """Return what Backup Status says of databases: trouble in full, a shared cause once, the rest counted."""
    alike: dict[tuple[DatabaseStanding, str], list[DatabaseStatus]] = {}
    for database in sorted(status.databases, key=lambda one: standing(one, status)):
        alike.setdefault((standing(database, status), why(database, status)), []).append(database)
    lines: list[str] = []
    for (place, cause), some in alike.items():
        mark = icon(some[0], status)
        if place is DatabaseStanding.TROUBLE and len(some) == 1:
            last = some[0].last
            known = f"last backup {age(last.started_at, status.now)}" if last else "never backed up"
            lines.append(f"{mark} {_named(some)}: {text(cause, 140)} · {known}")
        elif place is DatabaseStanding.SHRUNKEN:
            lines += [f"{mark} {_named([one])} {why(one, status)}: {_loss(one, status)}" for one in some]
        elif place is DatabaseStanding.GOOD and len(some) <= _FEW:
            lines += [f"{mark} {_named([one])}{_size(one)}" for one in some]
        elif place is DatabaseStanding.GOOD:
            size = human_size(sum(one.bytes or 0 for one in some))
            lines.append(f"{mark} {count(len(some), 'database')} backed up and checked, {size}")
        else:
            shared = cause if len(some) == 1 else cause.replace("the file is ", "the files are ")
            if status.latest is not None and {one.skipped for one in some} == {SkipReason.NO_SPACE}:
                lack = full_disk([record.why.facts for record in status.latest.skipped])
                shared = ", ".join(filter(None, (shared, lack)))
            said = {DatabaseStanding.NEW: _never(status), DatabaseStanding.RETIRED: _TAKEN_OUT}.get(place, shared)
            lines.append(f"{mark} {_named(some, status)}: {text(said, 140)}")
    return FittedList(tuple(lines), 12)


def _never(status: Status) -> str:
    return "no backup is left" if status.none_left else "not backed up yet"


def _none(status: Status) -> str:
    return "no backup left" if status.none_left else "no backup yet"


def _loss(database: DatabaseStatus, status: Status) -> str:
    alarm = alarm_of(database, status)
    return text(loss_line(losses_of(alarm) if alarm is not None else ()), 160)


def _named(alike: Sequence[DatabaseStatus], status: Status | None = None) -> str:
    if len(alike) == 1:
        return f"<code>{name(alike[0].name)}</code>"
    if status is not None and not alike[0].retired and len(alike) == sum(not one.retired for one in status.databases):
        return f"All {len(alike)} databases" if len(alike) > 2 else "Both databases"
    return f"{count(len(alike), 'database')} ({text(plain_names([one.name for one in alike], 2), 100)})"


def _size(database: DatabaseStatus) -> str:
    return f" · {human_size(database.bytes)}" if database.bytes is not None else ""


# --- the list ----------------------------------------------------------------------------------------------------


def databases(status: Status, timezone: ZoneInfo) -> str:
    """Return the text over the list of databases, which are its buttons."""
    here = [one for one in status.databases if not one.retired]
    if not status.databases:
        return "🗄 <b>Databases</b>\nDATABASES names no file yet."
    places = {standing(one, status) for one in here}
    old = status.latest_proven if all_too_old(status) else None
    if old is not None:
        mark = CONDITION_ICONS[database_condition(here[0], status)]
        state = f"{mark} {count(len(here), 'database')}, last backup {age(old.started_at, status.now)}: too old"
    elif places == {DatabaseStanding.NEW}:
        state = f"{'🚨' if status.none_left else '⏳'} {count(len(here), 'database')}, {_never(status)}"
    else:
        mark, said = backed_up(status)
        state = f"{mark} {sentence(said)}"
    mend = stale_line(status) if old is not None else None
    if {one.skipped for one in here} == {SkipReason.NO_SPACE}:
        mend = f"💡 {text(mend_words(SkipReason.NO_SPACE, here[0].trouble.facts), 300)}"
    worst = concerns_of(status)[0].kind if _is_elsewhere(status) else None
    if mend is None and worst is not None and (worst is not ConcernKind.LOST or status.none_left):
        mend = mend_line(status, timezone)  # what is lost can be let go on other screens
    press = "Last backup of each; press one to see more."
    head = headline(status, timezone) if status.is_paused or _is_elsewhere(status) else None
    return compose("🗄 <b>Databases</b>", head, state, mend, press if status.latest_proven is not None else None)


def _is_elsewhere(status: Status) -> bool:
    """Tell whether what is worst is no matter of single databases, and so said by none of them."""
    told = (ConcernKind.FIRST, ConcernKind.STALE, *OF_DATABASES)
    return any(concern.kind not in told for concern in concerns_of(status)[:1])


def all_too_old(status: Status) -> bool:
    """Tell whether nothing is the matter with the databases but that no backup was made for too long."""
    places = {standing(one, status) for one in status.databases if not one.retired}
    return places == {DatabaseStanding.OLD} and status.latest_proven is not None


def backed_up(status: Status) -> tuple[str, str]:
    """Return how many databases are backed up, with the mark of the worst, and those in the worst trouble by name."""
    here = [one for one in status.databases if not one.retired]
    places = [standing(one, status) for one in here]
    held = places.count(DatabaseStanding.GOOD) + places.count(DatabaseStanding.SHRUNKEN)
    worst = min(places, default=DatabaseStanding.GOOD)
    mark = CONDITION_ICONS[max((database_condition(one, status) for one in here), default=Condition.GOOD)]
    some = [one.name for one, place in zip(here, places, strict=True) if place is worst]
    if here and not held:
        older = " now; older backups are there" if {*places} == {worst} and any(one.last for one in here) else ""
        return mark, ("none" if len(here) > 1 else "not") + f" backed up{older}"
    whole = "both " if held == 2 else f"all {held} " if held > 1 else ""
    number = f"{held} of {len(here)} " if held < len(here) else whole
    said = f"{number}backed up and checked"
    lost = shrinking_of(status.alarms, some)
    tails = {
        DatabaseStanding.SHRUNKEN: f", but {names(some, 2)} {'has' if len(some) == 1 else 'have'} {lost}",
        DatabaseStanding.GOOD: "",
    }
    return mark, said + tails.get(worst, f", not {names(some, 2)}")


def database_label(database: DatabaseStatus, status: Status) -> str:
    """Return the button of one database, as plain text."""
    last = age(database.last.started_at, status.now) if database.last is not None else _none(status)
    old = f"backup {last.removesuffix(' ago')} old" if last.endswith(" ago") else last
    mark, cause = icon(database, status), why(database, status)
    if standing(database, status) in (DatabaseStanding.TROUBLE, DatabaseStanding.SHRUNKEN):
        cause = cause.removeprefix("the file is ").removeprefix("has ")
        said = f"{shortened(cause, 30)} · " if database.skipped is not SkipReason.NO_SPACE else ""
        return f"{mark} {shortened(database.name, 30)} · {said}{old}"
    if database.retired:
        return f"{mark} {shortened(database.name, 30)} · no longer in the settings"
    size = f"{human_size(database.bytes)} · " if database.bytes is not None else ""
    return f"{mark} {shortened(database.name, 30)} · {size}{last}"


# --- one ---------------------------------------------------------------------------------------------------------


def alarm_of(database: DatabaseStatus, status: Status) -> Alarm | None:
    """Return the open alarm about a database alone: that it is not backed up before that it has shrunk."""
    kinds = (AlarmKind.SKIPPED, AlarmKind.GONE, AlarmKind.SHRUNKEN)
    found = [alarm for alarm in status.alarms if alarm.subject == database.name and alarm.kind in kinds]
    return min(found, key=lambda alarm: kinds.index(AlarmKind(alarm.kind)), default=None)


def database(database: DatabaseStatus, status: Status, backups: Sequence[Backup], timezone: ZoneInfo) -> str:
    """Return one database: how it stands, what to do, and its last backups with their rows, newest first."""
    alarm, now = alarm_of(database, status), status.now
    words = words_of(alarm, now, timezone) if alarm is not None else None
    return compose(
        f"🗄 <b>{name(database.name, 60)}</b>",
        f"{icon(database, status)} {_state(database, status)}",
        f"<code>{name(database.path, 90)}</code>{_size(database)}",
        f"💡 {text(words.mend, 300)}" if words is not None and words.mend else None,
        "",
        "<b>Last backups</b>" if backups else None,
        FittedList(tuple(_backup(database.name, backup, now, timezone) for backup in backups), 8),
    )


def restore_words(backup: Backup, status: Status, timezone: ZoneInfo) -> str:
    """Return the button that brings a database back, with the time of the backup; as plain text."""
    return f"{RESTORE} ({moment(backup.started_at, status.now, timezone)})"


def _state(database: DatabaseStatus, status: Status) -> str:
    cause = text(why(database, status), 400)
    match standing(database, status):
        case DatabaseStanding.TROUBLE:
            return f"Not backed up: {cause}"
        case DatabaseStanding.SHRUNKEN:
            return f"{sentence(cause)}: {_loss(database, status)}"
        case DatabaseStanding.OLD:
            return f"Last backup {age(database.last.started_at, status.now)}: too old" if database.last else cause
        case DatabaseStanding.UNCHECKED:
            return "Backed up, but it could not be checked"
        case DatabaseStanding.NEW:
            return sentence(_never(status))
        case DatabaseStanding.GOOD:
            return "Backed up and checked"
        case DatabaseStanding.RETIRED:
            return sentence(_TAKEN_OUT)


def _backup(wanted: str, backup: Backup, now: datetime, timezone: ZoneInfo) -> str:
    entry = next(entry for entry in backup.databases if entry.name == wanted)
    less = any(loss.database == wanted for loss in backup.shrunken)
    icon = "✅" if entry.verdict is Verdict.OK and not less else "⚠️"
    rows = f" · {rows_in(entry.rows)}" if entry.rows else ""
    return f"{icon} {moment(backup.started_at, now, timezone)} · {human_size(entry.bytes)}{rows}"
