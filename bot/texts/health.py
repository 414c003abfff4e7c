"""System Health: each part with what was measured just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from bot.clock import date_time, zone_name
from bot.models import Condition, DatabaseStatus, Drill, Health, Reachability, Recipient, ServiceState, Verdict
from bot.services.status.verdict import SLOW, SOON_FULL, backup_condition, database_condition, measured_concerns
from bot.texts.alarms import open_alarms
from bot.texts.backups import names_of, trouble_of, who
from bot.texts.markup import FittedList, compose, name, text
from bot.texts.measures import age, count, duration, human_size, next_run
from bot.texts.restore_points import drill_line
from bot.texts.status import cut_off_lines, paused_line
from bot.texts.verdict import CONDITION_ICONS, headline


def health(health: Health, timezone: ZoneInfo) -> str:
    """Return every part of the system with its own mark; the headline is as bad as the worst of them."""
    status, now = health.status, health.status.now
    parts = (_scheduler(health, timezone), _last_good(health), _restore(health), _disk(health), _telegram(health))
    lines = [line for _, line in parts]
    recipients = sorted(health.recipients, key=lambda recipient: not recipient.trouble)
    databases = [d for d in status.databases if not d.retired]
    called = names_of(health.recipients)
    bad_databases = [d for d in databases if database_condition(d) is not Condition.GOOD]
    return compose(
        "🩺 <b>System Health</b>",
        headline(status, timezone, measured_concerns(health)),
        "",
        *open_alarms(status.alarms, now, timezone),
        cut_off_lines(status),
        *lines,
        FittedList(tuple(f"⚠️ {text(warning, 250)}" for warning in status.warnings), 8),
        "",
        _recipients_heading(health.recipients),
        FittedList(tuple(_recipient_line(one, called) for one in recipients), 10),
        "",
        _databases_heading(databases, len(bad_databases)),
        FittedList(tuple(map(_database_line, [*bad_databases, *(d for d in databases if d not in bad_databases)])),
                15),
        f"<i>Measured at {now.astimezone(timezone):%H:%M:%S} {zone_name(timezone)}</i>",
    )  # fmt: skip


def checking() -> str:
    """Return what stands there while slow parts are being measured."""
    return "🩺 <b>System Health</b>\n\n⏳ Checking the disk, the databases and Telegram…"


def too_slow() -> str:
    """Return what stands there when measuring took too long."""
    return "🩺 <b>System Health</b>\n\n⚠️ The check took too long and was given up. Press Refresh to try again."


def _scheduler(health: Health, timezone: ZoneInfo) -> tuple[int, str]:
    status = health.status
    if status.state is ServiceState.RUNNING:
        planned = f", next run {next_run(status.next_run_at, status.now, timezone)}" if status.next_run_at else ""
        return 0, f"✅ Scheduler: <code>{text(status.schedule, 60)}</code>{planned}"
    if status.is_paused and status.paused is not None:
        return 0, f"⏸ Scheduler: {paused_line(status.paused, status.now, timezone).removeprefix('⏸ ')}"
    return 2, f"❌ Scheduler: {status.state}. {text(status.state_reason, 250)}"


def _last_good(health: Health) -> tuple[int, str]:
    proven = health.status.latest_proven
    if proven is None:
        return 1, "⚠️ Last good backup: none yet"
    latest, condition = health.status.latest, backup_condition(health.status)
    troubles = (
        ", too old" if health.status.stale else "",
        "; the newest run failed" if latest is not None and not latest.proven else "",
        f", without {count(len(latest.skipped), 'database')}" if latest is not None and latest.skipped else "",
    )
    when = age(proven.started_at, health.status.now)
    return condition, f"{CONDITION_ICONS[condition]} Last good backup: {when}{''.join(troubles)}"


def _restore(health: Health) -> tuple[int, str]:
    """Return the newest test-restore; one that failed is as bad as a failed backup."""
    drill = health.status.last_drill
    rank, line = (0, "▫️ Restore: not test-restored yet")
    if drill is not None:
        rank, line = (0 if drill.ok else 2), drill_line(health.status) or ""
    if health.drill_trouble:
        return max(rank, 1), f"{line}\n⚠️ The newest test-restore could not be made: {text(health.drill_trouble, 200)}"
    if not health.drills_planned:
        return rank, f"{line} · none planned: DRILL_SCHEDULE is off"
    return rank, line


def drilling() -> str:
    """Return what stands there while a backup is being test-restored."""
    return "🧪 <b>Test-restore</b>\n\n⏳ The newest backup is fetched back and restored into a private folder…"


def drilled(drill: Drill | None, timezone: ZoneInfo) -> str:
    """Return what came of a test-restore that somebody asked for."""
    if drill is None:
        return "🧪 <b>Test-restore</b>\n\nThere is no backup to test-restore yet."
    verdict = "✅ <b>Test-restore succeeded</b>" if drill.ok else "❌ <b>Test-restore failed</b>"
    where = f"Backup {drill.backup_id}, {drill.source.words}, {date_time(drill.at, timezone)}"
    return compose(f"🧪 {verdict}", where, "", text(drill.detail, 1500))


def _disk(health: Health) -> tuple[int, str]:
    archives = f"{count(health.store_count, 'archive')}, {human_size(health.store_bytes)}"
    free = f"{human_size(health.disk_free)} free of {human_size(health.disk_total)}"
    days = health.days_until_full
    if any(alarm.key == "disk" for alarm in health.status.alarms):
        return Condition.WRONG, f"❌ Disk: {free}, nearly full · {archives}"
    if days is None:
        return 0, f"✅ Disk: {free} · {archives}"
    left = "less than a day" if days < 1 else f"about {count(int(days), 'day')}" if days < 365 else "over a year"
    mark = "⚠️" if days < SOON_FULL else "✅"
    return int(days < SOON_FULL), f"{mark} Disk: {free}, full in {left} · {archives}"


def _telegram(health: Health) -> tuple[int, str]:
    trip = f"round trip {_trip(health.round_trip)}" if health.round_trip is not None else ""
    if health.telegram_trouble:
        return 2, f"❌ Telegram: {text(health.telegram_trouble, 250)}{f' · {trip}' if trip else ''}"
    if health.round_trip is None:
        return 1, "⚠️ Telegram: could not be measured"
    mark = "⚠️" if health.round_trip > SLOW else "✅"
    return int(health.round_trip > SLOW), f"{mark} Telegram: {trip}"


def _trip(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)


def _recipients_heading(recipients: Sequence[Reachability]) -> str:
    reached = sum(not recipient.trouble for recipient in recipients)
    return f"<b>Recipients</b>: {reached} of {len(recipients)} reachable"


def _recipient_line(recipient: Reachability, called: Mapping[Recipient, str]) -> str:
    person = who(recipient.recipient, called)
    if recipient.trouble:
        return f"🚫 {trouble_of(person, recipient.trouble)}"
    return f"▫️ {person}: {text(recipient.unchecked, 140)}" if recipient.unchecked else f"✅ {person}"


def _databases_heading(databases: Sequence[DatabaseStatus], bad: int) -> str:
    return f"<b>Databases</b>: {len(databases) - bad} of {len(databases)} backed up and checked"


def _database_line(database: DatabaseStatus) -> str:
    label = f"<code>{name(database.name)}</code>"
    if database.trouble:
        return f"❌ {label}: {text(database.trouble, 140)}"
    if database.last is None:
        return f"▫️ {label}: not backed up yet"
    if database.verdict is Verdict.OK:
        return f"✅ {label}: check ok"
    return f"⚠️ {label}: could not be checked"
