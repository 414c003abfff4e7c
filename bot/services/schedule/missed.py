"""Finds the planned runs that did not take place: by the schedule, the runs on record and the pauses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.models import BackupDay
from bot.services.catalogue import Catalogue
from bot.services.schedule.plan import SchedulePlan
from bot.services.schedule.scheduler import planned_times
from bot.services.schedule.staleness import MARGIN

_LONGEST_RUN = timedelta(days=1)


def rule_of(plan: SchedulePlan, timezone: ZoneInfo) -> str:
    """Return what says when runs are due, for the catalogue to know since when it holds."""
    return f"{plan.expression} {timezone.key}"


async def read_missed(
    catalogue: Catalogue, plan: SchedulePlan, timezone: ZoneInfo, since: datetime, now: datetime
) -> tuple[datetime, ...]:
    """Return the planned times after `since` at which no run took place, as long as this schedule has been followed."""
    followed = await catalogue.service.followed_since(rule_of(plan, timezone))
    if followed is None:
        return ()
    begin = max(since, followed)
    runs = await catalogue.charts.spans(begin - _LONGEST_RUN)
    pauses = await catalogue.service.pauses()
    return await asyncio.to_thread(missed_times, plan.expression, timezone, begin, now, runs=runs, pauses=pauses)


def missed_times(
    expression: str,
    timezone: ZoneInfo,
    since: datetime,
    now: datetime,
    *,
    runs: Sequence[tuple[datetime, datetime | None]],
    pauses: Sequence[tuple[datetime, datetime]],
) -> tuple[datetime, ...]:
    """Return the planned times after `since` at which no run took place, and should have by now.

    `runs` began and ended (None: under way), oldest first. One keeps every planned time until which it was under way
    or before the next of which it began. In `pauses`, from and to, none is due.
    """
    missed: list[datetime] = []
    times, left = planned_times(expression, timezone, since), 0
    at = next(times, None)
    while at is not None and at + MARGIN <= now:
        following = next(times, None)
        while left < len(runs) and (runs[left][1] or now) < at:
            left += 1
        kept = left < len(runs) and (following is None or runs[left][0] < following)
        if not kept and not any(begin <= at < end for begin, end in pauses):
            missed.append(at)
        at = following
    return tuple(missed)


def with_missed(days: Sequence[BackupDay], missed: Sequence[datetime], timezone: ZoneInfo) -> tuple[BackupDay, ...]:
    """Return local days with the runs that did not take place on them, those too on which nothing else happened."""
    numbers = Counter(at.astimezone(timezone).date() for at in missed)
    known = {day.day: day for day in days}
    return tuple(replace(known.get(day, BackupDay(day=day)), missed=numbers[day]) for day in sorted({*known, *numbers}))
