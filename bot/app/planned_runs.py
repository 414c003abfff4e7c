"""Starts the runs of the schedule on time, makes up for missed ones, and pings the watchdog."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from loguru import logger

from bot.errors import AbortedError, BusyError, CourierError
from bot.models import PAUSED, Actor, BackupState, Delivery, RunResult, Trigger
from bot.services.alarms.watchdog import Watchdog
from bot.services.concurrency.nursery import Nursery, race
from bot.services.files.under_way import LOOK_EVERY
from bot.services.manager import Courier
from bot.services.schedule.missed import rule_of
from bot.services.schedule.plan import SchedulePlan
from bot.services.schedule.scheduler import Scheduler
from bot.words.actors import actor_words

FRESH = timedelta(minutes=10)
"""Begun so much before a run is due, at most, a backup holds what that run is to hold."""

_LOOK_BACK = 20
"""More backups than there are safety copies between two runs of a schedule, as a rule."""


class PlannedRuns:
    """The scheduler, in line with the timetable whoever changes it, and what it does when a run is due.

    What a pause left out, what was missed while nothing ran, what was cut off with its process, or what the catalogue
    could not take, on a full disk, is made up for once, by one run.
    """

    def __init__(
        self,
        courier: Courier,
        watchdog: Watchdog,
        *,
        started_at: datetime,
        next_run_changed: Callable[[], Awaitable[None]],
    ) -> None:
        """`started_at` is when the service began: what was planned before is made up for.

        `next_run_changed` follows each run, and each change of the schedule.
        """
        self._runs, self._catalogue = courier.runs, courier.catalogue
        self._under_way, self._timetable = courier.under_way, courier.timetable
        self._watchdog, self._news = watchdog, courier.news
        self._settling = Nursery()
        self._started_at, self._next_run_changed = started_at, next_run_changed
        self.scheduler = Scheduler(
            courier.settings.schedule, courier.timezone, self._run, clock=courier.clock, on_skipped=_tell_of_overlap
        )
        self._paused: tuple[datetime | None] | None = None  # the end of the pause that the scheduler keeps
        self._caught_up: datetime | None = None
        self._begun: datetime | None = None
        self._unwritten = False  # a run that was due could not be written down: the disk was full
        self._one_at_a_time, self._stopping = asyncio.Lock(), asyncio.Event()

    async def start(self) -> None:
        """Take over what was decided before this start, and begin with the run that was missed meanwhile."""
        last = await self._catalogue.service.last_planned()
        if last is None:
            await self._catalogue.service.set_last_planned(self._timetable.now())
        await self._take_over(starting=True)
        self.scheduler.start(last)

    async def run_now(self) -> None:
        """Make a run as the schedule would, now; never raises."""
        await self._run(self._timetable.now())

    async def follow(self) -> None:
        """Take over what an admin or another process has changed, and show the next run at once."""
        if await self._take_over():
            await self._next_run_changed()
            self._news()

    async def _take_over(self, *, starting: bool = False) -> bool:
        """Take over what holds now; tells whether anything changed."""
        async with self._one_at_a_time:
            plan = await self._timetable.plan()
            pause = (plan.paused.until,) if plan.paused else None
            if starting or plan.expression != self.scheduler.expression:
                await self._catalogue.service.follow(rule_of(plan, self.scheduler.timezone))
            changed = plan.expression != self.scheduler.expression or pause != self._paused
            if plan.expression != self.scheduler.expression:
                logger.bind(scheduler=True).info("the schedule is {} now", plan.expression)
                self.scheduler.reschedule(plan.expression)
            over = self._paused is not None and pause is None
            if pause is not None and pause != self._paused:
                self.scheduler.pause(*pause)
            elif over:
                logger.bind(scheduler=True).info("the pause is over")
                self.scheduler.resume()
            self._paused = pause
            if pause is None and (starting or over or await self._can_be_written_down()):
                await self._make_up(plan, starting=starting)
        return changed

    async def _can_be_written_down(self) -> bool:
        """Tell whether a run that could not even be written down could be now."""
        if self._unwritten and (last := await self._catalogue.service.last_planned()) is not None:
            with suppress(CourierError):
                await self._catalogue.service.set_last_planned(last)
                self._unwritten = False
                return True
        return False

    async def _make_up(self, plan: SchedulePlan, *, starting: bool) -> None:
        """Begin the latest run that should have taken place; a schedule owes nothing of the time before it."""
        last = await self._catalogue.service.last_planned()
        if last is not None and plan.override is not None:
            last = max(last, plan.override.set_at)
        missed = self.scheduler.missed(last)
        if missed is None and starting and await self._was_cut_off():
            missed = last
        if missed is not None and self.scheduler.running is None:
            logger.bind(scheduler=True).warning("the run planned for {} was missed; catching up", missed)
            self._caught_up = missed
            self.scheduler.fire(missed)

    async def _was_cut_off(self) -> bool:
        """Tell whether the newest run is one of the schedule that ended with its process.

        One that made up for another is not made up for again: it may be what ends the process.
        """
        newest = await self._catalogue.backups.select(limit=_LOOK_BACK)
        runs = [backup for backup in newest if backup.trigger is not Trigger.SAFETY]
        return bool(runs) and (runs[0].state, runs[0].trigger) == (BackupState.INTERRUPTED, Trigger.SCHEDULE)

    async def stop(self) -> None:
        """Begin no run any more, and wait for the one under way."""
        self._stopping.set()
        await self.scheduler.stop()

    def delivered_later(self, delivery: Delivery) -> None:
        """The ledger has tried a delivery again; with its last one, the run has succeeded after all."""
        if self._watchdog.unconfirmed == delivery.backup_id:
            failure = f"the watchdog can't be told of backup {delivery.backup_id}"
            self._settling.start(self._settle(delivery.backup_id), failure=failure)

    async def _settle(self, backup_id: int) -> None:
        deliveries = await self._catalogue.deliveries.of(backup_id)
        if self._watchdog.unconfirmed == backup_id:
            self._watchdog.settled(deliveries)

    async def _run(self, planned: datetime) -> None:
        """What the scheduler calls; it never raises, since tomorrow's run must come whatever today's did."""
        late = planned < self._started_at or planned == self._caught_up
        trigger = Trigger.CATCH_UP if late else Trigger.SCHEDULE
        log = logger.bind(scheduler=True)
        paused = None
        with suppress(CourierError):  # what can't be read now fails the run itself, which says so
            paused = (await self._catalogue.service.overrides()).get(PAUSED)
        if paused is not None:  # not written down as honoured: it is made up for when the pause is over
            log.info("the run planned for {} is skipped: paused by {}", planned, paused.set_by)
            return
        if planned == self._begun:  # when a pause ends, it is due and made up for
            return
        self._begun = planned
        self._watchdog.begins()
        try:
            result = await self._back_up_in_turn(planned, trigger)
        except AbortedError as error:
            log.warning("run planned for {}: {}", planned, error.sentence)
        except CourierError as error:
            log.error("run planned for {}: {}", planned, error.sentence)
            self._watchdog.failed(error.sentence)
        except Exception as error:
            log.exception("run planned for {} failed", planned)
            self._watchdog.failed(type(error).__name__)
        else:
            self._watchdog.ended(result.backup, result.deliveries)
            log.info("run planned for {} done: backup {} is {}", planned, result.backup.id, result.backup.state)
        await self._next_run_changed()

    async def _back_up_in_turn(self, planned: datetime, trigger: Trigger) -> RunResult:
        """Back up once no other run is under way; where that was a fresh backup that came out well, it is this one.

        Stopped while it waits, the run counts as missed, and the next start catches up with it. Raises what `back_up`
        raises.
        """
        log, service = logger.bind(scheduler=True), self._catalogue.service
        before, made = await service.last_planned(), None
        while True:
            if (running := await self._under_way.anywhere()) is not None:
                what = f"{'restore' if running.is_restore else 'backup'} by {actor_words(running.requested_by)}"
                log.warning("the run planned for {} waits for the {}", planned, what)
                await self._under_way.over(self._stopping)
                made = await self._made_since(planned)
                log.info("the {} has ended: the run planned for {} is {}", what, planned, "it" if made else "made now")
            try:
                await service.set_last_planned(planned)
            except CourierError:
                self._unwritten, self._begun = True, None
                raise
            if made is not None:
                return made
            log.info("run planned for {} begins ({})", planned, trigger)
            try:
                return await self._runs.back_up(trigger=trigger, requested_by=Actor.SCHEDULE)
            except BusyError:  # somebody was quicker
                if before is not None:
                    await service.set_last_planned(before)
                await race(self._stopping.wait(), asyncio.sleep(LOOK_EVERY))
                await self._under_way.over(self._stopping)

    async def _made_since(self, planned: datetime) -> RunResult | None:
        """Return the newest good backup of a run that was under way at an instant and fresh, or began since."""
        for backup in await self._catalogue.backups.select(limit=_LOOK_BACK):
            ended = backup.finished_at is not None and backup.finished_at >= planned
            new = ended and backup.started_at >= planned - FRESH
            if new and backup.proven and backup.trigger is not Trigger.SAFETY:
                return RunResult(backup=backup, deliveries=await self._catalogue.deliveries.of(backup.id))
        return None


def _tell_of_overlap(planned: datetime, running: datetime) -> None:
    logger.bind(scheduler=True).warning(
        "the run planned for {} is skipped: the one planned for {} is still under way", planned, running
    )
