"""The schedule as it is changed in chat, and the list of settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.clock import zone_name
from bot.errors import CourierError
from bot.models import Override, Status
from bot.services.schedule.timetable import SchedulePreview
from bot.texts.load import much
from bot.texts.markup import FittedList, by_name, compose, hint, sentence, text
from bot.texts.measures import age, duration, instant, moment
from bot.texts.schedule_words import in_words
from bot.texts.status import paused_line

# Answers to presses: plain text.
_A_LOT = timedelta(days=1)

CHANGED = "Done: this schedule is followed from now on."
RESET = "Done: .env is followed again."
ALREADY = "That is the schedule already."


def schedule_line(status: Status) -> str:
    """Return what is followed in words and, where an admin chose it in chat, who did and what `.env` says."""
    line = f"🗓 <b>{sentence(text(in_words(status.schedule)))}</b>"
    if status.overridden is None:
        return line
    chosen = f"chosen by {by_name(status.overridden.set_by)} {age(status.overridden.set_at, status.now)}"
    return f"{line}, {chosen}; <code>.env</code> says {text(in_words(status.setting))}"


def settings(status: Status, timezone: ZoneInfo) -> str:
    """Return the text over the list of settings: what holds now."""
    return compose(
        "⚙️ <b>Settings</b>",
        schedule_line(status),
        f"<i>Times of {zone_name(timezone)}. What is chosen here wins over <code>.env</code> until it is reset.</i>",
        paused_line(status.paused, status.now, timezone) if status.paused else None,
    )


def schedule(status: Status, preview: SchedulePreview, timezone: ZoneInfo) -> str:
    """Return the schedule in force, with its next runs and what may be lost at worst."""
    return compose(
        schedule_line(status),
        at_worst(preview.longest),
        much(preview.load),
        paused_line(status.paused, status.now, timezone) if status.paused else None,
        "",
        f"<b>Next runs</b>{' once resumed' if status.paused else ''} ({zone_name(timezone)})",
        _runs(preview.runs, status.now, timezone),
        "",
        "Choose another one: you see its runs before it counts.",
    )


def proposal(preview: SchedulePreview, now: datetime, timezone: ZoneInfo) -> str:
    """Return what an expression would mean, before it is confirmed."""
    far = None
    if preview.reach is not None:
        far = f"💡 At this pace the archives kept on the disk reach back {duration(preview.reach.total_seconds())}."
    return compose(
        "🗓 <b>Use this schedule?</b>",
        f"<b>{sentence(text(in_words(preview.expression)))}</b>",
        at_worst(preview.longest),
        much(preview.load, offer=""),
        "",
        f"<b>Next runs</b> ({zone_name(timezone)})",
        _runs(preview.runs, now, timezone),
        far,
    )


def at_worst(longest: timedelta) -> str | None:
    """Return how much is lost if the disk dies just before a run; loudly where it is more than a day."""
    if not longest:
        return None
    lost = duration(longest.total_seconds())
    return (
        f"⚠️ At worst, <b>{lost}</b> of changes are lost"
        if longest > _A_LOT
        else f"At worst, {lost} of changes are lost"
    )


def _runs(runs: Sequence[datetime], now: datetime, timezone: ZoneInfo) -> FittedList:
    return FittedList(tuple(f"• {moment(planned, now, timezone)}" for planned in runs[:5]))


def ask_hour(timezone: ZoneInfo) -> str:
    """Return the question for the time of day."""
    return f"🕗 <b>At what time?</b>\nThe clock is that of {zone_name(timezone)}."


def ask_weekday() -> str:
    """Return the question for the day of the week."""
    return "📅 <b>On which day of the week?</b>"


def ask_day() -> str:
    """Return the question for the day of the month."""
    return "📅 <b>On which day of the month?</b>"


def ask_expression(timezone: ZoneInfo) -> str:
    """Return the question for a schedule in words or as a cron expression."""
    return compose(
        "⌨️ <b>Type the schedule</b>",
        "In words: <code>daily 3am</code>, <code>every monday</code>, <code>Mon-Fri 03:30</code>, "
        "<code>every 2 hours</code>.",
        "Or as cron: <code>0 8-20/2 * * MON-FRI</code>, every two hours of a working day.",
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
    return compose(
        f"🗓 <b>{by_name(actor)} changed the schedule</b>",
        f"{sentence(text(in_words(expression)))}; it was {text(in_words(before))}",
        f"Next backup {_named(runs[0], now, timezone)}" if runs else None,
    )


def paused(override: Override, now: datetime, timezone: ZoneInfo) -> str:
    """Return what the other admins are told of a pause."""
    until = f"Until {_named(override.until, now, timezone)}." if override.until else "Until resumed."
    return compose(
        f"⏸ <b>{by_name(override.set_by)} paused scheduled backups</b>", f"{until} Manual Backup works all the same."
    )


def resumed(runs: Sequence[datetime], actor: str, now: datetime, timezone: ZoneInfo) -> str:
    """Return what the other admins are told of the end of a pause."""
    return compose(
        f"▶️ <b>{by_name(actor)} resumed scheduled backups</b>",
        f"Next backup {_named(runs[0], now, timezone)}" if runs else None,
    )


def _named(then: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return a moment for people in any zone, as short as it stays clear."""
    return instant(then, f"{moment(then, now, timezone)} {zone_name(timezone)}")
