"""Sizes, durations and moments as people say them: short, in English, in the zone of the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.clock import MONTHS, clock_time, date_time
from bot.models import count, human_size
from bot.texts.markup import text

__all__ = [
    "age", "bar", "count", "day_name", "duration", "human_size", "instant", "local_day", "local_moments", "moment",
    "next_run", "percent_bar", "rows_in",
]  # fmt: skip

_CELLS = 10
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Return a length of time in one unit, or two where the second one matters: `0.4 s`, `12 min`, `5 h 20 min`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        hours, minutes = divmod(int(seconds // _MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{int(seconds // _DAY)} days"


def age(then: datetime, now: datetime) -> str:
    """Return how long ago something was; a moment that lies ahead (a clock was set back) is called so."""
    seconds = (now - then).total_seconds()
    if seconds < -60:
        return "dated in the future"
    return "just now" if seconds < 10 else f"{duration(seconds)} ago"


def day_name(day: date) -> str:
    """Return a day in full: `13 Jul 2026`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def local_day(then: datetime, timezone: ZoneInfo) -> str:
    """Return the day of a moment, by the clock of the settings: `13 Jul 2026`."""
    return day_name(then.astimezone(timezone).date())


def moment(then: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return date and time as short as they stay clear: `today 15:00`, `yesterday 23:00`, `13 Jul, 05:00`."""
    local, today = then.astimezone(timezone), now.astimezone(timezone)
    days = (today.date() - local.date()).days
    named = {0: "today", 1: "yesterday", -1: "tomorrow"}.get(days)
    if named:
        return f"{named} {clock_time(then, timezone)}"
    if abs(days) < 300:
        return f"{local.day} {MONTHS[local.month - 1]}, {clock_time(then, timezone)}"
    return date_time(then, timezone)


def instant(then: datetime, shown: str) -> str:
    """Return a moment as HTML: the plain text that is given, and behind it the instant, which a press on it tells.

    Apps that know the tag (since March 2026) tell it by the clock of whoever reads it. Without a format they leave the
    words as they are: the same for all who talk about it, and as they stand on every other screen.
    """
    return f'<tg-time unix="{int(then.timestamp())}">{text(shown)}</tg-time>'


def local_moments(record: str, now: datetime, timezone: ZoneInfo) -> str:
    """Return a record with its instants, which it holds in UTC, as people read them by their own clock."""
    return _INSTANT.sub(lambda found: moment(datetime.fromisoformat(found[0]), now, timezone), record)


def next_run(planned: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return when the next backup comes, true as long as the message stands: `at 15:00`, `tomorrow at 03:00`."""
    local, today, at = planned.astimezone(timezone), now.astimezone(timezone), clock_time(planned, timezone)
    days = (local.date() - today.date()).days
    if planned <= now:
        return f"due now, at {at}"
    if days <= 0:
        return f"at {at}"
    return f"tomorrow at {at}" if days == 1 else f"on {local.day} {MONTHS[local.month - 1]} at {at}"


def rows_in(rows: Sequence[tuple[str, int]]) -> str:
    """Return how many rows tables hold together: `1,200 rows`; of tables that could not be counted it says `?`."""
    counted = [number for _, number in rows if number >= 0]
    total, uncounted = count(sum(counted), "row"), len(rows) - len(counted)
    if not uncounted:
        return total
    unknown = f"? rows in {count(uncounted, 'table')}"
    return f"{total} and {unknown}" if counted else unknown


def bar(fraction: float) -> str:
    """Return how far something has come, drawn in ten cells: `▓▓▓░░░░░░░`."""
    full = round(fraction * _CELLS)
    return "▓" * full + "░" * (_CELLS - full)


def percent_bar(fraction: float) -> str:
    """Return the same with the figure behind it: `▓▓▓░░░░░░░ 34%`."""
    return f"{bar(fraction)} {fraction:.0%}"
