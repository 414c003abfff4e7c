"""Decides when the newest good backup is too old, by the schedule; for health and alarms alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.services.schedule.scheduler import Scheduler

MISSED_RUNS = 2
"""Planned runs without a good backup: one may fail or be late, two in a row are no accident."""

MARGIN = timedelta(minutes=30)
"""What the last of those runs is given to finish."""


def stale_at(last: datetime, schedule: str, timezone: ZoneInfo) -> datetime:
    """Return the instant at which a good backup begun at `last` becomes too old, in UTC.

    That is two planned runs later, and half an hour: with an hourly schedule after two and a half hours, with one on
    weekdays alone after Monday's run and not on Sunday. Raises ValueError for a schedule that is not valid.
    """
    runs = Scheduler(schedule, timezone, _never, clock=lambda: last).next_runs(MISSED_RUNS)
    return max(runs, default=last) + MARGIN


def too_old_at(last: datetime, schedule: str, timezone: ZoneInfo, allowed: timedelta | None) -> datetime:
    """Return the same where STALE_AFTER (`allowed`) may say otherwise: what alarms, screens and exit codes go by."""
    return last + allowed if allowed is not None else stale_at(last, schedule, timezone)


async def _never(_planned: datetime) -> None:
    raise NotImplementedError
