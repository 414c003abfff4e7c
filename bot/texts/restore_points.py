"""The caption of the pinned message, and the results of test-restores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.clock import date_time, zone_name
from bot.models import Drill, Override, RestorePoint, Status
from bot.services.contracts.destination import NoticeButton
from bot.texts.backups import contents, delivered_to, names_of
from bot.texts.markup import CAPTION_LIMIT, by_name, compose, names, sentence, text
from bot.texts.measures import age, count, instant
from bot.texts.proof import seal_line
from bot.texts.schedule_words import in_words
from bot.texts.verdict import ONLY_SENDS, headline
from bot.words.drills import drill_words

_LONG_AGO = timedelta(days=3)
"""From here on a proof is too old to be relied on without a word."""

_NOT_OPENED = "bytes compared, not opened (no key on this server)"


def pinned_buttons(chat_id: int) -> tuple[NoticeButton, ...]:
    """Return what stands under the pinned list: the command for the day on which no bot answers any more."""
    return (NoticeButton(text="📋 Recovery command", copies=f"sqlite-courier recover --admin {chat_id}"),)


def pinned_caption(
    status: Status, points: Sequence[RestorePoint], timezone: ZoneInfo, others: Sequence[str] = ()
) -> str:
    """Return the live status at a glance, and what this message is for. Moments, not ages: it is read much later."""
    proven, drill = status.latest_proven, status.last_drill
    troubled = sum(bool(database.trouble) for database in status.databases)
    sealed = any(point.sealed for point in points)
    return compose(
        f"📌 {headline(status, timezone)}",
        f"As of {instant(status.now, f'{date_time(status.now, timezone)} {zone_name(timezone)}')}",
        f"Last good backup {_at(proven.started_at, timezone)}: {contents(proven)}" if proven else "No good backup yet.",
        seal_line(proven) if proven else None,
        f"📬 {sentence(delivered_to(status.latest_deliveries, names_of(status.recipients)))}"
        if proven and status.latest_deliveries
        else None,
        f"❌ {count(troubled, 'database')} in trouble: see Backup Status" if troubled else None,
        "🚨 A restore was cut off: see Backup Status" if status.cut_off else None,
        None if drill is None else _drill_moment(drill, timezone),
        _paused_moment(status.paused, timezone) if status.paused else None,
        f"🗓 {sentence(text(in_words(status.schedule)))}"
        + (f", chosen in chat by {by_name(status.overridden.set_by)}" if status.overridden else ""),
        f"⏭ Next backup {_at(status.next_run_at, timezone)}" if status.next_run_at else None,
        None if status.receives else ONLY_SENDS,
        "",
        _span(points, timezone),
        f"🖥 Also of {names(others, 3)}, as each of them last wrote" if others else None,
        "<b>Keep this message pinned.</b> Should the server be lost, the bot's token "
        + ("and the key of your recovery sheet are" if sealed else "is")
        + " enough: on a new machine, <code>sqlite-courier recover</code> finds the backups by it.",
        limit=CAPTION_LIMIT,
    )


def drill_line(status: Status) -> str | None:
    """Return when a restore was last proven, and loudly if the newest test-restore failed; None before the first."""
    drill, proven = status.last_drill, status.restore_proven
    if drill is None:
        return None
    if drill.ok and not drill.opened:
        known = f"; last restored {age(proven.at, status.now)}" if proven else ""
        what = f"Backup {drill.backup_id} read back {drill.source.words} {age(drill.at, status.now)}"
        return f"🔒 {what}: {_NOT_OPENED}{known}"
    since = f"last proven {age(proven.at, status.now)}, {proven.source.words}" if proven else "never proven yet"
    if not drill.ok:
        said = text(drill_words(drill), 250)
        return f"❌ <b>Test-restore of backup {drill.backup_id} failed</b>: {said} Restore {since}."
    return f"{'⚠️' if status.now - drill.at > _LONG_AGO else '🧪'} Restore {since}"


def drill_lines(drills: Sequence[Drill], timezone: ZoneInfo) -> tuple[str, ...]:
    """Return the test-restores of one backup, newest first."""
    return tuple(_drill_moment(drill, timezone) for drill in drills)


def _drill_moment(drill: Drill, timezone: ZoneInfo) -> str:
    when = f"{_at(drill.at, timezone)}, {drill.source.words}"
    if drill.ok and not drill.opened:
        return f"🔒 Read back {when}: {_NOT_OPENED}"
    return (
        f"🧪 Restore proven {when}" if drill.ok else f"❌ Test-restore failed {when}: {text(drill_words(drill), 200)}"
    )


def _paused_moment(paused: Override, timezone: ZoneInfo) -> str:
    until = "" if paused.until else ", until resumed"
    return f"⏸ Paused since {_at(paused.set_at, timezone)}{until}"


def _span(points: Sequence[RestorePoint], timezone: ZoneInfo) -> str:
    if not points:
        return "🗂 No restore point in this chat yet."
    newest, oldest = max(points, key=lambda point: point.at), min(points, key=lambda point: point.at)
    if newest is oldest:
        return f"🗂 1 restore point, of {_at(newest.at, timezone)}"
    return f"🗂 {count(len(points), 'restore point')}, {_at(oldest.at, timezone)} to {_at(newest.at, timezone)}"


def _at(then: datetime, timezone: ZoneInfo) -> str:
    return instant(then, date_time(then, timezone))
