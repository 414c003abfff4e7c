"""The composition root: builds the services and the dispatcher, runs them, and drains them at shutdown."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from loguru import logger

from bot.chat_upkeep import ChatUpkeep, prepare_upkeep
from bot.clock import Clock, utc_now
from bot.config import Settings
from bot.elsewhere import build_router
from bot.errors import AbortedError, BusyError, CourierError, InstanceError, SealError, TelegramError
from bot.models import Backup, Delivery, Progress, Recipient, RunResult, Trigger, Volume
from bot.restore_news import RestoreNews
from bot.services.catalogue import CATALOGUE_NAME, Catalogue, Rebuilt, open_or_rebuild
from bot.services.delivery.ledger import Ledger
from bot.services.following import Following
from bot.services.locks import RunLock, ServiceLock
from bot.services.manager import ALL, Manager
from bot.services.manifest import read_manifest
from bot.services.restore.workroom import sweep_rooms
from bot.services.scheduler import Scheduler
from bot.services.sealing.header import is_sealed
from bot.services.sealing.keys import NO_KEYS, Keys
from bot.services.sealing.unsealing import sealed_for, verify_any
from bot.services.status import HEARTBEAT_EVERY, PAUSED
from bot.services.store import Store
from bot.texts import Texts
from bot.watch import Watch, prepare_alarms, tell_once, who_hears
from bot.way_back import WayBack, prepare_way_back

if TYPE_CHECKING:
    from aiogram import Bot

    from bot.services.delivery.telegram_session import DatedSession

DRAIN_DELIVERIES = 2.0
"""Seconds a shutdown gives the uploads under way; what is not confirmed by then is owed at the next start."""


@asynccontextmanager
async def open_store(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[tuple[Store, Catalogue]]:
    """Open the folder of archives and its catalogue, in order after a crash too.

    What an ended process left half done is swept and marked, unless another process is running a backup right now.
    A missing or corrupt catalogue is rebuilt from the archives. Raises `CatalogueError`, `NoSpaceError`.
    """
    store = Store(settings.backup_dir, work=settings.snapshot_dir)
    await store.prepare()
    catalogue, rebuilt = await open_or_rebuild(
        store.folder / CATALOGUE_NAME, store.folder, read_manifest=read_manifest, clock=clock
    )
    try:
        if rebuilt is not None:
            _tell_of_rebuild(rebuilt)
        await _tidy(store, catalogue, settings.keys)
        yield store, catalogue
    finally:
        await catalogue.close()


def _tell_of_rebuild(rebuilt: Rebuilt) -> None:
    for path in rebuilt.set_aside:
        logger.error("the catalogue was broken; it is kept as {}", path)
    logger.warning("the catalogue was rebuilt from {} archives", len(rebuilt.adopted))
    for path in rebuilt.unreadable:
        if is_sealed(path):
            continue  # opened, or kept as it is, with the strays
        logger.error("{} has no readable manifest; it is left alone", path)


async def _tidy(store: Store, catalogue: Catalogue, keys: Keys) -> None:
    """Mark and sweep what an ended process left, and take in archives that its catalogue did not get to know."""
    lock = RunLock(store.folder)
    try:
        await lock.acquire(trigger=Trigger.COMMAND, requested_by="a process that starts")
    except BusyError:
        return  # what looks like a leftover belongs to the run of another process
    try:
        for backup in await catalogue.mark_interrupted():
            logger.warning("backup {} of {} was interrupted", backup.id, backup.started_at)
        for path in await store.sweep():
            logger.warning("swept {}", path)
        for path in await sweep_rooms(store.work):
            logger.warning("swept {}", path)
        await _adopt_strays(store, catalogue, keys)
    finally:
        await lock.release()


async def _adopt_strays(store: Store, catalogue: Catalogue, keys: Keys) -> None:
    """Take in archives that the catalogue does not know, once they are proven by reading them in full.

    Killed between the renaming of an archive and its row, a run leaves such a one; a person may have put one back.
    Sealed ones that no key here opens are kept without being proven, until a start that has the key.
    """
    known = {backup.archive_name: backup for backup in await catalogue.backups(limit=ALL, on_disk_only=True)}
    for path in await store.archives():
        if path.name in known and (known[path.name].proven or not known[path.name].sealed):
            continue
        try:
            archive, manifest = await verify_any(path, store.work, keys)
        except SealError as error:
            if path.name in known and not await catalogue.is_told_of(path.name):
                continue  # as at the last start; it is not read again for nothing
            backup = await catalogue.adopt_unopened(
                path, await asyncio.to_thread(_sha256, path), sealed_for(path, NO_KEYS)
            )
            if not backup.proven:
                logger.warning("{} is kept as backup {}: {}", path, backup.id, error.sentence)
            continue
        except CourierError as error:
            logger.error("{} is left alone: {}", path, error.sentence)
            continue
        backup = await catalogue.adopt(path, manifest, archive.sha256, sealed=archive.sealed)
        logger.warning("{} was not in the catalogue; it is whole, and now backup {}", path, backup.id)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_bot(settings: Settings) -> Bot:
    """Make the Bot API client for the configured server and proxy; sends nothing yet."""
    from aiogram import Bot  # noqa: PLC0415 - 2.5 s and 170 MB that only Telegram's commands pay
    from aiogram.client.default import DefaultBotProperties  # noqa: PLC0415
    from aiogram.client.telegram import PRODUCTION, TelegramAPIServer  # noqa: PLC0415

    from bot.services.delivery.telegram_session import DatedSession  # noqa: PLC0415

    server = PRODUCTION
    if settings.telegram_api:
        server = TelegramAPIServer.from_base(settings.telegram_api, is_local=settings.telegram_local)
    try:
        proxy = settings.proxy.get_secret_value() if settings.proxy else None
        session = DatedSession(api=server, proxy=proxy)
    except RuntimeError as error:
        raise TelegramError(
            "PROXY is set, but the package that speaks to proxies is not installed.",
            hint="pip install 'sqlite-courier[proxy]'",
        ) from error
    return Bot(
        settings.bot_token.get_secret_value(),
        session=session,
        default=DefaultBotProperties(parse_mode="HTML", link_preview_is_disabled=True),
    )


@asynccontextmanager
async def open_manager(settings: Settings, *, deliver: bool, clock: Clock = utc_now) -> AsyncIterator[Manager]:
    """Build the manager for one command. With `deliver` it sends to Telegram, without it only records what is owed."""
    async with AsyncExitStack() as stack:
        store, catalogue = await stack.enter_async_context(open_store(settings, clock=clock))
        if not deliver:
            yield Manager(settings, catalogue, store, clock=clock)
            return
        bot = build_bot(settings)
        stack.push_async_callback(bot.session.close)
        ledger = build_ledger(settings, store, catalogue, bot, clock=clock)
        manager = Manager(settings, catalogue, store, ledger=ledger, notices=_texts(settings), clock=clock)
        prepare_way_back(manager, bot, ledger, clock=clock)
        prepare_upkeep(manager, bot, clock=clock)
        prepare_alarms(manager, ledger, clock=clock)
        yield manager


def build_ledger(
    settings: Settings,
    store: Store,
    catalogue: Catalogue,
    bot: Bot,
    *,
    clock: Clock,
    settled: Callable[[Delivery], None] = lambda _delivery: None,
) -> Ledger:
    """Make the ledger that delivers to Telegram and elsewhere; `settled` is told of what was delivered later on."""
    from bot.services.delivery.telegram import TelegramDestination  # noqa: PLC0415

    texts = _texts(settings)

    async def caption(backup: Backup, volume: Volume, recipient: Recipient) -> str:
        followed = None
        if recipient.thread_id is None and recipient.chat_id in settings.admin_ids:
            followed = (await catalogue.choice(recipient.chat_id)).databases
        return texts.caption(backup, volume, followed)

    return Ledger(
        catalogue,
        build_router(settings, catalogue, TelegramDestination(bot), clock=clock),
        recipients=settings.recipients,
        admins=who_hears(settings),
        store_folder=store.folder,
        volume_bytes=settings.volume_size_mb * 1024 * 1024,
        attempts=settings.retry_attempts,
        delay=settings.retry_delay,
        owed=settings.send_owed,
        caption=caption,
        clock=clock,
        settled=settled,
    )


def _texts(settings: Settings) -> Texts:
    return Texts(timezone=settings.timezone)


class Service:
    """The bot as it runs: dispatcher, scheduler, ledger and heartbeat over one manager.

    `async with Service.started(settings) as service` starts everything and stops it in order at the end.
    """

    def __init__(self, manager: Manager, ledger: Ledger, bot: Bot, *, clock: Clock) -> None:
        from bot.handlers import build_dispatcher  # noqa: PLC0415
        from bot.polling import Poller  # noqa: PLC0415

        self.manager = manager
        self.bot = bot
        self._ledger = ledger
        self._way_back = WayBack(manager, bot, ledger, clock=clock)
        self._upkeep = ChatUpkeep(manager, bot, clock=clock)
        self._news = RestoreNews(manager, ledger)
        self.scheduler = Scheduler(
            manager.settings.schedule,
            manager.timezone,
            self._planned_run,
            clock=clock,
            on_skipped=_tell_of_overlap,
        )
        self.poller = Poller(bot, build_dispatcher(manager, clock=clock))
        manager.polling_trouble = lambda: self.poller.trouble
        self.watch = Watch(manager, ledger, cast("DatedSession", bot.session), self.poller, clock=clock)
        manager.timetable.listener = self.follow_timetable
        self._clock = clock
        self._started_at = clock()
        self._seen_version = -1
        self._following = Following(manager.timetable, manager.catalogue, self.scheduler)
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
            ledger = build_ledger(
                settings,
                store,
                catalogue,
                bot,
                clock=clock,
                settled=lambda delivery: service.delivered_later(delivery),  # noqa: PLW0108 - there is none yet
            )
            manager = Manager(settings, catalogue, store, ledger=ledger, notices=_texts(settings), clock=clock)
            service = cls(manager, ledger, bot, clock=clock)
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
        await self._beat()
        await self.manager.prune()
        self._go("heartbeat", self._keep_beating())
        if self.manager.inbox is not None:
            await self.manager.inbox.start()  # what a restart has cost is known before anybody sends more
        self._go("polling", self.poller.run())
        self._go("ledger", self._ledger.run())
        self._go("commands", self._register_commands())
        self._go("cut-off restores", self._news.tell_of_cut_off())
        await self._following.start()
        self.scheduler.start()
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

    async def _planned_run(self, planned: datetime) -> None:
        """What the scheduler calls; it never raises, since tomorrow's run must come whatever today's did."""
        late = planned < self._started_at or self._following.makes_up(planned)
        trigger = Trigger.CATCH_UP if late else Trigger.SCHEDULE
        log = logger.bind(scheduler=True)
        catalogue = self.manager.catalogue
        paused = (await catalogue.overrides()).get(PAUSED)
        if paused is not None:  # not written down as honoured: it is made up for when the pause is over
            log.info("the run planned for {} is skipped: paused by {}", planned, paused.set_by)
            return
        if not self._following.begin(planned):
            return
        self.watch.run_begins()
        try:
            result = await self._back_up_after_restores(planned, trigger)
        except AbortedError as error:
            log.warning("run planned for {}: {}", planned, error.sentence)
        except CourierError as error:
            log.error("run planned for {}: {}", planned, error.sentence)
            self.watch.run_failed(error)
        except Exception as error:
            log.exception("run planned for {} failed", planned)
            self.watch.run_failed(error)
        else:
            self.watch.run_ended(result)
            log.info("run planned for {} done: backup {} is {}", planned, result.backup.id, result.backup.state)
        await self._beat()

    async def _back_up_after_restores(self, planned: datetime, trigger: Trigger) -> RunResult:
        """Back up; where a restore is under way, right after it. Raises what `back_up` raises.

        Stopped while it waits, the run counts as missed, and the next start catches up with it.
        """
        log, catalogue = logger.bind(scheduler=True), self.manager.catalogue
        before = await catalogue.last_planned()
        while True:
            if (running := await self.manager.restores.under_way()) is not None:
                log.warning("the run planned for {} waits for the restore by {}", planned, running.requested_by)
                await self.manager.restores.over()
                log.info(
                    "the restore by {} has ended; the run planned for {} is made now", running.requested_by, planned
                )
            await catalogue.set_last_planned(planned)
            log.info("run planned for {} begins ({})", planned, trigger)
            try:
                return await self.manager.back_up(trigger=trigger, requested_by="the schedule")
            except BusyError:
                if await self.manager.restores.under_way() is None:
                    raise
                if before is not None:
                    await catalogue.set_last_planned(before)

    async def _keep_beating(self) -> None:
        while True:
            await self._beat()
            await self.look_for_news()
            await self.manager.restores.sweep()
            if await self.manager.restores.settle() is not None:
                self._go("cut-off restores", self._news.tell_of_cut_off())
            await self.follow_timetable()
            await asyncio.sleep(HEARTBEAT_EVERY)

    async def look_for_news(self) -> None:
        """Wake the ledger when another process has written to the catalogue: it may owe a new backup."""
        seen = await self.manager.catalogue.data_version()
        if seen != self._seen_version:
            self._seen_version = seen
            self._ledger.nudge()
            if self.manager.upkeep is not None:
                self.manager.upkeep.nudge()
            self.manager.alarms.nudge()

    async def follow_timetable(self) -> None:
        """Let the scheduler follow what an admin or another process has changed, and show the next run at once."""
        if await self._following.follow():
            await self._beat()
            self.manager.news_to_pin()

    async def _beat(self, *, stopped: bool = False) -> None:
        await self.manager.catalogue.beat(
            pid=os.getpid(),
            started_at=self._started_at,
            next_run_at=None if stopped else self.scheduler.next_run(),
            stopped=stopped,
        )

    async def _register_commands(self) -> None:
        from bot.handlers import register_commands  # noqa: PLC0415

        with suppress(Exception):  # a menu of commands is a comfort; it logs its own troubles
            await register_commands(self.bot, self.manager.admins)

    # --- the end -----------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        """Stop in the order of the flow: no new runs, no new presses, the run, the uploads, the rest."""
        logger.info("service stops")
        stopping = asyncio.gather(self.scheduler.stop(), self._way_back.stop(), self._upkeep.stop())
        for task in self._tasks:
            if task.get_name() == "polling":
                task.cancel()
        # Side by side: a handler may be following the very run that is being stopped.
        await asyncio.gather(self.manager.stop(), stopping, self.poller.stop())
        await self.watch.stop()
        await self.manager.timetable.close()
        await self._ledger.drain(DRAIN_DELIVERIES)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._failed.done():
            self._failed.cancel()
        await self._beat(stopped=True)
        logger.info("service stopped")


def _tell_of_overlap(planned: datetime, running: datetime) -> None:
    logger.bind(scheduler=True).warning(
        "the run planned for {} is skipped: the one planned for {} is still under way", planned, running
    )


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


async def back_up_once(
    settings: Settings, *, deliver: bool, report: Callable[[Progress], None]
) -> tuple[RunResult, bool]:
    """Back up once for the command line; tell also whether delivering is left to the running service.

    Only one process delivers: the one that holds the service lock of this BACKUP_DIR.
    """
    lock = ServiceLock(settings.backup_dir)
    async with AsyncExitStack() as stack:
        left_to_service = False
        if deliver:
            try:
                await lock.acquire()
                stack.push_async_callback(lock.release)
            except InstanceError:
                left_to_service = True
        manager = await stack.enter_async_context(open_manager(settings, deliver=deliver and not left_to_service))
        queue = await stack.enter_async_context(manager.watch())
        run = asyncio.create_task(_back_up_and_pin(manager))
        showing = asyncio.create_task(_show(queue, report))
        stack.callback(showing.cancel)
        return await run, left_to_service


async def _back_up_and_pin(manager: Manager) -> RunResult:
    try:
        result = await manager.back_up(trigger=Trigger.COMMAND, requested_by="the command line")
    finally:
        await tell_once(manager)
    if manager.pins is not None:
        await manager.pins.refresh()
    if manager.upkeep is not None:
        await manager.upkeep.refresh(tidy=False)
    return result


async def _show(queue: asyncio.Queue[Progress], report: Callable[[Progress], None]) -> None:
    while True:
        report(await queue.get())
