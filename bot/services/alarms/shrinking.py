"""Whether a database holds much less than it did: rows of a table, or bytes. Small tables come and go."""

from __future__ import annotations

import json
from dataclasses import replace

from bot.models import BackedUp, Verdict

FEWEST_ROWS = 20
"""A table has to have lost at least this many rows: a queue that ran empty is no loss."""

FEWEST_BYTES = 1 << 20
"""A database has to have lost at least this many bytes: a small one that was vacuumed is no loss."""

MOST_NAMED = 3


def losses(now: BackedUp, base: BackedUp, percent: int) -> tuple[str, ...]:
    """Return what fell by more than `percent`, the greatest loss first, as `users 12,480 → 3`; () for 0 percent.

    A table that could not be counted, then or now, says nothing. One that is gone has lost every row.
    """
    if not percent:
        return ()
    rows = dict(now.rows)
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
    return tuple(lines)


def as_line(found: tuple[str, ...]) -> str:
    """Return the losses in one line."""
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more


def keep_base(base: BackedUp) -> str:
    """Return what an alarm keeps of the level it measures against."""
    return json.dumps({"rows": base.rows, "bytes": base.bytes}, ensure_ascii=False)


def level_of(kept: str, like: BackedUp) -> BackedUp | None:
    """Return the level that `keep_base` kept, as a copy of `like`; None where it can't be read."""
    try:
        data = json.loads(kept)
        return replace(like, rows=tuple((str(t), int(n)) for t, n in data["rows"]), bytes=int(data["bytes"]))
    except (ValueError, KeyError, TypeError):
        return None


def _fell(before: int, after: int, percent: int, least: int) -> bool:
    lost = before - after
    return before > 0 and lost >= least and lost * 100 > before * percent


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MB"
