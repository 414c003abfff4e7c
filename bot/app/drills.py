"""Makes the test-restores that DRILL_SCHEDULE asks for on time, and makes up for missed ones."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime

from loguru import logger

from bot.app.destinations import open_bucket_archives
from bot.config.cron import DRILLS_OFF
from bot.errors import AbortedError, CourierError
from bot.models import Drill
from bot.services.concurrency.abort import Abort
from bot.services.manager import Courier
from bot.services.schedule.scheduler import Scheduler
from bot.words.drills import drill_words

STOP_WITHIN = 2.0
"""Seconds a shutdown gives the test-restore under way, which may be waiting for Telegram, before it is cancelled."""


class DrillSchedule:
    """The test-restores by DRILL_SCHEDULE, while the service runs."""

    def __init__(self, courier: Courier) -> None:
        self._settings, self._catalogue = courier.settings, courier.catalogue
        self._drills, self._alarms = courier.drills, courier.alarms
        self._abort = Abort()
        self._scheduler: Scheduler | None = None
        if (expression := courier.settings.drill_schedule) != DRILLS_OFF:
            self._scheduler = Scheduler(expression, courier.timezone, self._planned, clock=courier.clock)

    async def start(self) -> None:
        """Begin; a test-restore that was missed while nothing ran is made up for."""
        if self._scheduler is None:
            return
        last = await self._catalogue.drills.last()
        missed = self._scheduler.missed(last.at) if last else None
        self._scheduler.start()
        if missed is not None:
            self._scheduler.fire(missed)

    async def stop(self) -> None:
        """Break off what is under way: a test-restore begins anew another time."""
        self._abort.set("The service was stopped.")
        if self._scheduler is not None:
            await self._scheduler.stop(STOP_WITHIN)

    async def _planned(self, planned: datetime) -> None:
        logger.bind(scheduler=True).info("the test-restore planned for {} begins", planned)
        try:
            newest = self._drills.drill_newest(abort=self._abort)
            await _make(newest, f"planned for {planned}", "there is no backup")
            for url in self._settings.object_stores:
                await _make(self._drill_store(url), f"from {url} ({planned})", "it holds no archive of ours")
        except AbortedError:
            return
        self._alarms.nudge()

    async def _drill_store(self, url: str) -> Drill | None:
        return await self._drills.drill_stored(open_bucket_archives(self._settings, url), abort=self._abort)


async def _make(drilling: Awaitable[Drill | None], which: str, nothing: str) -> None:
    """Make a test-restore, and log what came of it. Raises `AbortedError` alone."""
    log = logger.bind(scheduler=True)
    try:
        drill = await drilling
    except AbortedError:
        raise
    except CourierError as error:
        log.error("the test-restore {} could not be made: {}", which, error.sentence)
    except Exception:
        log.exception("the test-restore {} could not be made", which)
    else:
        log.info("the test-restore {}: {}", which, drill_words(drill) if drill else nothing)
