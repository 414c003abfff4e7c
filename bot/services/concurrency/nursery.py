"""Starts every task there is: beside a block, side by side, to its end although cancelled, or in a nursery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar, overload

from loguru import logger

from bot.clock import Sleep
from bot.errors import AbortedError, CourierError
from bot.services.concurrency.abort import Abort
from bot.services.contracts.destination import Outcome

S = TypeVar("S")
T = TypeVar("T")

GRACE = 2.0  # seconds for requests under way once a run is stopped; a cut answer could mean a second copy
LOOK_EVERY = 0.1  # seconds between two looks at the abort flag


async def settled(
    work: Awaitable[T], *, stop: Callable[[], object] = bool, unclaimed: Callable[[T], Awaitable[object]] | None = None
) -> T:
    """Wait for `work` to its end, also when cancelled meanwhile, and only then pass the cancellation on.

    Each cancellation calls `stop`, which should make `work` end soon. What `work` returns then reaches nobody: where it
    must be closed, `unclaimed` does it.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])  # unlike awaiting the future, this leaves it alone when cancelled
        except asyncio.CancelledError as error:
            cancelled = error
            stop()
    if cancelled is not None:
        # Asked of all, or asyncio calls it never retrieved; what stopped work says is no news.
        if not task.cancelled() and task.exception() is None and unclaimed is not None:
            await settled(unclaimed(task.result()))
        raise cancelled
    return task.result()


async def cancel(*tasks: asyncio.Future[Any]) -> None:
    """Cancel what is not done, and return when everything is; what a task raised stays with it."""
    for task in tasks:
        task.cancel()
    await settled(asyncio.gather(*tasks, return_exceptions=True))


async def race(*works: Awaitable[object]) -> None:
    """Return when the first of these ends, or raise what it raises; the others are cancelled, and have ended too."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel(*tasks)
    for task in done:
        task.result()


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Do `work` beside a block; at the block's end it is cancelled, and has ended.

    What it has raised is raised there, unless the block raises something itself.
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await cancel(task)
    if not task.cancelled():
        task.result()


@overload
async def side_by_side(
    one: Coroutine[Any, Any, S], other: Coroutine[Any, Any, T], /, *, stop: Callable[[], object] | None = None
) -> tuple[S, T]: ...


@overload
async def side_by_side(*works: Coroutine[Any, Any, T], stop: Callable[[], object] | None = None) -> tuple[T, ...]: ...


async def side_by_side(*works: Coroutine[Any, Any, Any], stop: Callable[[], object] | None = None) -> tuple[Any, ...]:
    """Return what all of these return, or raise what went wrong first, once all have ended.

    A failure or a cancellation cancels the others; where there is a `stop`, it calls that instead, which must make them
    end soon.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    failed: BaseException | None = None

    def end() -> None:
        if stop is not None:
            stop()
            return
        for task in tasks:
            task.cancel()

    def note_failure(task: asyncio.Future[Any]) -> None:
        nonlocal failed
        error = None if task.cancelled() else task.exception()  # asked of all, or asyncio calls one never retrieved
        if failed is None and error is not None:
            failed = error
            end()

    for task in tasks:
        task.add_done_callback(note_failure)
    if tasks:
        await settled(asyncio.wait(tasks), stop=end)
    if failed is not None:
        raise failed
    return tuple(task.result() for task in tasks)


class Nursery:
    """Tasks that outlive their starter, and are waited for or cancelled together or by name.

    It waits with an injected `sleep`. Once it is drained, such waits end at once.
    """

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self.sleep = sleep
        self.closing = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], *, name: str | None = None, failure: str = "") -> asyncio.Task[T]:
        """Start work that `drain` waits for. Its failure is logged as `failure` where that is given.

        Without, whoever awaits the task gets what it raises; asyncio logs what nobody has got.
        """
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, failure))
        return task

    def _ended(self, failure: str, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if failure and not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, CourierError | Outcome):
                logger.warning("{}: {}", failure, error.sentence)
            else:
                logger.opt(exception=error).error("{}", failure)

    @property
    def busy(self) -> bool:
        """Whether any task is under way."""
        return any(not task.done() for task in self._tasks)

    def has(self, name: str) -> bool:
        """Tell whether a task of that name is under way."""
        return any(not task.done() and task.get_name() == name for task in self._tasks)

    async def over(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self, *names: str) -> None:
        """Cancel the tasks of these names, and return when they have ended."""
        await cancel(*(task for task in self._tasks if task.get_name() in names))

    async def drain(self, seconds: float | None = 0) -> None:
        """Give the tasks so long to finish (None: as long as they take), cancel the rest; return when none is left."""
        self.closing.set()
        try:
            if self._tasks and seconds != 0:
                await asyncio.wait(self._tasks, timeout=seconds)
        finally:
            while self._tasks:
                await cancel(*self._tasks)

    async def together(self, works: Iterable[Coroutine[Any, Any, T]], abort: Abort | None = None) -> list[T]:
        """Do everything side by side; the first exception ends the rest and is raised.

        Once `abort` is set the work gets some seconds to end by itself, and is then cut short. Raises `AbortedError`
        after that, and when `drain` cut the work short.
        """
        tasks = [self.start(work) for work in works]
        everything = asyncio.gather(*tasks)
        try:
            await race(asyncio.wait([everything]), _set(abort))
            if abort is not None and not everything.done():
                await asyncio.wait([everything], timeout=GRACE)
                if not everything.done():
                    await cancel(everything)
                    abort.check()
            return await everything
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self.closing.is_set() and current is not None and not current.cancelling():
                raise AbortedError("the service is shutting down; what is not delivered yet stays owed") from None
            raise
        finally:
            await cancel(everything, *tasks)

    async def until(self, event: asyncio.Event, seconds: float, abort: Abort | None = None) -> bool:
        """Wait for the event or for `abort`, at most so long; returns whether the event is set."""
        await race(event.wait(), _set(abort), self.sleep(max(seconds, 0)))
        return event.is_set()


async def _set(abort: Abort | None) -> None:
    """Return once the flag is set; never without one."""
    if abort is None:
        await asyncio.Event().wait()
        return
    while not abort.is_set():  # noqa: ASYNC110 - a flag for threads can't wake an event loop
        await asyncio.sleep(LOOK_EVERY)
