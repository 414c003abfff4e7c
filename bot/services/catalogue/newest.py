"""Defines which of several backups is the newest: one rule for catalogue rows and everything else with a date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

Dated = TypeVar("Dated")

CLOCK_TOLERANCE = timedelta(minutes=10)
"""A clock that NTP nudges back makes the newest backup a little younger than now; that is no clock gone wrong."""

NEWEST_FIRST_SQL = "started_at > ?, started_at DESC, id DESC"
"""The rule as SQL: what `ORDER BY` wants of the rows of backups; its parameter is `as_text(ahead_from(now))`."""


def ahead_from(now: datetime) -> datetime:
    """Return the instant after which a date lies in the future."""
    return now + CLOCK_TOLERANCE


def is_ahead(at: datetime, now: datetime) -> bool:
    """Tell whether something is dated in the future: it was made under a clock that was wrong."""
    return at > ahead_from(now)


def newest_first(
    things: Iterable[Dated],
    *,
    now: datetime,
    at: Callable[[Dated], datetime],
    then: Callable[[Dated], Any] = lambda _thing: 0,
) -> tuple[Dated, ...]:
    """Return what is dated by `at` in the order of its dates, the newest first; of equal dates, the largest `then`.

    What is dated in the future comes last: it is the newest only where there is no other.
    """
    ranked = sorted(things, key=lambda thing: (at(thing), then(thing)), reverse=True)
    return tuple(sorted(ranked, key=lambda thing: is_ahead(at(thing), now)))
