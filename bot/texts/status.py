"""Backup Status, and the menus around it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import zone_name
from bot.models import Alarm, AlarmKind, BackupState, Override, Status, SuccessRate
from bot.texts.alarms import open_alarms
from bot.texts.backups import delivered_to, names_of, owed_lines, seal_line, trouble_of, unchanged_line, who
from bot.texts.databases import summary
from bot.texts.markup import FittedList, by_name, compose, plain_names, sentence, shortened, text
from bot.texts.measures import age, count, human_size, moment, next_run
from bot.texts.restore_points import drill_line
from bot.texts.runs import running_line
from bot.texts.schedule_words import in_words
from bot.texts.verdict import ONLY_SENDS, headline
from bot.words.outcomes import reason_words


def status(status: Status, timezone: ZoneInfo) -> str:
    """Return the service at a glance: the bad news on top, then what is planned, what is there and who has it."""
    now = status.now
    named = {database.name for database in status.databases if database.trouble}
    others = [alarm for alarm in status.alarms if not _told_below(alarm, status, named)]
    return compose(
        "📊 <b>Backup Status</b>",
        headline(status, timezone),
        text(status.state_reason, 300) if status.state_reason and not status.is_paused else None,
        "",
        *open_alarms(others, now, timezone),
        cut_off_lines(status),
        FittedList(tuple(f"⚠️ {text(warning, 250)}" for warning in status.warnings), 8),
        *_plan(status, timezone),
        *_last_backups(status, timezone),
        drill_line(status),
        None if status.receives else ONLY_SENDS,
        "",
        summary(status.databases, now) if status.databases else "DATABASES names no file yet.",
        "",
        f"Complete: {_rate(status.day)} in 24 h, {_rate(status.week)} in 7 days" if status.week.total else None,
        f"<i>As of {_clock(now, timezone)} {zone_name(timezone)}</i>",
    )


def _told_below(alarm: Alarm, status: Status, named: Collection[str]) -> bool:
    """Whether what an alarm is about stands on the screen anyway: a database, the newest run, a recipient."""
    match alarm.kind:
        case AlarmKind.SKIPPED | AlarmKind.GONE:
            return alarm.is_of_many or alarm.subject in named
        case AlarmKind.RUN:
            return status.latest is not None and not status.latest.proven
        case AlarmKind.STALE:
            return status.stale
        case AlarmKind.UNREACHABLE:
            return any(one.recipient.address == alarm.subject and one.parked_reason for one in status.recipients)
        case AlarmKind.DRILL:
            return status.last_drill is not None and not status.last_drill.ok
    return False


def _plan(status: Status, timezone: ZoneInfo) -> tuple[str | None, ...]:
    """Return what runs now, who paused, and what comes next."""
    now, paused = status.now, status.paused
    return (
        f"🔄 <b>Running now:</b> {running_line(status.running, now, timezone)}" if status.running else None,
        f"⏸ By {by_name(paused.set_by)}, {age(paused.set_at, now)}" if paused is not None else None,
        _next_line(status, timezone),
        overridden_line(status),
    )


def _next_line(status: Status, timezone: ZoneInfo) -> str | None:
    if status.next_run_at is None:
        return None
    which = "Next" if status.latest is not None else "First"
    return f"⏭ {which} backup {next_run(status.next_run_at, status.now, timezone)}"


def _last_backups(status: Status, timezone: ZoneInfo) -> tuple[str | FittedList | None, ...]:
    """Return the newest good backup and its deliveries, and above it a newer run that came to nothing."""
    latest, proven, now = status.latest, status.latest_proven, status.now
    parts: list[str | FittedList | None] = []
    if latest is not None and not latest.proven:
        what = "was interrupted" if latest.state is BackupState.INTERRUPTED else "failed"
        told = any(database.trouble for database in status.databases)  # each database says why, below
        why = f": {text(latest.error, 250)}" if latest.error and not told else ""
        parts.append(f"❌ <b>The last backup {what}</b>, {age(latest.started_at, now)}{why}")
    if proven is None:
        return (*parts, "💾 No good backup yet." if latest is not None else None)
    names = names_of(status.recipients)
    parts.append(last_good_line(status, timezone))
    parts.extend((seal_line(proven), unchanged_line(proven)))
    parts.append(f"📬 {sentence(delivered_to(status.latest_deliveries, names))}")
    parts.append(owed_lines(status.latest_deliveries, now, names, most=6))
    mentioned = {delivery.recipient for delivery in status.latest_deliveries}
    parked = [s for s in status.recipients if s.parked_reason and s.recipient not in mentioned]
    lines = (f"🚫 {trouble_of(who(one.recipient, names), reason_words(one.parked_reason))}" for one in parked)
    parts.append(FittedList(tuple(lines), 6))
    return tuple(parts)


def last_good_line(status: Status, timezone: ZoneInfo) -> str:
    """Return the newest good backup in a line, with the mark that the verdict has for it."""
    proven, now = status.latest_proven, status.now
    if proven is None:
        return "💾 No good backup yet."
    whole, size = len(proven.databases), human_size(proven.archive_bytes)
    held = f"{whole} of {whole + len(proven.skipped)} databases" if proven.skipped else count(whole, "database")
    words = "Last good backup" if status.latest is not None and not status.latest.proven else "Last backup"
    old = ", too old" if status.stale else ""
    icon = "⚠️" if proven.skipped or status.stale else "✅"
    when = f"{age(proven.started_at, now)}, {moment(proven.started_at, now, timezone)}"
    return f"{icon} {words} {when}{old}: {held}, {size}"


def forget_words(names: Sequence[str]) -> str:
    """Return the button that forgets databases which DATABASES names no more, as plain text."""
    return f"🗑 Forget {shortened(names[0], 30) if len(names) == 1 else count(len(names), 'old database')}"


def _rate(rate: SuccessRate) -> str:
    if not rate.total:
        return "no runs"
    icon = "" if rate.ok == rate.total else " ⚠️"
    return f"{rate.ok} of {rate.total}{icon}"


def _clock(now: datetime, timezone: ZoneInfo) -> str:
    return f"{now.astimezone(timezone):%H:%M:%S}"


def paused_line(paused: Override, now: datetime, timezone: ZoneInfo) -> str:
    """Return who paused the schedule, when and until when."""
    until = f"until {moment(paused.until, now, timezone)}" if paused.until else "until resumed"
    return f"⏸ Paused by {by_name(paused.set_by)} {age(paused.set_at, now)}, {until}"


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
    paused = status.paused
    alarms = count(len(status.alarms), "open alarm")
    return compose(
        "💾 <b>Database Backup</b>",
        headline(status, timezone),
        f"⏸ By {by_name(paused.set_by)}, {age(paused.set_at, status.now)}" if paused is not None else None,
        *_glance(status, timezone),
        f"🚨 {alarms}, see Backup Status" if len(status.alarms) > 1 else None,
        "🚨 A restore was cut off: see Backup Status" if status.cut_off else None,
    )
