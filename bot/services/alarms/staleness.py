"""From when on the newest good backup is too old."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from bot.services.scheduler import planned_times

MISSED = 2
"""Two planned runs without a good backup are no accident."""

MARGIN = timedelta(minutes=15)
"""A run takes its time before its backup counts."""


def stale_at(
    last_good: datetime, *, expression: str, timezone: ZoneInfo, stale_after: timedelta | None = None
) -> datetime:
    """Return when a backup of `last_good` becomes too old: after `stale_after`, or with the second run missed.

    By the plan and not by an average, so that a backup of Friday is not stale on a Sunday without runs.
    """
    if stale_after is not None:
        return last_good + stale_after
    planned = tuple(islice(planned_times(expression, timezone, last_good), MISSED))
    return planned[-1] + MARGIN if planned else datetime.max.replace(tzinfo=last_good.tzinfo)
