"""Builds and runs the monitoring: alarms, their recipients, and the pings of an outside watchdog."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from loguru import logger

from bot.clock import Clock
from bot.config.alarms import split_urls
from bot.config.settings import Settings
from bot.errors import AbortedError, BusyError, CourierError
from bot.models import Delivery, Recipient, RunResult
from bot.services.alarms.apprise import AppriseTarget
from bot.services.alarms.chat import ChatAlarms
from bot.services.alarms.checks import AlarmChecks, DiskUsage, disk_usage
from bot.services.alarms.listener import Listener
from bot.services.alarms.signals import ClockCheck, ConflictCheck, LocalFilesCheck, NewBotCheck, TokenCheck
from bot.services.alarms.watchdog import Watchdog
from bot.services.delivery.notices import NoticeSender
from bot.services.manager import Manager
from bot.texts import Texts

if TYPE_CHECKING:
    from aiogram import Bot

    from bot.app.polling import Poller
    from bot.services.telegram.session import DatedSession

ONCE_WITHIN = 30.0
"""Seconds that a single command gives the telling of alarms: an endpoint that hangs must not keep it from ending."""


def notice_recipients(settings: Settings) -> tuple[Recipient, ...]:
    """Return the admins, and whoever else receives backups and can read."""
    admins = (Recipient(chat_id=admin) for admin in settings.admin_ids)
    readers = (recipient for recipient in settings.recipients if recipient.reads_notices)
    return tuple(dict.fromkeys((*admins, *readers)))


def prepare_alarms(
    manager: Manager, notifier: NoticeSender, *, clock: Clock, usage: DiskUsage = disk_usage
) -> AlarmChecks:
    """Let the manager's alarms look at everything, and tell the admins and the phones; nothing is sent yet."""
    from bot.handlers.alarms import alarm_buttons  # noqa: PLC0415 - it imports aiogram

    texts, settings, catalogue = Texts(timezone=manager.timezone), manager.settings, manager.catalogue
    everybody = notice_recipients(settings)
    phones = tuple(
        AppriseTarget(url, wording=texts.alarm_on_phone, clock=clock)
        for url in split_urls(settings.notify_urls.get_secret_value())
    )

    async def audience() -> Iterable[Listener]:
        parked = await catalogue.recipients.parked()
        current = dict.fromkeys([await catalogue.recipients.current(recipient) for recipient in everybody])
        boards = (
            ChatAlarms(
                notifier,
                recipient,
                wording=texts,
                buttons=alarm_buttons,
                loudness=manager.alarms.loudness,
                affected=manager.preferences.affected_databases,
                reminder=manager.alarms.reminder,
                clock=clock,
            )
            for recipient in current
            if recipient not in parked
        )
        return (*boards, *phones)

    checks = AlarmChecks(
        manager.alarms,
        catalogue,
        manager.store,
        manager.timetable,
        running=lambda: manager.running,
        stale_after=settings.stale_after,
        audience=dict.fromkeys((*everybody, *settings.recipients)),
        clock=clock,
        usage=usage,
    )
    manager.alarms.audience = audience
    new_bot = NewBotCheck(manager.alarms, catalogue, settings.admin_ids)
    manager.alarms.sentries = (*checks.checks, new_bot.look)
    if manager.timers is not None:
        manager.alarms.sentries = (*manager.alarms.sentries, manager.timers.look)
    return checks


async def tell_once(manager: Manager) -> None:
    """Look and tell, for a command that ends after it."""
    with suppress(TimeoutError):
        await asyncio.wait_for(manager.alarms.deliver(), ONCE_WITHIN)


class Monitoring:
    """The alarms' own task, what is heard in passing, and the pings for the watchdog, while the service runs."""

    def __init__(self, manager: Manager, notifier: NoticeSender, bot: Bot, poller: Poller, *, clock: Clock) -> None:
        from bot.services.telegram.chat import TelegramChat  # noqa: PLC0415 - it imports aiogram

        self._manager = manager
        self.sentry = prepare_alarms(manager, notifier, clock=clock)
        clock_check = ClockCheck(manager.alarms)
        conflicts = ConflictCheck(manager.alarms, clock=clock)
        cast("DatedSession", bot.session).on_date = clock_check.note
        poller.on_conflict = conflicts.note
        token = TokenCheck(manager.alarms, lambda: poller.refusals, lambda: poller.heard)
        poller.on_token = manager.alarms.nudge
        readable = TelegramChat(bot).require_readable if manager.settings.telegram_local else None
        self._files = LocalFilesCheck(manager.alarms, manager.catalogue, readable, clock=clock)
        checks = (clock_check.look, conflicts.look, token.look, self._files.look)
        manager.alarms.sentries = (*manager.alarms.sentries, *checks)
        url = manager.settings.heartbeat_url.get_secret_value()
        self._watchdog = Watchdog(url) if url else None
        self._task: asyncio.Task[None] | None = None
        self._settling: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to look and to tell."""
        self._task = asyncio.create_task(self._manager.alarms.run(), name="alarms")

    async def stop(self) -> None:
        """Stop looking, and let what is being told arrive."""
        await asyncio.gather(self._stop_looking(), *([self._watchdog.stop()] if self._watchdog is not None else []))

    async def _stop_looking(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._files.stop()

    # --- what the watchdog hears of: planned runs alone, or a manual one would hide that the schedule stopped ---

    def run_begins(self) -> None:
        if self._watchdog is not None:
            self._watchdog.begins()

    def run_ended(self, result: RunResult) -> None:
        if self._watchdog is not None:
            self._watchdog.ended(result.backup, result.deliveries)

    def run_failed(self, error: Exception) -> None:
        """A run that only found another one under way, or was cut off by a shutdown, has not failed."""
        if self._watchdog is not None and not isinstance(error, (BusyError, AbortedError)):
            self._watchdog.failed(error.sentence if isinstance(error, CourierError) else type(error).__name__)

    def delivered_later(self, delivery: Delivery) -> None:
        """The ledger has tried a delivery again; with its last one, the run has succeeded after all."""
        self._manager.alarms.nudge()
        watchdog = self._watchdog
        if watchdog is not None and watchdog.unconfirmed == delivery.backup_id:
            task = asyncio.create_task(self._settle(watchdog, delivery.backup_id))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _settle(self, watchdog: Watchdog, backup_id: int) -> None:
        try:
            deliveries = await self._manager.catalogue.deliveries.of(backup_id)
        except CourierError as error:
            logger.error("the watchdog can't be told of backup {}: {}", backup_id, error.sentence)
            return
        if watchdog.unconfirmed == backup_id:
            watchdog.settled(deliveries)
