"""Finds databases that hold far less than they did, by rows per table or by bytes; ignores small tables.

A new backup is compared with the one before, and where it lost something at all, also with the lowest level of the
week that ended a day ago, and of the one that ended a week ago: many small losses are a great one. The lowest level,
since an application that trims its tables now and then comes down to it every time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.models import BackedUp, Verdict

FEWEST_ROWS = 20
"""A table has to have lost at least this many rows: a queue that ran empty is no loss."""

FEWEST_BYTES = 1 << 20
"""A database has to have lost at least this many bytes: a small one that was vacuumed is no loss."""

MOST_NAMED = 3

FURTHER_BACK = ((timedelta(days=1), " within a day"), (timedelta(days=7), " within a week"))
"""How long ago the weeks ended whose lowest levels a new backup is compared with, and how that is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkBaseline:
    """What a database is measured against; `over` says how long ago that was, empty for the backup before."""

    database: BackedUp
    over: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """What a database has lost, and against which level."""

    found: tuple[str, ...]
    level: ShrinkBaseline

    @property
    def line(self) -> str:
        """The losses in one line."""
        more = f" and {len(self.found) - MOST_NAMED} more" if len(self.found) > MOST_NAMED else ""
        return ", ".join(self.found[:MOST_NAMED]) + more + self.level.over


def has_lost(now: BackedUp, before: BackedUp) -> bool:
    """Tell whether a database holds less than before of anything, be it one row."""
    rows = dict(now.rows)
    return now.bytes < before.bytes or any(rows.get(table, 0) < count for table, count in before.rows)


def shrinkage_from(now: BackedUp, level: ShrinkBaseline, percent: int) -> Shrinkage | None:
    """Return how far a database fell from a level, None where that is no more than `percent`, or `percent` is 0.

    It names the greatest loss first, as `users 12,480 → 3`. A table that could not be counted, then or now, says
    nothing. One that is gone has lost every row.
    """
    if not percent:
        return None
    base, rows = level.database, dict(now.rows)
    uncounted = not rows and now.verdict is not Verdict.OK
    found: list[tuple[int, str]] = []
    for table, before in () if uncounted else base.rows:
        after = rows.get(table, 0)
        if after < 0 or not _fell(before, after, percent, FEWEST_ROWS):
            continue
        left = f"{after:,}" if table in rows else "gone"
        found.append((before - after, f"{table} {before:,} → {left}"))
    found.sort(key=lambda loss: -loss[0])
    lines = [line for _, line in found]
    if _fell(base.bytes, now.bytes, percent, FEWEST_BYTES):
        lines.append(f"the whole file {_megabytes(base.bytes)} → {_megabytes(now.bytes)}")
    return Shrinkage(found=tuple(lines), level=level) if lines else None


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


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MB"
