"""Chooses what an axis shows: round figures, and moments that people think in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.clock import MONTHS
from bot.models import Span

FLAT = 0.02
"""The part of a figure by which an axis is open around a line that hardly moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Values from `low` to `high` between two places of the picture, and the values that are named."""

    low: float
    high: float
    start: float
    end: float
    named: tuple[float, ...] = ()

    def at(self, value: float) -> float:
        """Return the place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def value_axis(values: Sequence[float], *, start: float, end: float, base: int = 10) -> Axis:
    """Return an axis around values with about four round figures on it.

    It begins at nothing where the values move much; else a growth by a hundredth could not be seen. `base` is 1024 for
    bytes, whose figures are round in the unit that people read them in.
    """
    low, high = min(values), max(values)
    if high - low > high / 3 or high <= 0:
        low, high = 0.0, max(high, 1.0)
    elif high - low < high * FLAT:
        low, high = low - high * FLAT / 2, high + high * FLAT / 2
    unit = 1.0
    while base == 1024 and high >= unit * 1023.5:
        unit *= 1024
    least = 0.1 if unit > 1 and high < 9.95 * unit else 1.0  # as many decimals as a size is written with
    step = _round_step(max((high - low) / 4 / unit, least)) * unit
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    steps = round((high - low) / step)
    return Axis(
        low=low, high=high, start=start, end=end, named=tuple(low + number * step for number in range(steps + 1))
    )


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(nice for nice in (1, 2, 5, 10) if nice * power >= step * 0.999) * power


def moments(since: datetime, until: datetime, timezone: ZoneInfo) -> list[tuple[datetime, str]]:
    """Return the moments to name between two instants: hours of a day, days of a week or of a month, in local time."""
    length = until - since
    if length <= timedelta(hours=Span.DAY):
        return _local(since, until, timezone, timedelta(hours=6), lambda local: f"{local:%H:%M}")
    days = 1 if length <= timedelta(hours=Span.WEEK) else max(1, round(length.days / 5))
    return _local(since, until, timezone, timedelta(days=days), lambda at: f"{at.day} {MONTHS[at.month - 1]}")


def _local(
    since: datetime, until: datetime, timezone: ZoneInfo, step: timedelta, say: Callable[[datetime], str]
) -> list[tuple[datetime, str]]:
    """Step through the hours of the wall clock, counted back from the last midnight or full step."""
    midnight = datetime.combine(until.astimezone(timezone).date(), time())
    wall = midnight + (until.astimezone(timezone).replace(tzinfo=None) - midnight) // step * step
    found = []
    while (at := wall.replace(tzinfo=timezone)) >= since:
        found.append((at, say(at)))
        wall -= step
    return found[::-1]
