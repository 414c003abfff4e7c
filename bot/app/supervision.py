"""Tells systemd, where it has started the service, that it is ready, how it does, and that it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.clock import date_time, zone_name
from bot.services.host.notify import notify, watchdog_seconds
from bot.services.schedule.scheduler import Scheduler

_EVERY = 60.0
"""Seconds between two reports that no watchdog waits for."""


class Supervision:
    """Reports that go on until the service has stopped; elsewhere than under systemd they reach nobody.

    The watchdog is fed only while the scheduler's next run lies ahead: a service that plans nothing is begun anew.
    """

    def __init__(self, scheduler: Scheduler, *, restoring: Callable[[], bool]) -> None:
        """`restoring` tells whether a restore is under way, which a stop waits for."""
        self._scheduler, self._restoring = scheduler, restoring
        self._every = min(_EVERY, (watchdog_seconds() or 3 * _EVERY) / 3)
        self._stopping = False

    async def run(self) -> None:
        """Report now and again, for ever."""
        while True:
            await self.report()
            await asyncio.sleep(self._every)

    def ready(self) -> None:
        """Say that the runs are planned; whether Telegram answers is another matter."""
        notify("READY=1", self._status())

    async def report(self) -> None:
        """Say what is next, and that the service lives."""
        lines = [self._status()]
        if self._stopping and self._restoring():
            lines.append(f"EXTEND_TIMEOUT_USEC={int(3 * self._every * 1_000_000)}")
        if self._stopping or self._scheduler.lives:
            lines.append("WATCHDOG=1")
        notify(*lines)

    async def stopping(self) -> None:
        """Say that the service ends, and what it waits for."""
        self._stopping = True
        notify("STOPPING=1")
        await self.report()

    def _status(self) -> str:
        if self._stopping:
            return f"STATUS={'Waits for a restore to end' if self._restoring() else 'Stopping'}"
        planned = self._scheduler.next_run()
        if planned is None:
            return "STATUS=Paused"
        zone = self._scheduler.timezone
        return f"STATUS=Next backup {date_time(planned, zone)} {zone_name(zone)}"
