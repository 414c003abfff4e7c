"""Tells which run is under way, a backup or a restore, in this process or in another one that holds the lock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.errors import AbortedError
from bot.models import RunInProgress
from bot.services.concurrency.nursery import race
from bot.services.files.locks import RunLock

LOOK_EVERY = 1.0
"""Seconds between two looks at a run that somebody waits for."""


class RunsUnderWay:
    """At most one at a time. Whoever makes runs here is added by the composition, before anything runs."""

    def __init__(self, lock: RunLock, *, ended: Callable[[], None], settle: Callable[[], Awaitable[object]]) -> None:
        """`ended` is called after every backup, whatever became of it.

        `settle` puts in order what runs that were cut off have left; it is to be called before each run.
        """
        self.lock, self.ended, self.settle = lock, ended, settle
        self._here: list[Callable[[], RunInProgress | None]] = []

    def add(self, running: Callable[[], RunInProgress | None]) -> None:
        """Ask this, too, for the run in this process."""
        self._here.append(running)

    @property
    def here(self) -> RunInProgress | None:
        """The run under way in this process."""
        return next((run for running in self._here if (run := running()) is not None), None)

    async def anywhere(self) -> RunInProgress | None:
        """The run under way in this process or, by the lock, in another one."""
        return self.here or await self.lock.run()

    async def over(self, stopping: asyncio.Event) -> None:
        """Wait until no run is under way, here or in another process. Raises `AbortedError` when the service stops."""
        while not stopping.is_set():
            if await self.anywhere() is None:
                return
            await race(stopping.wait(), asyncio.sleep(LOOK_EVERY))
        raise AbortedError("The service was stopped.")
