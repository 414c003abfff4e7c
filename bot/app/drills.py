"""Makes the test-restores that DRILL_SCHEDULE asks for on time, and makes up for missed ones."""

from __future__ import annotations

from datetime import datetime

from loguru import logger

from bot.app.destinations import open_bucket_archives
from bot.clock import Clock
from bot.errors import AbortedError, CourierError
from bot.services.concurrency.abort import Abort
from bot.services.manager import Courier
from bot.services.schedule.scheduler import Scheduler

OFF = "off"

STOP_WITHIN = 2.0
"""Seconds a shutdown gives the test-restore under way, which may be waiting for Telegram, before it is cancelled."""


class DrillSchedule:
    """The test-restores by DRILL_SCHEDULE, while the service runs."""

    def __init__(self, courier: Courier, *, clock: Clock) -> None:
        self._settings, self._catalogue = courier.settings, courier.catalogue
        self._drills, self._alarms = courier.drills, courier.alarms
        self._abort = Abort()
        expression, timezone = courier.settings.drill_schedule, courier.settings.timezone
        self._scheduler = None if expression == OFF else Scheduler(expression, timezone, self._planned, clock=clock)

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
        log = logger.bind(scheduler=True)
        log.info("the test-restore planned for {} begins", planned)
        try:
            drill = await self._drills.drill_newest(abort=self._abort)
        except AbortedError:
            return
        except CourierError as error:
            log.error("the test-restore planned for {} could not be made: {}", planned, error.sentence)
        except Exception:
            log.exception("the test-restore planned for {} could not be made", planned)
        else:
            log.info("the test-restore planned for {}: {}", planned, drill.detail if drill else "there is no backup")
        await self._drill_stores(planned)
        self._alarms.nudge()

    async def _drill_stores(self, planned: datetime) -> None:
        """Test-restore what each object store holds, too."""
        log = logger.bind(scheduler=True)
        for url in self._settings.object_stores:
            try:
                drill = await self._drills.drill_stored(open_bucket_archives(self._settings, url), abort=self._abort)
            except AbortedError:
                return
            except CourierError as error:
                log.error("the test-restore from {} could not be made: {}", url, error.sentence)
            except Exception:
                log.exception("the test-restore from {} could not be made", url)
            else:
                said = drill.detail if drill else "it holds no archive of ours"
                log.info("the test-restore from {} ({}): {}", url, planned, said)
