"""System Health: each part with what was measured just now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from zoneinfo import ZoneInfo

from bot.clock import clock_time, date_time, zone_name
from bot.models import AlarmKind, BackupState, Condition, Drill, Health, Reachability, Recipient, ServiceState, Status
from bot.services.status.verdict import (
    SLOW,
    SOON_FULL,
    DatabaseStanding,
    backup_condition,
    measured_concerns,
    out_of_reach,
    standing,
)
from bot.texts.backups import names_of, trouble_of, who
from bot.texts.databases import backed_up
from bot.texts.load import much
from bot.texts.lost import lost_lines
from bot.texts.markup import FittedList, by_name, compose, sentence, text
from bot.texts.measures import age, count, duration, human_size, next_run
from bot.texts.restore_points import drill_line
from bot.texts.schedule_words import in_words
from bot.texts.status import alarms_line, cut_off_lines, doubts
from bot.texts.verdict import CONDITION_ICONS, headline, mend_line, without_telegram
from bot.words.causes import in_full
from bot.words.drills import drill_words
from bot.words.outcomes import reason_words
from bot.words.warnings import warning_words

_MONTHS = 60
"""Days from which on an estimate is one of months."""


def health(health: Health, timezone: ZoneInfo) -> str:
    """Return every part of the system with its own mark; what Backup Status tells is here a line."""
    status, now = health.status, health.status.now
    called = names_of(health.recipients)
    lost = [one for one in health.recipients if one.trouble or one.unchecked]
    invited = {one.recipient for one in status.recipients if one.invited}
    return compose(
        "🩺 <b>System Health</b>",
        headline(status, timezone, measured_concerns(health)),
        mend_line(status, timezone),
        "",
        _scheduler(health, timezone),
        _last_good(health),
        lost_lines(status, timezone, most=2),
        _databases(status),
        _restore(health),
        _disk(health),
        _telegram(health),
        _recipients(health, invited),
        FittedList(tuple(_recipient_line(one, called, invited) for one in lost), 10),
        much(health.load),
        cut_off_lines(status),
        FittedList(tuple(f"⚠️ {text(warning_words(warning, timezone), 250)}" for warning in status.warnings), 8),
        alarms_line(status, timezone),
        "",
        f"<i>As of {clock_time(now, timezone)} ({zone_name(timezone)})</i>",
    )


def checking() -> str:
    """Return what stands there while slow parts are being measured."""
    return "🩺 <b>System Health</b>\n\n⏳ Checking the disk, the databases and Telegram…"


def too_slow() -> str:
    """Return what stands there when measuring took too long."""
    return "🩺 <b>System Health</b>\n\n⚠️ The check took too long and was given up. Press Refresh to try again."


def _scheduler(health: Health, timezone: ZoneInfo) -> str:
    status = health.status
    planned = f", next {next_run(status.next_run_at, status.now, timezone)}" if status.next_run_at else ""
    if status.state is ServiceState.RUNNING:
        said = in_words(status.schedule) or f"<code>{text(status.schedule, 60)}</code>"
        if status.missed:
            mark = CONDITION_ICONS[backup_condition(status)]
            return f"{mark} Schedule: {said}, {count(status.missed, 'planned run')} missed{planned}"
        past = f"; {status.week.missed} missed in 7 days" if status.week.missed else ""
        return f"✅ Schedule: {said}{planned}{past}"
    if status.is_paused and status.paused is not None:
        return f"⏸ Schedule: paused by {by_name(status.paused.set_by)}{planned}"
    return (
        f"{'❌' if status.state is ServiceState.STOPPED else '❓'} Schedule: {text(in_full(status.state_reason), 250)}"
    )


def _last_good(health: Health) -> str:
    status = health.status
    proven, latest = status.latest_proven, status.latest
    if proven is None:
        return (
            "⏳ Backups: none yet"
            if latest is None
            else f"🚨 Backups: no good one {'is left' if latest.proven else 'yet'}"
        )
    trouble = (
        "the last one failed; the last good one was "
        if latest is not None and latest.state is BackupState.FAILED
        else "the last one was interrupted; the last good one was "
        if latest is not None and not latest.proven
        else "the last one "
    )
    amiss = ["too old"] if status.stale else doubts(status)
    mark = CONDITION_ICONS[backup_condition(status)] if status.stale or not amiss else "⚠️"
    return f"{mark} Backups: {', '.join((f'{trouble}{age(proven.started_at, status.now)}', *amiss))}"


def _databases(status: Status) -> str | None:
    """Return how the databases stand, those in the worst trouble by name; None where the line above has said it."""
    here = [database for database in status.databases if not database.retired]
    if not here or status.latest_proven is None:
        return f"▫️ Databases: {len(here)} to back up" if here else "⚠️ Databases: DATABASES names no file yet"
    if any(standing(database, status) is DatabaseStanding.OLD for database in here):
        return None
    mark, said = backed_up(status)
    return f"{mark} Databases: {said}"


def _restore(health: Health) -> str:
    """Return the newest test-restore."""
    drill = health.status.last_drill
    none = "▫️ Not test-restored yet" if health.drills_planned else "▫️ Never test-restored"
    line = none if drill is None else drill_line(health.status) or ""
    if health.drill_trouble:
        return f"{line}\n⚠️ The newest test-restore could not be made: {text(health.drill_trouble, 200)}"
    return line if health.drills_planned or drill is None else f"{line}, none planned"


def drilling() -> str:
    """Return what stands there while a backup is being test-restored."""
    return "🧪 <b>Test-restore</b>\n\n⏳ The newest backup is fetched back and restored into a private folder…"


def drilled(drill: Drill | None, timezone: ZoneInfo) -> str:
    """Return what came of a test-restore that somebody asked for."""
    if drill is None:
        return "🧪 <b>Test-restore</b>\n\nThere is no backup to test-restore yet."
    verdict = "✅ <b>Test-restore succeeded</b>" if drill.ok else "❌ <b>Test-restore failed</b>"
    where = f"Backup {drill.backup_id}, {drill.source.words}, {date_time(drill.at, timezone)}"
    return compose(f"🧪 {verdict}", where, "", text(drill_words(drill), 1500))


def _disk(health: Health) -> str:
    archives = f"{count(health.store_count, 'backup')}, {human_size(health.store_bytes)}"
    free = f"{human_size(health.disk_free)} free of {human_size(health.disk_total)}"
    days = health.days_until_full
    if any(alarm.kind == AlarmKind.DISK for alarm in health.status.alarms):
        return f"{CONDITION_ICONS[Condition.WRONG]} Disk: {free} · {archives}"
    if days is None:
        return f"✅ Disk: {free} · {archives}"
    many = count(int(days), "day") if days < _MONTHS else f"{round(days / 30)} months"
    left = "less than a day" if days < 1 else f"about {many}" if days < 365 else "over a year"
    mark = "⚠️" if days < SOON_FULL else "✅"
    return f"{mark} Disk: {free}, full in {left} · {archives}"


def _telegram(health: Health) -> str:
    if health.telegram_trouble:
        said = "not reachable" if out_of_reach(health.status) else without_telegram(health.telegram_trouble)
        return f"{CONDITION_ICONS[Condition.WRONG]} Telegram: {text(said, 250)}"
    if health.round_trip is None:
        return "⚠️ Telegram: could not be measured"
    trip = f"{health.round_trip * 1000:.0f} ms" if health.round_trip < 1 else duration(health.round_trip)
    return f"{'⚠️' if health.round_trip > SLOW else '✅'} Telegram: answers in {trip}"


def _recipients(health: Health, invited: Collection[Recipient]) -> str:
    recipients = [one for one in health.recipients if not (health.telegram_trouble and one.recipient.is_chat)]
    if not recipients and health.recipients:
        return "▫️ Recipients: not known now"
    reached = sum(not one.trouble for one in recipients)
    if reached == len(recipients):
        return f"✅ Recipients: {'both' if reached == 2 else f'all {reached}' if reached > 2 else reached} reachable"
    lost = [one for one in recipients if one.trouble and one.recipient not in invited]
    return f"{'⚠️' if lost else '⏳'} Recipients: {f'{reached} of {len(recipients)}' if reached else 'none'} reachable"


def _recipient_line(one: Reachability, called: Mapping[Recipient, str], invited: Collection[Recipient]) -> str:
    person = who(one.recipient, called)
    if one.recipient in invited:
        return f"👋 {sentence(person)} must open the bot and press Start"
    if one.trouble:
        return f"🚫 {sentence(trouble_of(person, reason_words(one.trouble)))}"
    return f"▫️ {person}: {text(reason_words(one.unchecked), 140)}"
