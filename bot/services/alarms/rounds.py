"""Lets every check look for troubles, then tells everybody what is due to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta

from loguru import logger

from bot.clock import Clock
from bot.errors import CourierError
from bot.services.alarms.alarms import Alarms
from bot.services.alarms.dispatch import AlarmDispatch
from bot.services.alarms.listener import Audience

LOOK_EVERY = 30.0
"""Seconds between two looks at everything, if nothing happens before."""

AlarmCheck = Callable[[], Awaitable[None]]
"""Looks whether something is wrong, and begins or ends alarms."""


class AlarmRounds:
    """Lets the checks look and tells the audience, at every nudge and every half minute; never raises."""

    def __init__(
        self,
        alarms: Alarms,
        checks: Iterable[AlarmCheck],
        audience: Audience,
        *,
        reminder: timedelta,
        clock: Clock,
    ) -> None:
        self._alarms, self._checks, self._audience = alarms, tuple(checks), audience
        self._dispatch = AlarmDispatch(alarms.register, reminder=reminder, clock=clock)
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Look now."""
        self._nudged.set()

    def returned(self, chat_id: int) -> None:
        """Somebody can be reached again: what they have yet to be told of does not wait any longer."""
        self._dispatch.returned(chat_id)
        self.nudge()

    async def run(self) -> None:
        """Look and tell until cancelled; whatever goes wrong, it goes on."""
        try:
            while True:
                self._nudged.clear()
                await self.look()
                await self.notify()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._nudged.wait(), LOOK_EVERY)
        finally:
            await self._dispatch.stop()

    async def look(self) -> None:
        """Run every check; one that fails is logged, and the others run all the same."""
        for check in self._checks:
            try:
                await check()
            except CourierError as error:
                logger.error("something could not be watched: {}", error.sentence)
            except Exception:
                logger.exception("something could not be watched")

    async def notify(self) -> None:
        """Begin to tell everybody what is due to them, each in a task of their own."""
        await self._alarms.load()
        try:
            listeners = tuple(await self._audience())
        except CourierError as error:
            logger.error("nobody can be told: {}", error.sentence)
            return
        self._dispatch.begin(listeners)
        self._alarms.register.let_go()

    async def deliver(self) -> None:
        """Look, tell, and wait until everybody who can be told now was."""
        await self.look()
        await self.notify()
        await self._dispatch.over()
