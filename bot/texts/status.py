"""Backup Status, and the menus around it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import clock_time, zone_name
from bot.models import Alarm, AlarmKind, BackupState, Condition, Override, Recipient, Status
from bot.services.status.verdict import (
    ConcernKind,
    backup_condition,
    concerns_of,
    delivery_condition,
    is_out_of_space,
    waits_for_telegram,
)
from bot.texts.alarm_words import words_of
from bot.texts.alarms import open_alarms
from bot.texts.backups import delivered_to, held_of, names_of, owed_lines, trouble_of, unchanged_line, who
from bot.texts.databases import summary
from bot.texts.losses import shrinking
from bot.texts.lost import lost_lines
from bot.texts.markup import FittedList, by_name, compose, names, plain_names, sentence, shortened, text
from bot.texts.measures import age, count, human_size, moment, next_run
from bot.texts.restore_points import drill_line
from bot.texts.runs import running_line
from bot.texts.schedule_words import in_words
from bot.texts.verdict import CONDITION_ICONS, ONLY_SENDS, headline, mend_line
from bot.words.causes import in_full
from bot.words.failures import why_failed
from bot.words.outcomes import reason_words
from bot.words.warnings import warning_words


def status(status: Status, timezone: ZoneInfo) -> str:
    """Return the service at a glance: the bad news on top, then what is planned, what is there and who has it."""
    now = status.now
    others = [alarm for alarm in status.alarms if not _told_below(alarm, status)]
    return compose(
        "📊 <b>Backup Status</b>",
        headline(status, timezone),
        text(in_full(status.state_reason), 300) if status.state_reason and not status.is_paused else None,
        mend_line(status, timezone) if _is_headed_by_a_mend(status) else None,  # an alarm shown below says its own
        "",
        *open_alarms(others, now, timezone),
        cut_off_lines(status),
        lost_lines(status, timezone),
        FittedList(tuple(f"⚠️ {text(warning_words(warning, timezone), 250)}" for warning in status.warnings), 8),
        *_plan(status, timezone),
        *_last_backups(status, timezone),
        drill_line(status),
        None if status.receives else ONLY_SENDS,
        "",
        summary(status) if status.databases else "DATABASES names no file yet.",
        "",
        _rates(status) if status.week.total and not status.none_left else None,
        f"<i>As of {clock_time(now, timezone)} ({zone_name(timezone)})</i>",
    )


def _is_headed_by_a_mend(status: Status) -> bool:
    kinds = (ConcernKind.FAILED, ConcernKind.STALE, ConcernKind.DISK, ConcernKind.LOST, ConcernKind.TELEGRAM)
    return any(concern.kind in kinds for concern in concerns_of(status)[:1])


def _told_below(alarm: Alarm, status: Status) -> bool:
    """Whether what an alarm is about stands on the screen anyway: its head, a database, the newest run, a recipient."""
    match alarm.kind:
        case AlarmKind.SKIPPED | AlarmKind.GONE:
            return alarm.is_of_many or any(one.name == alarm.subject and one.trouble for one in status.databases)
        case AlarmKind.RUN:
            return status.latest is not None and not status.latest.proven
        case AlarmKind.LOST:
            return True
        case AlarmKind.STALE:
            return status.stale
        case AlarmKind.SHRUNKEN:
            return any(one.name == alarm.subject and not one.trouble for one in status.databases)
        case AlarmKind.UNREACHABLE:
            return any(one.recipient.address == alarm.subject and one.parked_reason for one in status.recipients)
        case AlarmKind.DRILL:
            return status.last_drill is not None and not status.last_drill.ok
        case AlarmKind.DISK:
            return is_out_of_space(status) or concerns_of(status)[0].kind is ConcernKind.DISK
    return False


def _plan(status: Status, timezone: ZoneInfo) -> tuple[str | None, ...]:
    """Return what runs now, and what comes next."""
    return (
        f"🔄 <b>Running now:</b> {running_line(status.running, status.now, timezone)}" if status.running else None,
        _next_line(status, timezone),
        overridden_line(status),
    )


def _next_line(status: Status, timezone: ZoneInfo) -> str | None:
    paused = status.paused
    if status.next_run_at is None or (status.is_paused and paused is not None and paused.until == status.next_run_at):
        return None  # the verdict says when it goes on
    which = "Next" if status.latest is not None else "First"
    return f"⏭ {which} backup {next_run(status.next_run_at, status.now, timezone)}"


def _last_backups(status: Status, timezone: ZoneInfo) -> tuple[str | FittedList | None, ...]:
    """Return the newest good backup and its deliveries, and above it a newer run that came to nothing."""
    latest, proven, now = status.latest, status.latest_proven, status.now
    parts: list[str | FittedList | None] = []
    if latest is not None and not latest.proven:
        what = "was interrupted" if latest.state is BackupState.INTERRUPTED else "failed"
        said = why_failed(latest)
        told = any(database.trouble for database in status.databases)  # each database says why, below
        if not told:
            why = f": {text(said, 250)}" if said else ""
            parts.append(f"❌ <b>The last backup {what}</b>, {age(latest.started_at, now)}{why}")
    if proven is None:
        headed = status.none_left and concerns_of(status)[0].kind in (ConcernKind.STALE, ConcernKind.LOST)
        told = latest is None or headed
        return (*parts, None if told else last_good_line(status, timezone), unreached_lines(status))
    names = names_of(status.recipients)
    parts.append(last_good_line(status, timezone))
    parts.extend(("🔒 Sealed (encrypted)" if proven.sealed else None, unchanged_line(proven)))
    where = "it lies in the chat" if status.in_telegram else delivered_to(status.latest_deliveries, names)
    parts.append(f"📬 {sentence(where)}")
    # What waits for Telegram is what all is headed with.
    others = [one for one in status.latest_deliveries if not waits_for_telegram(one)]
    parts.append(owed_lines(others, now, names, most=6))
    parts.append(
        unreached_lines(status, but={one.recipient for one in status.latest_deliveries if not one.state.settled})
    )
    return tuple(parts)


def unreached_lines(status: Status, but: Collection[Recipient] = (), most: int = 6) -> FittedList:
    """Return who can't be reached and what they have to do, `but` those of whom that is said otherwise."""
    names = names_of(status.recipients)
    lines = (
        f"👋 {sentence(who(one.recipient, names))} must open the bot and press Start"
        if one.invited
        else f"🚫 {sentence(trouble_of(who(one.recipient, names), reason_words(one.parked_reason)))}"
        for one in status.recipients
        if one.parked_reason and one.recipient not in but
    )
    return FittedList(tuple(lines), most)


def last_good_line(status: Status, timezone: ZoneInfo) -> str:
    """Return the newest good backup in a line, with the mark that the verdict has for it.

    Where it is too old, its time stands in the verdict, and why there is none since stands here.
    """
    proven, now = status.latest_proven, status.now
    if proven is None:
        return "🚨 No good backup is left." if status.none_left else "💾 No good backup yet."
    newer = status.latest is not None and status.latest.id != proven.id
    words = "Last good backup" if newer else "Last backup"
    if status.stale:
        mark, when = CONDITION_ICONS[backup_condition(status)], age(proven.started_at, now)
        return f"{mark} {words} {when}: {_why_none(status, timezone)}"
    icon = "⚠️" if doubts(status) else "✅"
    held = f"{held_of(proven)}, {human_size(proven.archive_bytes)} packed"
    return f"{icon} {words} {moment(proven.started_at, now, timezone)}: {held}"


def doubts(status: Status) -> list[str]:
    """Return in a few words each what is amiss with the newest good backup; [] where nothing is."""
    proven = status.latest_proven
    if proven is None:
        return []
    found = ["incomplete"] if proven.skipped else []
    found += [f"a database has {shrinking(proven.shrunken)}"] if proven.shrunken else []
    lost = [one for one in status.lost if one.backup_id == proven.id]
    found += [f"{'gone from' if one.gone else 'damaged on'} the disk" for one in lost]
    return found + (["not delivered to all"] if delivery_condition(status) is not Condition.GOOD else [])


def _why_none(status: Status, timezone: ZoneInfo) -> str:
    """Return why there is no newer good backup, where that is known and no other line says it; else that it is old."""
    if status.off is not None:
        began, ended = (moment(at, status.now, timezone) for at in status.off)
        return f"the program was not running from {began} to {ended}"
    failed = status.latest is not None and not status.latest.proven
    return f"{count(status.missed, 'planned run')} missed" if status.missed and not failed else "too old"


def forget_words(names: Sequence[str]) -> str:
    """Return the button that takes off the list those databases which DATABASES names no more, as plain text."""
    return f"✖️ Hide {shortened(names[0], 30) if len(names) == 1 else count(len(names), 'old database')}"


def _rates(status: Status) -> str:
    day, week = status.day, status.week
    of_week = f"{week.ok} of {week.total} in 7 days"
    missed = "" if status.missed or not week.missed else f"; {week.missed} missed"
    return f"Complete backups: {f'{day.ok} of {day.total} in 24 h, ' if day != week else ''}{of_week}{missed}"


def paused_line(paused: Override, now: datetime, timezone: ZoneInfo) -> str:
    """Return who paused the schedule, when and until when."""
    until = f"until {moment(paused.until, now, timezone)}" if paused.until else "until resumed"
    return f"⏸ Paused by {by_name(paused.set_by)} {age(paused.set_at, now)}, {until}"


def alarms_line(status: Status, timezone: ZoneInfo) -> str | None:
    """Return which alarms are open, where there are several.

    Not that archives are lost, which stands above; a full disk that a backup failed for is one thing.
    """
    told_of = {AlarmKind.LOST, *((AlarmKind.DISK,) if is_out_of_space(status) else ())}
    told = [one for one in status.alarms if one.kind not in told_of]
    titles = [words_of(one, status.now, timezone).title for one in told]
    return f"🚨 {count(len(titles), 'open alarm')}: {names(titles, 3, 60)}" if len(titles) > 1 else None


def cut_off_lines(status: Status) -> FittedList:
    """Return what restores that were cut off have left, and what to do."""
    return FittedList(tuple(f"🚨 {text(sentence, 600)}" for sentence in status.cut_off), 2)


def overridden_line(status: Status) -> str | None:
    """Return that the schedule is not the one of `.env`, None where it is."""
    if status.overridden is None:
        return None
    return (
        f"🗓 {sentence(text(in_words(status.schedule)))}, chosen by {by_name(status.overridden.set_by)};"
        f" <code>.env</code> says {text(in_words(status.setting))}"
    )


def welcome(person: str, status: Status | None, timezone: ZoneInfo, warning: str = "") -> str:
    """Return the answer to an admin's Start: what is protected, and what comes when.

    `warning` is what is wrong with the chat itself; without a `status`, what is there is not told.
    """
    return compose(
        f"👋 <b>Welcome, {text(person, 40)}</b>",
        f"I back up {_protected(status)}, check each backup and send it here.",
        "",
        *(() if status is None else _glance(status, timezone)),
        "Press the button to see how things stand.",
        f"\n⚠️ {text(warning, 300)}" if warning else None,
    )


def _protected(status: Status | None) -> str:
    found = [] if status is None else [one.name for one in status.databases if not one.retired]
    if not found:
        return "the SQLite databases on your server"
    return f"{count(len(found), 'database')} ({text(plain_names(found, 3), 120)})"


def admin_menu(status: Status | None, timezone: ZoneInfo) -> str:
    """Return the text over the admin menu: how all stands, the next run, the last proof; None: that is not known."""
    return compose(
        "🛠 <b>Admin menu</b>", *(() if status is None else (headline(status, timezone), *_glance(status, timezone)))
    )


def _glance(status: Status, timezone: ZoneInfo) -> tuple[str | None, ...]:
    now = status.now
    return (
        f"🔄 {running_line(status.running, now, timezone)}" if status.running else None,
        _next_line(status, timezone),
        last_good_line(status, timezone) if status.latest_proven is not None else None,
        drill_line(status),
    )


def backup_menu(status: Status, timezone: ZoneInfo) -> str:
    """Return the text over the backup menu: the state in a few words, so that most visits end here."""
    return compose(
        "💾 <b>Database Backup</b>",
        headline(status, timezone),
        mend_line(status, timezone),
        lost_lines(status, timezone, most=2),
        *_glance(status, timezone),
        unreached_lines(status, most=2),
        alarms_line(status, timezone),
        "🚨 A restore was cut off: see Backup Status" if status.cut_off else None,
    )
