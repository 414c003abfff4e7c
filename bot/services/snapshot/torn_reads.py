"""Tells a fault of a file from a read that a write has torn: reads again until the file has rested meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bot.errors import SnapshotError
from bot.models import Cause, Reason, SkipReason

T = TypeVar("T")

_DOUBTFUL = {
    SkipReason.MISSING,
    SkipReason.EMPTY,
    SkipReason.NOT_A_DATABASE,
    SkipReason.UNKNOWN_FORMAT,
    SkipReason.DAMAGED,
}
_QUIET = 1.0  # seconds without a write after which a file that is being rewritten piece by piece is taken for done
_BRIEF = 0.2  # the same for a file that is not there: between taking it away and putting the new one in its place
_PATIENCE = 6.0  # seconds from the first fault until "is being rewritten" is the answer
_PAUSE = 0.05


class RewrittenError(SnapshotError):
    """A file was written, or another one put in its place, while it was read under its locks."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What a write changes: identity, size and times; None for a file that is not there."""

    values: tuple[int, int, int, int, int] | None
    age: float  # seconds since the last write, as far as the clocks of this machine and of the file agree


async def retry_torn_reads(path: Path, read: Callable[[], Awaitable[T]], *, check: Callable[[], None]) -> T:
    """Return what `read` returns, which is tried again where it finds a fault that a rewrite would show too.

    A file that is replaced, or rewritten in place by something that knows no locks, shows what is no database for a
    moment. Raises the fault, `SnapshotError`, where it was there twice and the file had rested meanwhile; with
    CHANGED_WHILE_READ where the file does not come to rest; what `check` raises, which is called in between.
    """
    seen: tuple[int, ...] | None = ()
    since = time.monotonic()
    first: float | None = None
    while True:
        before = await asyncio.to_thread(_stamp, path)
        try:
            return await read()
        except SnapshotError as error:
            if error.reason not in _DOUBTFUL and not isinstance(error, RewrittenError):
                raise
            fault = error
        now = time.monotonic()
        first = now if first is None else first
        after = await asyncio.to_thread(_stamp, path)
        still = after.values == before.values
        if still and after.values == seen and _rested(after, now - since):
            raise fault
        if now - first > _PATIENCE:
            facts = (("found", fault.cause.code), *fault.cause.facts)
            raise SnapshotError.of(Reason(Cause.REWRITTEN_ALWAYS, facts)) from fault
        if not still or after.values != seen:
            since = now
        seen = after.values if still else ()
        await asyncio.sleep(_PAUSE)
        while seen != () and not _rested(after, time.monotonic() - since):
            check()
            await asyncio.sleep(_PAUSE)
            after = await asyncio.to_thread(_stamp, path)
            if after.values != seen:
                break
        check()


def was_written_since(path: Path, moment: datetime) -> bool:
    """Tell whether a file was, or may have been, written or replaced since. Blocking."""
    stamp = _stamp(path)
    return stamp.values is None or time.time() - stamp.age > moment.timestamp()


def _stamp(path: Path) -> _Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 - links are followed, as SQLite does
    except (OSError, ValueError):
        return _Stamp(None, 0.0)
    newest = max(found.st_mtime, found.st_ctime)
    values = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return _Stamp(values, time.time() - newest)


def _rested(stamp: _Stamp, watched: float) -> bool:
    if stamp.values is None:
        return watched >= _BRIEF
    return max(stamp.age, watched) >= _QUIET
