"""Blocking work on a thread of its own, awaited to its end whatever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


async def run_to_end(work: Callable[[], T], *, stop: Callable[[], None]) -> T:
    """Return what `work` returns or raise what it raises; the event loop stays free.

    A cancellation calls `stop` (which must make `work` end soon, and may be called more than once), waits for the end
    of `work` and only then goes on as `CancelledError`: nothing is ever closed or removed under a running thread.
    """
    executor = ThreadPoolExecutor(max_workers=1)
    future = asyncio.get_running_loop().run_in_executor(executor, work)
    executor.shutdown(wait=False)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait((future,))  # unlike awaiting the future, this leaves it alone when cancelled
        except asyncio.CancelledError as error:
            cancelled = error
            stop()
    if cancelled is not None:
        future.exception()  # seen: what a stopped thread says is no news
        raise cancelled
    return future.result()
