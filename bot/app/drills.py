"""Builds and runs the test-restores and the pinned messages."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from loguru import logger

from bot.app.destinations import open_bucket_archives
from bot.app.restore_announcer import RestoreAnnouncer
from bot.clock import Clock
from bot.config.settings import Settings
from bot.errors import AbortedError, CourierError
from bot.models import Backup, Drill, Recipient, RestorePoint
from bot.services.concurrency.abort import Abort
from bot.services.delivery.notices import NoticeSender
from bot.services.drill.drill import Drills
from bot.services.fetch.recognition import CLOUD_LIMIT
from bot.services.inbox import Inbox
from bot.services.manager import Manager
from bot.services.messages.timers import Timers
from bot.services.recovery.document import kept_settings
from bot.services.recovery.pin import PinKeeper
from bot.services.schedule.scheduler import Scheduler
from bot.texts import Texts

if TYPE_CHECKING:
    from aiogram import Bot

OFF = "off"

STOP_WITHIN = 2.0
"""Seconds a shutdown gives the test-restore under way, which may be waiting for Telegram, before it is cancelled."""


def prepare_drills(manager: Manager, bot: Bot, notifier: NoticeSender, *, clock: Clock) -> PinKeeper:
    """Let the manager test-restore what Telegram holds, keep the restore points pinned, and take what admins send.

    Nothing is sent yet.
    """
    from bot.services.telegram.chat import TelegramChat  # noqa: PLC0415 - it imports aiogram

    texts = Texts(timezone=manager.timezone)
    chats = TelegramChat(bot)

    async def alarm(_backup: Backup, _drill: Drill) -> None:
        manager.alarms.nudge()

    async def caption(points: tuple[RestorePoint, ...]) -> str:
        return texts.pinned_caption(await manager.status(), points)

    async def chosen() -> dict[str, str]:
        plan = await manager.timetable.plan()
        return {"SCHEDULE": plan.expression} if plan.override is not None else {}

    everybody = (*manager.settings.recipients, *(Recipient(chat_id=admin) for admin in manager.settings.admin_ids))
    manager.timers = Timers(manager.catalogue, chats, everybody, clock=clock)
    manager.inbox = Inbox(
        chats,
        manager.store,
        manager.catalogue,
        limit=None if manager.settings.telegram_local else CLOUD_LIMIT,
        keys=manager.keys,
        restores=manager.restores,
        clock=clock,
    )
    manager.drills = Drills(manager.catalogue, manager.store, chats, alarm=alarm, keys=manager.keys, clock=clock)
    manager.restores.files = chats
    manager.restores.herald = RestoreAnnouncer(manager, notifier)
    manager.pins = PinKeeper(
        manager.catalogue,
        chats,
        admins=manager.settings.admin_ids,
        caption=caption,
        settings=settings_to_keep(manager.settings),
        chosen=chosen,
        clock=clock,
    )
    return manager.pins


def settings_to_keep(settings: Settings) -> dict[str, str]:
    """Return the settings that a new machine needs again: those that were set, no secret, and no path beside a seal."""
    # As they were written: a list of paths over several lines is one with commas.
    kept = kept_settings({name: ",".join(text.splitlines()) for name, text in settings.given.texts.items()})
    if settings.seal is not None:
        kept.pop("DATABASES", None)  # the sealed archives tell where their databases were
    return kept


class DrillSchedule:
    """The test-restores by DRILL_SCHEDULE, and the pinned messages kept up to date, while the service runs."""

    def __init__(self, manager: Manager, bot: Bot, notifier: NoticeSender, *, clock: Clock) -> None:
        self._manager = manager
        self._pins = prepare_drills(manager, bot, notifier, clock=clock)
        self._abort = Abort()
        self._pinning: asyncio.Task[None] | None = None
        expression = manager.settings.drill_schedule
        self._scheduler = (
            None if expression == OFF else Scheduler(expression, manager.timezone, self._planned_drill, clock=clock)
        )

    async def start(self) -> None:
        """Begin; a test-restore that was missed while nothing ran is made up for."""
        self._pinning = asyncio.create_task(self._pins.run(), name="pinned messages")
        if self._scheduler is None:
            return
        last = await self._manager.catalogue.drills.last()
        missed = self._scheduler.missed(last.at) if last else None
        self._scheduler.start()
        if missed is not None:
            self._scheduler.fire(missed)

    async def stop(self) -> None:
        """Break off what is under way: a test-restore begins anew another time."""
        self._abort.set("The service was stopped.")
        if self._manager.inbox is not None:
            await self._manager.inbox.stop()
        if self._scheduler is not None:
            await self._scheduler.stop(STOP_WITHIN)
        if self._pinning is not None:
            self._pinning.cancel()
            with suppress(asyncio.CancelledError):
                await self._pinning

    async def _drill_stores(self, planned: datetime) -> None:
        """Test-restore what each object store holds, too."""
        settings = self._manager.settings
        for url in settings.object_stores:
            try:
                drill = await self._manager.drills.drill_stored(open_bucket_archives(settings, url), abort=self._abort)
            except AbortedError:
                return
            except CourierError as error:
                logger.bind(scheduler=True).error("the test-restore from {} could not be made: {}", url, error.sentence)
            except Exception:
                logger.bind(scheduler=True).exception("the test-restore from {} could not be made", url)
            else:
                said = drill.detail if drill else "it holds no archive of ours"
                logger.bind(scheduler=True).info("the test-restore from {} ({}): {}", url, planned, said)

    async def _planned_drill(self, planned: datetime) -> None:
        log = logger.bind(scheduler=True)
        log.info("the test-restore planned for {} begins", planned)
        try:
            drill = await self._manager.drills.drill_newest(abort=self._abort)
        except AbortedError:
            return
        except CourierError as error:
            log.error("the test-restore planned for {} could not be made: {}", planned, error.sentence)
        except Exception:
            log.exception("the test-restore planned for {} could not be made", planned)
        else:
            log.info("the test-restore planned for {}: {}", planned, drill.detail if drill else "there is no backup")
        await self._drill_stores(planned)
        self._manager.news_to_pin()
        self._manager.alarms.nudge()
