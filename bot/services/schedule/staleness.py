"""Decides when the newest good backup is too old, by the schedule; for health and alarms alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from bot.services.schedule.scheduler import planned_times

MISSED_RUNS = 2
"""Planned runs without a good backup: one may fail or be late, two in a row are no accident."""

MARGIN = timedelta(minutes=30)
"""What the last of those runs is given to finish."""

MOST_COUNTED = 1000
"""More missed runs are not counted: every minute, they would be half a million a year."""


def too_old_at(last: datetime, schedule: str, timezone: ZoneInfo, allowed: timedelta | None = None) -> datetime:
    """Return the instant at which a good backup begun at `last` becomes too old, in UTC.

    That is two planned runs later, and half an hour: with an hourly schedule after two and a half hours, with one on
    weekdays alone after Monday's run and not on Sunday. STALE_AFTER (`allowed`) may say otherwise.
    """
    if allowed is not None:
        return last + allowed
    return max(islice(planned_times(schedule, timezone, last), MISSED_RUNS), default=last) + MARGIN


def missed_runs(last: datetime, now: datetime, schedule: str, timezone: ZoneInfo) -> int:
    """Return how many runs were planned after a backup begun at `last` and should have been made by now."""
    planned = islice(planned_times(schedule, timezone, last), MOST_COUNTED)
    return sum(1 for _ in takewhile(lambda at: at + MARGIN <= now, planned))


def is_why(off: tuple[datetime, datetime], last: datetime, now: datetime, schedule: str, timezone: ZoneInfo) -> bool:
    """Tell whether a backup is too old because the service was `off` from then to then, and not for a cause since."""
    began, ended = off
    return last < ended and began < ended and now < too_old_at(ended, schedule, timezone)
