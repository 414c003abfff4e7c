"""Keeps the running scheduler in step with the timetable: new expressions, pauses, and runs that make up for others."""

from __future__ import annotations

import asyncio
from datetime import datetime

from loguru import logger

from bot.services.catalogue import Catalogue
from bot.services.schedule.scheduler import Scheduler
from bot.services.schedule.timetable import SchedulePlan, Timetable


class ScheduleSync:
    """Keeps a scheduler in line with what the catalogue says, whoever changed it, and makes up for what was left out.

    What a pause left out, or what was missed while nothing ran, is made up for once, by one run.
    """

    def __init__(self, timetable: Timetable, catalogue: Catalogue, scheduler: Scheduler) -> None:
        self._timetable, self._catalogue, self._scheduler = timetable, catalogue, scheduler
        self._paused: tuple[datetime | None] | None = None  # the end of the pause that the scheduler keeps
        self._caught_up: datetime | None = None
        self._begun: datetime | None = None
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> datetime | None:
        """Take over what was decided before this start, and begin the run that was missed meanwhile.

        Returns the last planned instant that was honoured before.
        """
        last = await self._catalogue.service.last_planned()
        if last is None:
            await self._catalogue.service.set_last_planned(self._timetable.now())
        await self.follow(starting=True)
        return last

    async def follow(self, *, starting: bool = False) -> bool:
        """Take over what holds now; tells whether anything changed."""
        async with self._one_at_a_time:
            plan = await self._timetable.plan()
            pause = (plan.paused.until,) if plan.paused else None
            changed = plan.expression != self._scheduler.expression or pause != self._paused
            if plan.expression != self._scheduler.expression:
                logger.bind(scheduler=True).info("the schedule is {} now", plan.expression)
                self._scheduler.reschedule(plan.expression)
            over = self._paused is not None and pause is None
            if pause is not None and pause != self._paused:
                self._scheduler.pause(*pause)
            elif over:
                logger.bind(scheduler=True).info("the pause is over")
                self._scheduler.resume()
            self._paused = pause
            if pause is None and (starting or over):
                await self._make_up(plan)
        return changed

    async def _make_up(self, plan: SchedulePlan) -> None:
        """Begin the latest run that should have taken place; a schedule owes nothing of the time before it."""
        last = await self._catalogue.service.last_planned()
        if last is not None and plan.override is not None:
            last = max(last, plan.override.set_at)
        missed = self._scheduler.missed(last)
        if missed is not None and self._scheduler.running is None:
            logger.bind(scheduler=True).warning("the run planned for {} was missed; catching up", missed)
            self._caught_up = missed
            self._scheduler.fire(missed)

    def begin(self, planned: datetime) -> bool:
        """Note that a run begins; False when it has begun already: when a pause ends, it is due and made up for."""
        if planned == self._begun:
            return False
        self._begun = planned
        return True

    def makes_up(self, planned: datetime) -> bool:
        """Tell whether the run planned for then is one that was missed."""
        return planned == self._caught_up
