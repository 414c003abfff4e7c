"""The schedule as it is changed in chat, and the list of settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.clock import zone_name
from bot.errors import CourierError
from bot.models import Override, Status
from bot.texts.markup import FittedList, by_name, compose, hint, text
from bot.texts.measures import age, duration, moment
from bot.texts.schedule_words import in_words
from bot.texts.status import paused_line

# Answers to presses: plain text.
CHANGED = "Done: this schedule is followed from now on."
RESET = "Done: .env is followed again."
ALREADY = "That is the schedule already."


def schedule_line(status: Status) -> str:
    """Return what is followed and, where an admin chose it in chat, who and what `.env` says."""
    said = in_words(status.schedule)
    line = f"🗓 <code>{text(status.schedule, 60)}</code>{f' ({said})' if said else ''}"
    if status.overridden is None:
        return line
    return (
        f"{line}, set in chat by {by_name(status.overridden.set_by)} {age(status.overridden.set_at, status.now)};"
        f" <code>.env</code> says <code>{text(status.setting, 60)}</code>"
    )


def settings(status: Status, timezone: ZoneInfo) -> str:
    """Return the text over the list of settings: what holds now."""
    return compose(
        "⚙️ <b>Settings</b>",
        f"{schedule_line(status)}, times in {zone_name(timezone)}",
        paused_line(status.paused, status.now, timezone) if status.paused else None,
        "",
        "What is changed here wins over <code>.env</code> until it is reset.",
    )


def schedule(status: Status, runs: Sequence[datetime], timezone: ZoneInfo) -> str:
    """Return the schedule in force, with its next runs."""
    return compose(
        "🗓 <b>Schedule</b>",
        schedule_line(status) if status.overridden else f"{schedule_line(status)}, from <code>.env</code>",
        paused_line(status.paused, status.now, timezone) if status.paused else None,
        "",
        f"<b>Next runs</b>{' once resumed' if status.paused else ''} ({zone_name(timezone)})",
        _runs(runs, status.now, timezone),
        "",
        "Choose another one; you see its next runs before anything changes.",
    )


def proposal(
    expression: str, runs: Sequence[datetime], reach: timedelta | None, now: datetime, timezone: ZoneInfo
) -> str:
    """Return what an expression would mean, before it is confirmed."""
    said = in_words(expression)
    far = None
    if reach is not None:
        far = f"💡 At this pace the archives kept on the disk reach back {duration(reach.total_seconds())}."
    return compose(
        "🗓 <b>Follow this schedule?</b>",
        f"<code>{text(expression, 120)}</code>{f' ({said})' if said else ''}",
        "",
        f"<b>The next five runs</b> ({zone_name(timezone)})",
        _runs(runs, now, timezone),
        far,
    )


def _runs(runs: Sequence[datetime], now: datetime, timezone: ZoneInfo) -> FittedList:
    return FittedList(tuple(f"• {moment(planned, now, timezone)}" for planned in runs[:5]))


def ask_hour(timezone: ZoneInfo) -> str:
    """Return the question for the time of day."""
    return f"🕗 <b>Daily at what time?</b>\nThe clock is that of {zone_name(timezone)}."


def ask_expression(timezone: ZoneInfo) -> str:
    """Return the question for an expression."""
    return compose(
        "⌨️ <b>Type the schedule</b>",
        "Five fields: minute, hour, day of the month, month, day of the week.",
        "",
        "<code>30 3 * * *</code> · every day at 03:30",
        "<code>0 8-20/2 * * MON-FRI</code> · every two hours of a working day",
        "<code>0 4 1 * *</code> · on the first of each month at 04:00",
        "",
        f"The clock is that of {zone_name(timezone)}. I wait five minutes for your next message.",
    )


def ask_again(error: CourierError) -> str:
    """Return why a typed expression can't be the schedule; another one may be typed."""
    return compose(
        f"⚠️ {text(error.sentence, 900)}", hint(error, 400), "", "Type another one, or cancel. Nothing has changed."
    )


def too_late() -> str:
    """Return the answer to a message that comes long after the question."""
    return "⌛ I no longer waited for your answer, and nothing has changed. Please ask again."


def schedule_changed(
    expression: str, before: str, runs: Sequence[datetime], *, actor: str, now: datetime, timezone: ZoneInfo
) -> str:
    """Return what the other admins are told."""
    said = in_words(expression)
    return compose(
        f"🗓 <b>{by_name(actor)} changed the schedule</b>",
        f"<code>{text(before, 60)}</code> → <code>{text(expression, 60)}</code>{f' ({said})' if said else ''}",
        f"Next backup {moment(runs[0], now, timezone)} {zone_name(timezone)}" if runs else None,
    )


def paused(override: Override, now: datetime, timezone: ZoneInfo) -> str:
    """Return what the other admins are told of a pause."""
    until = (
        f"Until {moment(override.until, now, timezone)} {zone_name(timezone)}." if override.until else "Until resumed."
    )
    return compose(
        f"⏸ <b>{by_name(override.set_by)} paused scheduled backups</b>", f"{until} Manual Backup works all the same."
    )


def resumed(runs: Sequence[datetime], actor: str, now: datetime, timezone: ZoneInfo) -> str:
    """Return what the other admins are told of the end of a pause."""
    return compose(
        f"▶️ <b>{by_name(actor)} resumed scheduled backups</b>",
        f"Next backup {moment(runs[0], now, timezone)} {zone_name(timezone)}" if runs else None,
    )
