"""Backup Status, and the menus around it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import zone_name
from bot.models import BackupState, DatabaseStatus, Override, Status, SuccessRate, Verdict
from bot.services.status.verdict import backup_condition
from bot.texts.alarms import open_alarms
from bot.texts.backups import (
    STATE_ICONS,
    contents,
    delivered_to,
    names_of,
    owed_lines,
    seal_line,
    trouble_of,
    unchanged_line,
    who,
)
from bot.texts.markup import FittedList, by_name, compose, name, sentence, shortened, text
from bot.texts.measures import age, count, human_size, moment, next_run
from bot.texts.restore_points import drill_line
from bot.texts.runs import running_line
from bot.texts.verdict import CONDITION_ICONS, ONLY_SENDS, headline


def status(status: Status, timezone: ZoneInfo) -> str:
    """Return the service at a glance: the bad news on top, then what is planned, what is there and who has it."""
    now = status.now
    return compose(
        "📊 <b>Backup Status</b>",
        headline(status, timezone),
        *open_alarms(status.alarms, now, timezone),
        text(status.state_reason, 300) if status.state_reason else None,
        paused_line(status.paused, now, timezone) if status.paused else None,
        f"🔄 <b>Running now:</b> {running_line(status.running, now, timezone)}" if status.running else None,
        f"⏭ Next backup {next_run(status.next_run_at, now, timezone)}" if status.next_run_at else None,
        overridden_line(status),
        None if status.receives else ONLY_SENDS,
        cut_off_lines(status),
        FittedList(tuple(f"⚠️ {text(warning, 250)}" for warning in status.warnings), 8),
        "",
        *_last_backups(status, timezone),
        drill_line(status),
        "",
        f"<b>Databases</b> ({len(status.databases)})" if status.databases else "No database is configured yet.",
        _database_lines(status),
        "",
        f"Complete backups: last 24 h {_rate(status.day)} · 7 days {_rate(status.week)}",
        f"<i>As of {_clock(now, timezone)} {zone_name(timezone)}</i>",
    )


def _last_backups(status: Status, timezone: ZoneInfo) -> tuple[str | FittedList, ...]:
    """Return the newest good backup and its deliveries, and above it a newer run that came to nothing."""
    latest, proven, now = status.latest, status.latest_proven, status.now
    parts: list[str | FittedList] = []
    if latest is not None and not latest.proven:
        what = "was interrupted" if latest.state is BackupState.INTERRUPTED else "failed"
        parts.append(f"❌ <b>The newest run {what}</b> {age(latest.started_at, now)}: {text(latest.error, 250)}")
    if proven is None:
        return (*parts, "No good backup yet.")
    skipped = f", <b>{count(len(proven.skipped), 'database')} skipped</b>" if proven.skipped else ""
    icon = "✅" if proven.state in (BackupState.DELIVERED, BackupState.STORED) else STATE_ICONS[proven.state]
    icon = CONDITION_ICONS[backup_condition(status)] if status.stale else icon
    parts.append(
        f"{icon} <b>Last good backup</b> {age(proven.started_at, now)}, {moment(proven.started_at, now, timezone)}"
        + (", <b>too old</b>" if status.stale else "")
    )
    parts.append(f"{contents(proven)}{skipped}")
    parts.extend(filter(None, (seal_line(proven), unchanged_line(proven))))
    names = names_of(status.recipients)
    parts.append(f"📬 {sentence(delivered_to(status.latest_deliveries))}")
    parts.append(owed_lines(status.latest_deliveries, now, names, most=6))
    mentioned = {delivery.recipient for delivery in status.latest_deliveries}
    parked = [s for s in status.recipients if s.parked_reason and s.recipient not in mentioned]
    lines = (f"🚫 {trouble_of(who(one.recipient, names), one.parked_reason)}" for one in parked)
    parts.append(FittedList(tuple(lines), 6))
    return tuple(parts)


def _database_lines(status: Status) -> FittedList:
    ranked = sorted(status.databases, key=lambda database: _database_line(database, status.now)[0])
    return FittedList(tuple(_database_line(database, status.now)[1] for database in ranked), 20)


def _database_line(database: DatabaseStatus, now: datetime) -> tuple[int, str]:
    """Return the line with its rank: trouble, then never backed up, then a warning, then good, then given up."""
    label = f"<code>{name(database.name)}</code>"
    last = age(database.last.started_at, now) if database.last else ""
    if database.retired:
        return 4, f"▪️ {label} · no longer among DATABASES · last backed up {last}"
    if database.trouble:
        known = f" · last good {last}" if last else " · never backed up"
        return 0, f"❌ {label}: {text(database.trouble, 140)}{known}"
    if database.last is None:
        return 1, f"▫️ {label} · not backed up yet"
    size = f" · {human_size(database.bytes)}" if database.bytes is not None else ""
    if database.verdict is Verdict.UNCHECKED:
        return 2, f"⚠️ {label}{size} · {last} · could not be checked"
    return 3, f"✅ {label}{size} · {last}"


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
        f"🗓 <code>{text(status.schedule, 60)}</code>, set in chat by {by_name(status.overridden.set_by)};"
        f" <code>.env</code> says <code>{text(status.setting, 60)}</code>"
    )


def welcome(person: str, warning: str = "") -> str:
    """Return the answer to an admin's Start; `warning` is what is wrong with the chat itself."""
    return compose(
        f"👋 <b>Welcome, {text(person, 40)}</b>",
        "I back up the SQLite databases on your server, prove each backup, and send it here.",
        "",
        "From now on backups arrive in this chat. Press the button to see how things stand.",
        f"\n⚠️ {text(warning, 300)}" if warning else None,
    )


def admin_menu() -> str:
    """Return the text over the admin menu."""
    return "🛠 <b>Admin menu</b>\nChoose what to look after."


def backup_menu(status: Status, timezone: ZoneInfo) -> str:
    """Return the text over the backup menu: the state in a few words, so that most visits end here."""
    now = status.now
    troubled = sum(bool(database.trouble) for database in status.databases)
    return compose(
        "💾 <b>Database Backup</b>",
        headline(status, timezone),
        paused_line(status.paused, now, timezone) if status.paused else None,
        f"🔄 {running_line(status.running, now, timezone)}" if status.running else None,
        f"⏭ Next {next_run(status.next_run_at, now, timezone)}" if status.next_run_at else None,
        _last_line(status),
        f"🚨 {count(len(status.alarms), 'open alarm')}: see Backup Status" if status.alarms else None,
        f"❌ {count(troubled, 'database')} in trouble: see Backup Status" if troubled else None,
        "🚨 A restore was cut off: see Backup Status" if status.cut_off else None,
    )


def _last_line(status: Status) -> str:
    proven = status.latest_proven
    if proven is None:
        return "No good backup yet."
    old = f"{CONDITION_ICONS[backup_condition(status)]} Too old: last" if status.stale else "Last"
    return f"{old} good backup {age(proven.started_at, status.now)}: {contents(proven)}"
