"""Sends alarms to every listener in a task of its own, oldest first, and retries after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from loguru import logger

from bot.clock import Clock
from bot.models import Alarm, AlarmNotice
from bot.services.alarms.lifecycle import AlarmStep, step_due
from bot.services.alarms.listener import Listener, NotNotifiedError
from bot.services.alarms.register import AlarmRegister

TRY_AGAIN_AFTER = 30.0
"""Seconds until somebody who could not be told is tried again; twice as many after every further time, at most 600."""

ENDS_WITHIN = 2.0
"""Seconds a shutdown gives a message under way, so that its id is not lost and it is not sent again."""


class AlarmDispatch:
    """The messages about alarms that are under way."""

    def __init__(self, register: AlarmRegister, *, reminder: timedelta, clock: Clock) -> None:
        self._register, self._reminder, self._clock = register, reminder, clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, tuple[datetime, float]] = {}

    def begin(self, listeners: Iterable[Listener]) -> None:
        """Begin to tell each of them what is due to them; whoever is still being told is let be."""
        for listener in listeners:
            if listener.address not in self._tasks:
                task = asyncio.create_task(self._notify(listener), name=f"alarms to {listener.address}")
                self._tasks[listener.address] = task
                task.add_done_callback(lambda _, address=listener.address: self._tasks.pop(address, None))  # type: ignore[misc]

    def returned(self, chat_id: int) -> None:
        """Wait no longer with somebody who could not be told: they can be reached again."""
        for address in tuple(self._not_before):
            if address.partition("/")[0] == str(chat_id):
                del self._not_before[address]

    async def over(self) -> None:
        """Wait until everybody who is being told was."""
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def stop(self) -> None:
        """Let the messages under way arrive, for a short while; what was not told is told at the next start."""
        tasks = set(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=ENDS_WITHIN)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _notify(self, listener: Listener) -> None:
        """Do what is due to one listener, oldest alarm first; a trouble leaves the rest for later."""
        wait_until, pause = self._not_before.get(listener.address, (None, TRY_AGAIN_AFTER))
        if wait_until is not None and self._clock() < wait_until:
            return
        for alarm_id in self._register.ids:
            alarm = self._register.alarm(alarm_id)
            if alarm is None:
                continue
            notice = self._register.notice(alarm_id, listener.address)
            if notice is None:
                if alarm.ended_at is not None or not await listener.is_wanted(alarm):
                    continue  # whoever came in later need not hear of what is over
                notice = AlarmNotice(alarm_id=alarm_id, address=listener.address)
                await self._register.save_notice(notice)
            try:
                await self._do(listener, alarm, notice)
            except NotNotifiedError as error:
                seconds = pause if error.seconds is None else error.seconds
                self._not_before[listener.address] = (
                    self._clock() + timedelta(seconds=seconds),
                    min(pause * 2, 600),
                )
                logger.warning("{} could not be told of the alarm {}: {}", listener.address, alarm.key, error)
                return
            except Exception:
                logger.exception("{} could not be told of the alarm {}", listener.address, alarm.key)
                return
        self._not_before.pop(listener.address, None)

    async def _do(self, listener: Listener, alarm: Alarm, notice: AlarmNotice) -> None:
        step = step_due(alarm, notice, now=self._clock(), reminder=self._reminder)
        if step is AlarmStep.NOTHING:
            return
        after = replace(notice, done=True) if step is AlarmStep.FORGET else await listener.notify(step, alarm, notice)
        # What was asked for meanwhile (not to be reminded) stays.
        newer = self._register.notice(alarm.id, listener.address) or notice
        if newer.quiet_until != notice.quiet_until:
            after = replace(after, quiet_until=newer.quiet_until)
        await self._register.save_notice(after)
