"""Builds the manager for one command, or the whole service, and starts and drains it in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from loguru import logger

from bot.app.drills import DrillSchedule, prepare_drills
from bot.app.maintenance import MaintenanceTask, prepare_maintenance
from bot.app.monitoring import Monitoring, prepare_alarms
from bot.app.planned_runs import PlannedRuns
from bot.app.restore_announcer import RestoreAnnouncer
from bot.app.telegram import build_bot, build_delivery, recognise_bot
from bot.clock import Clock, utc_now
from bot.config.settings import Settings
from bot.errors import CourierError
from bot.models import Delivery
from bot.services.alarms.signals import tell_of_new_bot
from bot.services.backup.startup import open_store
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender
from bot.services.files.locks import ServiceLock
from bot.services.manager import Manager
from bot.services.restore.cli_restores import reported_cli_restores
from bot.services.restore.pending import untold_cut_off
from bot.services.status.status import HEARTBEAT_EVERY
from bot.texts import Texts

if TYPE_CHECKING:
    from aiogram import Bot

DRAIN_DELIVERIES = 2.0
"""Seconds a shutdown gives the uploads under way; what is not confirmed by then is owed at the next start."""


@asynccontextmanager
async def open_manager(
    settings: Settings, *, deliver: bool, reading: bool = False, clock: Clock = utc_now
) -> AsyncIterator[Manager]:
    """Build the manager for one command. With `deliver` it sends to Telegram, without it only records what is owed.

    With `reading`, BACKUP_DIR need not be there, nor be writable: see `open_store`.
    """
    async with AsyncExitStack() as stack:
        store, catalogue = await stack.enter_async_context(open_store(settings, clock=clock, reading=reading))
        if not deliver:
            yield Manager(settings, catalogue, store, clock=clock)
            return
        bot = build_bot(settings)
        stack.push_async_callback(bot.session.close)
        changed = await recognise_bot(bot, catalogue)
        ledger, notifier = build_delivery(settings, store, catalogue, bot, clock=clock)
        manager = Manager(
            settings,
            catalogue,
            store,
            ledger=ledger,
            notifier=notifier,
            notices=Texts(timezone=settings.timezone),
            clock=clock,
        )
        prepare_drills(manager, bot, notifier, clock=clock)
        prepare_maintenance(manager, bot, clock=clock)
        prepare_alarms(manager, notifier, clock=clock)
        if changed is not None:
            await tell_of_new_bot(manager.alarms, *changed)
        yield manager


class Service:
    """The bot as it runs: dispatcher, scheduler, ledger and heartbeat over one manager.

    `async with Service.started(settings) as service` starts everything and stops it in order at the end.
    """

    def __init__(self, manager: Manager, ledger: Ledger, notifier: NoticeSender, bot: Bot, *, clock: Clock) -> None:
        from bot.app.polling import Poller  # noqa: PLC0415
        from bot.handlers import Pace, build_dispatcher  # noqa: PLC0415

        self.manager = manager
        self.bot = bot
        self._ledger = ledger
        self._way_back = DrillSchedule(manager, bot, notifier, clock=clock)
        self._upkeep = MaintenanceTask(manager, bot, clock=clock)
        self._news = RestoreAnnouncer(manager, notifier)
        self.poller = Poller(
            bot,
            build_dispatcher(manager, clock=clock, pace=Pace(archive_waits=ledger.archive_waits)),
            token_was_good=lambda: manager.catalogue.bot.token_was_good(bot.token),
            token_is_good=lambda: manager.catalogue.bot.remember_good_token(bot.token),
        )
        manager.polling_trouble = lambda: self.poller.trouble
        self.watch = Monitoring(manager, notifier, bot, self.poller, clock=clock)
        manager.timetable.listener = self.follow_timetable
        self._started_at = clock()
        self._seen_version = -1
        self._planned = PlannedRuns(manager, self.watch, started_at=self._started_at, ended=self._beat, clock=clock)
        self.scheduler = self._planned.scheduler
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    @asynccontextmanager
    async def started(cls, settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[Service]:
        """Start the service. Raises `InstanceError` when another one serves the same BACKUP_DIR."""
        async with AsyncExitStack() as stack:
            lock = ServiceLock(settings.backup_dir)
            await lock.acquire()
            stack.push_async_callback(lock.release)
            store, catalogue = await stack.enter_async_context(open_store(settings, clock=clock))
            bot = build_bot(settings)
            stack.push_async_callback(bot.session.close)
            changed = await recognise_bot(bot, catalogue)
            ledger, notifier = build_delivery(
                settings,
                store,
                catalogue,
                bot,
                clock=clock,
                settled=lambda delivery: service.delivered_later(delivery),  # noqa: PLW0108 - there is none yet
            )
            manager = Manager(
                settings,
                catalogue,
                store,
                ledger=ledger,
                notifier=notifier,
                notices=Texts(timezone=settings.timezone),
                clock=clock,
            )
            service = cls(manager, ledger, notifier, bot, clock=clock)
            if changed is not None:
                await tell_of_new_bot(manager.alarms, *changed)
            stack.push_async_callback(service._stop)
            await service._start()
            yield service

    async def ended(self) -> None:
        """Return never, or raise what ended a part of the service that can't go on (such as a refused token)."""
        await self._failed

    def delivered_later(self, delivery: Delivery) -> None:
        """The ledger has tried again what was owed."""
        self.manager.news_to_pin()
        self.watch.delivered_later(delivery)

    # --- the beginning -----------------------------------------------------------------------------------------

    async def _start(self) -> None:
        await self.manager.restores.settle()
        await self.manager.restores.settle_confirmed()
        await self._beat()
        await self.manager.prune()
        self._go("heartbeat", self._keep_beating())
        if self.manager.inbox is not None:
            await self.manager.inbox.start()  # what a restart has cost is known before anybody sends more
        self._go("polling", self.poller.run())
        self._go("ledger", self._ledger.run())
        self._go("commands", self._register_commands())
        self._go("restores elsewhere", self._news.tell_of_others())
        await self._planned.start()
        await self._way_back.start()
        self._upkeep.start()
        self.watch.start()
        await self._beat()
        logger.info("service started; next run at {}", self.scheduler.next_run())

    def _go(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, CourierError):
            logger.opt(exception=error).error("{} ended unexpectedly", task.get_name())
        if not self._failed.done():
            self._failed.set_exception(error)

    # --- what recurs -------------------------------------------------------------------------------------------

    async def _keep_beating(self) -> None:
        while True:
            await self._beat()
            try:
                await self._look_around()
            except CourierError as error:  # a disk that is full now has room again some day
                logger.error("the catalogue can't be followed: {}", error.sentence)
            except Exception:
                logger.exception("the service could not look around")
            await asyncio.sleep(HEARTBEAT_EVERY)

    async def _look_around(self) -> None:
        await self.look_for_news()
        await self.manager.restores.sweep()
        await self.manager.restores.settle()
        if await untold_cut_off(self.manager.catalogue) is not None:  # whoever has put it in order
            self._go("restores elsewhere", self._news.tell_of_others())
        await self.follow_timetable()

    async def look_for_news(self) -> None:
        """Wake who waits when another process has written to the catalogue: it may owe a backup, or have restored."""
        seen = await self.manager.catalogue.data_version()
        if seen != self._seen_version:
            self._seen_version = seen
            self._ledger.nudge()
            if await reported_cli_restores(self.manager.catalogue):
                self._go("restores elsewhere", self._news.tell_of_others())
            if self.manager.upkeep is not None:
                self.manager.upkeep.nudge()
            self.manager.alarms.nudge()

    async def follow_timetable(self) -> None:
        """Let the scheduler follow what an admin or another process has changed, and show the next run at once."""
        if await self._planned.follow():
            await self._beat()
            self.manager.news_to_pin()

    async def _beat(self, *, stopped: bool = False) -> None:
        """Leave a sign of life; where none can be written, on a full disk, the service goes on without."""
        try:
            await self.manager.catalogue.service.beat(
                pid=os.getpid(),
                started_at=self._started_at,
                next_run_at=None if stopped else self.scheduler.next_run(),
                stopped=stopped,
            )
        except CourierError as error:
            logger.error("no sign of life can be written: {}", error.sentence)

    async def _register_commands(self) -> None:
        from bot.handlers import register_commands  # noqa: PLC0415

        with suppress(Exception):  # a menu of commands is a comfort; it logs its own troubles
            await register_commands(self.bot, self.manager.admins)

    # --- the end -----------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        """Stop in the order of the flow: no new runs, no new presses, the run and its uploads, the rest.

        What hangs is given up after two seconds or so at each of these steps, all of them within 8 s; a restore alone
        is waited for, until it has ended or everything is back.
        """
        logger.info("service stops")
        stopping = asyncio.gather(self._planned.stop(), self._way_back.stop(), self._upkeep.stop())
        for task in self._tasks:
            if task.get_name() == "polling":
                task.cancel()
        # Side by side: a handler may be following the very run that is being stopped.
        await asyncio.gather(self.manager.stop(), stopping, self.poller.stop(), self._ledger.drain(DRAIN_DELIVERIES))
        await self.watch.stop()
        await self.manager.timetable.close()
        await self._ledger.drain(0)  # what was told meanwhile
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._failed.done():
            self._failed.cancel()
        await self._beat(stopped=True)
        logger.info("service stopped")


async def run_service(settings: Settings, *, on_start: Callable[[Service], None] = lambda _: None) -> None:
    """Run until SIGTERM or Ctrl-C. Raises `InstanceError`, `TelegramError` where going on makes no sense."""
    stop = asyncio.Event()
    _on_stop_signal(stop)
    async with Service.started(settings) as service:
        on_start(service)
        ended = asyncio.ensure_future(service.ended())
        stopped = asyncio.ensure_future(stop.wait())
        done, _ = await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if ended in done:
            ended.result()
        ended.cancel()


def _on_stop_signal(stop: asyncio.Event) -> None:
    """Let SIGTERM and Ctrl-C (on Windows also Ctrl-Break) set the event."""
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return
    for number in (signal.SIGINT, signal.SIGBREAK):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
