"""Owns tasks and waits, so that a shutdown finds every one of them and loses no result."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from bot.clock import Sleep
from bot.errors import AbortedError
from bot.services.concurrency.abort import Abort

Result = TypeVar("Result")

GRACE = 2.0  # seconds for requests under way once a run is stopped; a cut answer could mean a second copy
LOOK_EVERY = 0.1  # seconds between two looks at the abort flag


class Nursery:
    """Starts tasks, waits with an injected `sleep`, and carries writes through. Once closing, waits end at once."""

    def __init__(self, sleep: Sleep) -> None:
        self.sleep = sleep
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writes: set[asyncio.Task[None]] = set()
        self.closing = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Start work that `drain` waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def together(self, works: Iterable[Coroutine[Any, Any, Result]], abort: Abort | None = None) -> list[Result]:
        """Do everything side by side; the first exception ends the rest and is raised.

        Once `abort` is set the work gets some seconds to end by itself, and is then cut short. Raises `AbortedError`
        after that, and when `drain` cut the work short.
        """
        tasks = [self.spawn(work) for work in works]
        everything = asyncio.gather(*tasks)
        aborted: asyncio.Future[Any] = asyncio.create_task(_set(abort))
        try:
            await asyncio.wait([everything, aborted], return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():
                await asyncio.wait({everything}, timeout=GRACE)
            if abort is not None and not everything.done():
                await stop(everything)
                abort.check()
            return await everything
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self.closing.is_set() and current is not None and not current.cancelling():
                raise AbortedError("the service is shutting down; what is not delivered yet stays owed") from None
            raise
        finally:
            await stop(aborted, everything, *tasks)

    async def keep(self, write: Coroutine[Any, Any, None]) -> None:
        """Run a write to its end: the cancellation of the caller leaves it running, and `drain` waits for it.

        A volume whose confirmation were lost would be sent a second time. Raises what the write raises.
        """
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        await asyncio.shield(task)

    async def until(self, event: asyncio.Event, seconds: float, abort: Abort | None = None) -> bool:
        """Wait for the event or for `abort`, at most so long; returns whether the event is set."""
        waiting = asyncio.create_task(event.wait())
        aborted = asyncio.create_task(_set(abort))
        sleeping = asyncio.ensure_future(self.sleep(max(seconds, 0)))
        try:
            await asyncio.wait({waiting, aborted, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stop(waiting, aborted, sleeping)
        return event.is_set()

    async def drain(self, seconds: float) -> None:
        """Give the tasks so long to finish, cancel the rest, and wait for the writes."""
        self.closing.set()
        if tasks := set(self._tasks):
            await asyncio.wait(tasks, timeout=seconds)
            await stop(*tasks)
        while self._writes:
            await asyncio.gather(*self._writes, return_exceptions=True)


async def _set(abort: Abort | None) -> None:
    """Return once the flag is set; never without one."""
    if abort is None:
        await asyncio.Event().wait()
        return
    while not abort.is_set():  # noqa: ASYNC110 - a flag for threads can't wake an event loop
        await asyncio.sleep(LOOK_EVERY)


async def stop(*tasks: asyncio.Future[Any]) -> None:
    """Cancel what is not done, and return when everything is; what a task raised stays with it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
