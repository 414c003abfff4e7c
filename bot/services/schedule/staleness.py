"""Decides when the newest good backup is too old, by the schedule; for health and alarms alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from bot.services.schedule.scheduler import planned_times

MISSED_RUNS = 2
"""Planned runs without a good backup: one may fail or be late, two in a row are no accident."""

MARGIN = timedelta(minutes=30)
"""What the last of those runs is given to finish."""


def too_old_at(last: datetime, schedule: str, timezone: ZoneInfo, allowed: timedelta | None = None) -> datetime:
    """Return the instant at which a good backup begun at `last` becomes too old, in UTC.

    That is two planned runs later, and half an hour: with an hourly schedule after two and a half hours, with one on
    weekdays alone after Monday's run and not on Sunday. STALE_AFTER (`allowed`) may say otherwise.
    """
    if allowed is not None:
        return last + allowed
    return max(islice(planned_times(schedule, timezone, last), MISSED_RUNS), default=last) + MARGIN


def is_why(off: tuple[datetime, datetime], last: datetime, now: datetime, schedule: str, timezone: ZoneInfo) -> bool:
    """Tell whether a backup is too old because the service was `off` from then to then, and not for a cause since."""
    began, ended = off
    return last < ended and began < ended and now < too_old_at(ended, schedule, timezone)
