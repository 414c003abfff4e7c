"""Starts, runs and drains what was built: the product for one command, or the whole service."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from loguru import logger

from bot.app.build import ServiceParts, build_courier, build_service
from bot.app.events import Events
from bot.app.telegram import build_bot, recognise_bot
from bot.clock import Clock, Sleep, utc_now
from bot.config.settings import Settings
from bot.errors import CourierError, InstanceError
from bot.services.alarms.signals import tell_of_new_bot
from bot.services.backup.startup import open_store
from bot.services.concurrency.nursery import Nursery, race
from bot.services.files.locks import ServiceLock
from bot.services.manager import Courier
from bot.services.restore.unannounced import BY_HAND, CUT_OFF
from bot.services.status.status import HEARTBEAT_EVERY

DRAIN_DELIVERIES = 2.0
"""Seconds a shutdown gives the uploads under way; what is not confirmed by then is owed at the next start."""


@asynccontextmanager
async def open_courier(
    settings: Settings, *, deliver: bool, clock: Clock = utc_now, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Courier]:
    """Build the product for one command. With `deliver` it sends to Telegram, without it only records what is owed."""
    async with AsyncExitStack() as stack:
        store, catalogue = await stack.enter_async_context(open_store(settings, clock=clock))
        bot, changed = None, None
        if deliver:
            bot = build_bot(settings)
            stack.push_async_callback(bot.session.close)
            changed = await recognise_bot(bot, catalogue)
        courier = build_courier(settings, catalogue, store, bot, clock=clock, sleep=sleep)
        await courier.people.load()
        if changed is not None:
            await tell_of_new_bot(courier.alarms, *changed)
        yield courier


class Service:
    """The bot as it runs: its jobs started, what recurs done, and everything stopped in order.

    `async with Service.started(settings) as service` does it all.
    """

    def __init__(self, parts: ServiceParts, lock: ServiceLock) -> None:
        self.parts = parts
        self.courier = parts.courier
        self._lock = lock
        self._jobs = Nursery()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._seen_version = -1
        self._out_of_place = ""  # why the catalogue can't be put back: said once, until it is for another cause

    @classmethod
    @asynccontextmanager
    async def started(
        cls, settings: Settings, *, clock: Clock = utc_now, first_backup: bool = False
    ) -> AsyncIterator[Service]:
        """Start the service. Raises `InstanceError` when another one serves the same BACKUP_DIR.

        With `first_backup` it makes one at once where none was ever made.
        """
        async with AsyncExitStack() as stack:
            lock = await stack.enter_async_context(ServiceLock(settings.backup_dir, timezone=settings.timezone))
            store, catalogue = await stack.enter_async_context(open_store(settings, clock=clock))
            events = Events()
            bot = build_bot(settings, dated=events.server_time)
            stack.push_async_callback(bot.session.close)
            changed = await recognise_bot(bot, catalogue)
            service = cls(build_service(settings, catalogue, store, bot, events=events, clock=clock), lock)
            if changed is not None:
                await tell_of_new_bot(service.courier.alarms, *changed)
            stack.push_async_callback(service._stop)
            await service._start()
            if first_backup:
                service._begin("first backup", service.parts.first.make())
            yield service

    async def ended(self) -> None:
        """Return never, or raise what ended a part of the service that can't go on (such as a refused token)."""
        await self._failed

    # --- the beginning -----------------------------------------------------------------------------------------

    async def _start(self) -> None:
        parts, courier = self.parts, self.courier
        await courier.people.tidy()
        await courier.under_way.settle()
        await courier.restores.settle_confirmed()
        await courier.drills.settle_cut_off()
        await parts.heartbeat.beat()
        await courier.housekeeping.prune()
        self._begin("heartbeat", self._keep_beating())
        await courier.inbox.start()  # what a restart has cost is known before anybody sends more
        self._begin("polling", parts.poller.run())
        self._begin("ledger", courier.ledger.run())
        self._begin("commands", self._register_commands())
        self._begin("restores elsewhere", parts.announcer.tell_of_others())
        await parts.planned.start()
        parts.supervision.ready()
        self._begin("reports to systemd", parts.supervision.run())
        self._begin("pinned messages", courier.pins.run())
        await parts.drill_schedule.start()
        self._begin("chat maintenance", courier.maintenance.run())
        self._begin("alarms", courier.alarm_loop.run())
        await parts.heartbeat.beat()
        logger.info("service started; next run at {}", parts.planned.scheduler.next_run())

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin a job beside the backups, until the service ends; one that fails ends the service."""
        self._jobs.start(work, name=name).add_done_callback(self._note_end)

    def _note_end(self, job: asyncio.Task[None]) -> None:
        if job.cancelled() or (error := job.exception()) is None:
            return
        if not isinstance(error, CourierError):
            logger.opt(exception=error).error("{} ended unexpectedly", job.get_name())
        if not self._failed.done():
            self._failed.set_exception(error)

    # --- what recurs -------------------------------------------------------------------------------------------

    async def _keep_beating(self) -> None:
        fault = ""  # a disk that is full now has room again some day: said once, until it is another
        while True:
            await self.keep_place()
            await self.parts.heartbeat.beat()
            try:
                await self._look_around()
                fault = ""
            except CourierError as error:
                if error.sentence != fault:
                    logger.error("the catalogue can't be followed: {}", error.sentence)
                fault = error.sentence
            except Exception:
                logger.exception("what recurs could not be done")
            await asyncio.sleep(HEARTBEAT_EVERY)

    async def keep_place(self) -> None:
        """Put the catalogue and the lock back where somebody has deleted them: all but this service would miss them.

        Raises `InstanceError` when another service has taken the place meanwhile.
        """
        try:
            await self._lock.renew()
            set_aside = await self.courier.catalogue.put_back()
        except InstanceError:
            raise
        except CourierError as error:
            if error.sentence != self._out_of_place:
                logger.error("the catalogue can't be put back into its place: {}", error.sentence)
            self._out_of_place = error.sentence
            return
        self._out_of_place = ""
        if set_aside is not None:
            path = self.courier.catalogue.path
            logger.error("the catalogue {} was deleted or replaced; it is back, with all that it held", path)
            for other in set_aside:
                logger.error("what was in its place is kept as {}", other)

    async def _look_around(self) -> None:
        await self.courier.inbox.expire()
        await self.look_for_news()
        await self.courier.restores.sweep()
        await self.courier.under_way.settle()
        if await CUT_OFF.get(self.courier.catalogue) is not None:  # whoever has put it in order
            self._begin("restores elsewhere", self.parts.announcer.tell_of_others())
        await self.parts.planned.follow()

    async def look_for_news(self) -> None:
        """Wake who waits when another process has written to the catalogue: it may owe a backup, or have restored."""
        seen = await self.courier.catalogue.data_version()
        if seen != self._seen_version:
            self._seen_version = seen
            if await self.courier.people.load():
                self.courier.news()
            self.courier.ledger.nudge()
            if await BY_HAND.get(self.courier.catalogue):
                self._begin("restores elsewhere", self.parts.announcer.tell_of_others())
            self.courier.maintenance.nudge()
            self.courier.alarms.nudge()

    async def _register_commands(self) -> None:
        from bot.handlers import register_commands  # noqa: PLC0415

        if not self.courier.settings.receive:
            return  # they are those of the service that receives
        with suppress(Exception):  # a menu of commands is a comfort; it logs its own troubles
            await register_commands(self.parts.bot, self.courier.people.admin_ids)

    # --- the end -----------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        """Stop in the order of the flow: no new runs, no new presses, the run and its uploads, the rest.

        What hangs is given up after two seconds or so at each of these steps, all of them within 8 s; a restore alone
        is waited for, until it has ended or everything is back.
        """
        parts, courier = self.parts, self.courier
        logger.info("service stops")
        await parts.supervision.stopping()
        # Side by side: a handler may be following the very run that is being stopped.
        await asyncio.gather(
            parts.planned.stop(),
            courier.inbox.stop(),
            parts.drill_schedule.stop(),
            self._jobs.stop("polling", "pinned messages", "chat maintenance"),
            courier.stop(),
            parts.poller.stop(),
            courier.ledger.drain(DRAIN_DELIVERIES),
        )
        await asyncio.gather(self._jobs.stop("alarms"), parts.watchdog.stop())
        await parts.local_files.stop()
        await courier.timetable.close()
        await courier.ledger.drain(0)  # what was told meanwhile
        await self._jobs.drain()
        self._failed.cancel()
        await parts.heartbeat.beat(stopped=True)
        logger.info("service stopped")


async def run_service(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C. Raises `InstanceError`, `TelegramError` where going on makes no sense."""
    stop = asyncio.Event()
    on_stop_signal(stop)
    async with Service.started(settings, first_backup=True) as service:
        await race(service.ended(), stop.wait())


def on_stop_signal(stop: asyncio.Event) -> None:
    """Let SIGTERM and Ctrl-C (on Windows also Ctrl-Break) set the event, from now on; in the main thread only."""
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return
    for number in (signal.SIGINT, signal.SIGBREAK):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
