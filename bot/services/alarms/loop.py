"""Runs every check for troubles, then sends each listener the alarms due to it, again and again after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from loguru import logger

from bot.clock import Clock
from bot.errors import CourierError
from bot.models import Alarm, AlarmNotice
from bot.services.alarms.alarms import Alarms
from bot.services.alarms.lifecycle import AlarmCheck, AlarmStep, Audience, Listener, NotNotifiedError, step_due
from bot.services.concurrency.nursery import Nursery

CHECK_EVERY = 30.0
"""Seconds between two rounds of checks, if nothing happens before."""

TRY_AGAIN_AFTER = 30.0
"""Seconds until a listener that could not be told is tried again; twice as many every further time, at most 600."""

ENDS_WITHIN = 2.0
"""Seconds a shutdown gives a message under way, so that its id is not lost and it is not sent again."""


class AlarmLoop:
    """Checks, and tells every listener in a task of its own; at every nudge and every half minute. Never raises."""

    def __init__(
        self, alarms: Alarms, checks: Iterable[AlarmCheck], audience: Audience, *, reminder: timedelta, clock: Clock
    ) -> None:
        self._alarms, self._register = alarms, alarms.register
        self._checks, self._audience = tuple(checks), audience
        self._reminder, self._clock = reminder, clock
        self._nudged = asyncio.Event()
        self._tasks = Nursery()
        self._failing: dict[AlarmCheck, str] = {}  # why the last try of a check failed
        # By address: since when they wait and for how many seconds; and how long the next time.
        self._waiting: dict[str, tuple[datetime, float, float]] = {}

    def nudge(self) -> None:
        """Check now."""
        self._nudged.set()

    def returned(self, chat_id: int) -> None:
        """A chat can be reached again: what it has yet to be told of waits no longer."""
        for address in tuple(self._waiting):
            if address.partition("/")[0] == str(chat_id):
                del self._waiting[address]
        self.nudge()

    async def run(self) -> None:
        """Check and tell until cancelled; whatever goes wrong, it goes on.

        At the end the messages under way get a short while to arrive; what was not told is told at the next start.
        """
        try:
            while True:
                self._nudged.clear()
                await self.check()
                await self._begin_to_tell()
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_EVERY):
                        await self._nudged.wait()
        finally:
            await self._tasks.drain(ENDS_WITHIN)

    async def deliver(self) -> None:
        """Check, tell, and wait until everybody who can be told now was."""
        await self.check()
        await self._begin_to_tell()
        await self._tasks.over()

    async def check(self) -> None:
        """Run every check; why one fails is logged once, until it is another, and the others run all the same."""
        for check in self._checks:
            try:
                await check()
            except Exception as error:
                if self._failing.get(check) != str(error):
                    known = isinstance(error, CourierError)
                    logger.opt(exception=not known).error("something could not be watched: {}", error)
                self._failing[check] = str(error)
            else:
                self._failing.pop(check, None)

    async def _begin_to_tell(self) -> None:
        """Begin to tell everybody what is due to them; whoever is still being told is let be."""
        await self._alarms.load()
        try:
            listeners = tuple(await self._audience())
        except CourierError as error:
            logger.error("who is to hear of alarms is not known: {}", error.sentence)
            return
        for listener in listeners:
            address = listener.address
            if not self._tasks.has(address):
                self._tasks.start(self._notify(listener), name=address, failure=f"{address} could not be told")
        self._register.let_go()

    async def _notify(self, listener: Listener) -> None:
        """Do what is due to one listener, oldest alarm first; a trouble leaves the rest for later."""
        since, wait, pause = self._waiting.get(listener.address, (self._clock(), 0.0, TRY_AGAIN_AFTER))
        if timedelta() <= self._clock() - since < timedelta(seconds=wait):  # a clock that was set back ends it
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
            except Exception as error:
                known = isinstance(error, NotNotifiedError)
                wait = (error.seconds if isinstance(error, NotNotifiedError) else None) or pause
                self._waiting[listener.address] = (self._clock(), wait, min(pause * 2, 600))
                logger.opt(exception=not known).warning(
                    "{} could not be told of the alarm {}: {}", listener.address, alarm.key, error
                )
                return
        self._waiting.pop(listener.address, None)

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
