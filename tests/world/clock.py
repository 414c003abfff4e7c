"""The clocks of tests: one that runs and is moved, one that stands until it is moved; and waiting for a condition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.clock import utc_now
from bot.services.delivery.upload import PATIENCE


class HeldClock:
    """A clock held so many seconds before a full hour until it is released; then it runs."""

    def __init__(self, seconds: float) -> None:
        self._start = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1, seconds=-seconds)
        self._released: float | None = None

    def release(self) -> None:
        self._released = time.monotonic()

    def __call__(self) -> datetime:
        passed = 0.0 if self._released is None else time.monotonic() - self._released
        return self._start + timedelta(seconds=passed)


async def until(condition: Callable[[], Awaitable[bool]], within: float = 10) -> None:
    """Wait until an asynchronous condition holds."""
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.02)


class MovedClock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def go(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


SHORT = PATIENCE  # seconds; retries in these tests are shorter, the patience with an upload is longer


class StandingClock:
    """A clock and a sleep that only move when told to."""

    def __init__(self, now: datetime = datetime(2026, 7, 13, 5, 0, tzinfo=UTC)) -> None:
        self.begun = self.now = now
        self.sleepers: dict[asyncio.Future[None], tuple[datetime, float]] = {}
        self._changed = asyncio.Event()

    def __call__(self) -> datetime:
        return self.now

    @property
    def seconds(self) -> float:
        """How much later it is than at the beginning."""
        return (self.now - self.begun).total_seconds()

    @property
    def sleeping(self) -> bool:
        return any(not waking.done() for waking in self.sleepers)

    async def someone_sleeps(self) -> None:
        await self.asleep(lambda _: True, within=30)

    async def pass_by(self, seconds: float) -> None:
        """Make it later once somebody sleeps."""
        await self.someone_sleeps()
        self.advance(seconds)

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleepers[waking] = (self.now + timedelta(seconds=seconds), seconds)
        self._changed.set()
        try:
            await waking
        finally:
            self.sleepers.pop(waking, None)

    def advance(self, seconds: float) -> None:
        """Make it later, and wake everybody whose time has come."""
        self.now += timedelta(seconds=seconds)
        for waking, (at, _) in list(self.sleepers.items()):
            if at <= self.now and not waking.done():
                waking.set_result(None)

    async def asleep(self, matches: Callable[[float], bool], *, within: float = 5) -> float:
        """Wait until somebody sleeps for a time that matches; returns the seconds left of it."""
        async with asyncio.timeout(within):
            while True:
                for waking, (at, seconds) in self.sleepers.items():
                    if matches(seconds) and not waking.done():
                        return (at - self.now).total_seconds()
                self._changed.clear()
                await self._changed.wait()

    async def stall(self) -> float:
        """Let time pass until a second upload is begun beside a held one; returns the patience it took, in seconds.

        An upload that is held in mid-body still fills the sockets for a while, which is progress.
        """
        patience = 0.0
        while len(watches := [seconds for _, seconds in self.sleepers.values() if seconds >= PATIENCE]) < 2:
            await self.asleep(lambda seconds: seconds >= PATIENCE)
            patience = patience or watches[0] if watches else 0.0
            self.advance(max(watches, default=0))
            for _ in range(20):  # turns of the loop, not time: nothing between here and the next watch waits for more
                await asyncio.sleep(0)
        return patience

    async def pass_until(self, task: asyncio.Task[Any]) -> Any:
        """Let short sleeps go by, in order, until the task is done; returns its result."""
        while not task.done():
            looking = asyncio.create_task(self.asleep(lambda seconds: seconds < SHORT, within=20))
            await asyncio.wait({task, looking}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done() and not task.done():
                self.advance(max(looking.result(), 0))
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        return await task
