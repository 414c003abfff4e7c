"""Finds databases that hold far less than they did, by rows per table or by bytes; ignores small tables.

A new backup is compared with the one before, and where it lost something at all, also with the lowest level of the
week that ended a day ago, and of the one that ended a week ago: many small losses are a great one. The lowest level,
since an application that trims its tables now and then comes down to it every time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.models import TABLE_GONE, BackedUp, Facts, Loss, Verdict

FEWEST_ROWS = 20
"""A table has to have lost at least this many rows: a queue that ran empty is no loss."""

FEWEST_BYTES = 1 << 20
"""A database has to have lost at least this many bytes: a small one that was vacuumed is no loss."""

MOST_NAMED = 3

FURTHER_BACK = ((timedelta(days=1), "day"), (timedelta(days=7), "week"))
"""How long ago the weeks ended whose lowest levels a new backup is compared with, and the code of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkBaseline:
    """What a database is measured against; `over` is how long ago that was, empty for the backup before."""

    database: BackedUp
    over: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """What a database has lost, the most first, and against which level."""

    losses: tuple[Loss, ...]
    level: ShrinkBaseline

    @property
    def facts(self) -> Facts:
        """The losses as facts of an alarm."""
        named = (
            fact
            for loss in self.losses[:MOST_NAMED]
            for fact in (("table", loss.table), ("before", loss.before), ("after", loss.after))
        )
        return (*named, ("more", len(self.losses[MOST_NAMED:])), ("over", self.level.over))


def has_lost(now: BackedUp, before: BackedUp) -> bool:
    """Tell whether a database holds less than before of anything, be it one row."""
    rows = dict(now.rows)
    return now.bytes < before.bytes or any(rows.get(table, 0) < count for table, count in before.rows)


def shrinkage_from(now: BackedUp, level: ShrinkBaseline, percent: int) -> Shrinkage | None:
    """Return how far a database fell from a level, None where that is no more than `percent`, or `percent` is 0.

    The greatest loss comes first. A table that could not be counted, then or now, says nothing. One that is gone has
    lost every row.
    """
    if not percent:
        return None
    base, rows = level.database, dict(now.rows)
    uncounted = not rows and now.verdict is not Verdict.OK
    losses = [
        Loss(now.name, table, before, rows.get(table, TABLE_GONE), level.over)
        for table, before in (() if uncounted else base.rows)
        if rows.get(table, 0) >= 0 and _fell(before, rows.get(table, 0), percent, FEWEST_ROWS)
    ]
    losses.sort(key=lambda loss: max(0, loss.after) - loss.before)
    if _fell(base.bytes, now.bytes, percent, FEWEST_BYTES):
        losses.append(Loss(now.name, "", base.bytes, now.bytes, level.over))
    return Shrinkage(losses=tuple(losses), level=level) if losses else None


def keep_baseline(level: ShrinkBaseline) -> str:
    """Return what an alarm keeps of the level it measures against."""
    base = level.database
    return json.dumps({"rows": base.rows, "bytes": base.bytes, "over": level.over}, ensure_ascii=False)


def baseline_of(kept: str, like: BackedUp) -> ShrinkBaseline | None:
    """Return the level that `keep_baseline` kept, as a copy of `like`; None where it can't be read."""
    try:
        data = json.loads(kept)
        base = replace(like, rows=tuple((str(t), int(n)) for t, n in data["rows"]), bytes=int(data["bytes"]))
        return ShrinkBaseline(database=base, over=str(data.get("over", "")))
    except (ValueError, KeyError, TypeError):
        return None


def _fell(before: int, after: int, percent: int, least: int) -> bool:
    lost = before - after
    return before > 0 and lost >= least and lost * 100 > before * percent
