"""Runs work in threads and waits for its end even when cancelled, so that no thread is left behind."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import settled

P = ParamSpec("P")
T = TypeVar("T")
Y = TypeVar("Y")


NICENESS = 15
"""Steps back of a gentle thread: where cores are short, it gets one thirtieth of what any other thread gets. With 5, a
backup took a tenth longer; the event loop, which may wait for the interpreter's lock in such a thread, no less."""


_DESCRIPTORS = 12  # a loop opens three, a database and its sidecars three, its copy two


def gentle_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Make a pool of threads that step back behind all others, of this process and of the application's.

    What everybody waits for is the check of a snapshot, which is one thread's work: beside two compressing threads it
    would get two thirds of a core. Linux alone lets one thread be nicer (setpriority(2), C library/kernel differences).
    """
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=_step_back)


def _step_back() -> None:
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it; it is a courtesy
            mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), mine + NICENESS)


async def run_to_end(work: Callable[[], T], *, stop: Callable[[], object]) -> T:
    """Return what `work` returns or raise what it raises, on a thread of its own; the event loop stays free.

    A cancellation calls `stop` (which must make `work` end soon, and may be called more than once), waits for the end
    of `work` and only then goes on as `CancelledError`: nothing is ever closed or removed under a running thread.
    """
    executor = ThreadPoolExecutor(max_workers=1)
    future = asyncio.get_running_loop().run_in_executor(executor, work)
    executor.shutdown(wait=False)
    return await settled(future, stop=stop)


async def run_checked(work: Callable[..., T], *args: Any, abort: Abort) -> T:
    """Do as `run_to_end` with work that is given a `check` to call between two pieces: it raises once it is to stop."""
    own = Abort(parent=abort)
    return await run_to_end(partial(work, *args, check=own.check), stop=own.set)


def require_descriptors() -> None:
    """Raise `OSError` before a loop is half made: asyncio would complain of it where nobody can catch that."""
    taken: list[int] = []
    try:
        taken.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(_DESCRIPTORS))
    finally:
        for descriptor in taken:
            os.close(descriptor)


async def in_thread(threads: Executor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do one short piece of blocking work in a thread; it is over when this returns or raises, cancelled or not."""
    return await settled(asyncio.get_running_loop().run_in_executor(threads, lambda: work(*args, **kwargs)))


async def step_by_step(
    threads: Executor, steps: Generator[Y, None, T], *, abort: Abort, progress: Callable[[Y], None] = lambda _done: None
) -> T:
    """Run a generator of short blocking steps in a thread and return its result.

    `progress` is called in the event loop with what the generator yields. Between two steps the abort flag and
    cancellation are heeded; the generator is then closed in a thread as well. Raises `AbortedError`.
    """

    result: list[T] = []

    def step() -> list[Y]:
        try:
            return [next(steps)]
        except StopIteration as end:
            result.append(end.value)
            return []

    try:
        while True:
            abort.check()
            for done in await in_thread(threads, step):
                progress(done)
            if result:
                return result[0]
    finally:
        if not result:
            await in_thread(threads, steps.close)
