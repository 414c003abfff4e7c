"""Holds the parts of the built product, and joins them where an answer or an act needs several."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.config.cron import DRILLS_OFF
from bot.models import Examination, Health, Recipient
from bot.services.alarms.loop import AlarmLoop
from bot.services.backup.runs import Runs
from bot.services.catalogue import ALL
from bot.services.contracts.asked import Asked
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender
from bot.services.doctor.examine import examine
from bot.services.drill.drill import Drills
from bot.services.files.locks import ServiceLock
from bot.services.inbox import Inbox
from bot.services.messages.live import LiveMessages
from bot.services.messages.maintenance import ChatMaintenance
from bot.services.messages.preferences import Preferences
from bot.services.messages.timers import Timers
from bot.services.recovery.pin import PinKeeper
from bot.services.restore_chat.session import RestoreSessions
from bot.services.schedule.load import chat_load
from bot.services.schedule.timetable import Timetable
from bot.services.status.health import measure_health
from bot.services.status.inventory import Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager(Inventory):
    """Answers what is asked of several parts together, and does what concerns several of them."""

    ledger: Ledger
    runs: Runs
    restores: RestoreSessions
    alarm_loop: AlarmLoop
    drills: Drills
    round_trip: Callable[[], Awaitable[float]]
    asked: Asked
    news: Callable[[], None]
    """To be called when something changed that the pinned messages and the digests tell."""

    async def health(self) -> Health:
        """Everything `System Health` shows; asks Telegram and every recipient."""
        status, settings = await self.status(), self.settings
        health = await measure_health(
            status,
            self.store,
            self.ledger.destinations,
            self.round_trip,
            archives=await self.catalogue.backups.select(limit=ALL, on_disk_only=True),
            max_count=settings.max_backup_count,
        )
        if await self._record_unreachable(health):
            status = await self.status()
        made, volume_mb = status.latest_proven, settings.volume_size_mb
        return replace(
            health,
            status=status,
            load=chat_load(
                status.schedule, settings.timezone, status.now, archive_bytes=made.archive_bytes, volume_mb=volume_mb
            )
            if made is not None
            else None,
            drill_trouble=self.drills.trouble,
            drills_planned=settings.drill_schedule != DRILLS_OFF,
        )

    async def _record_unreachable(self, health: Health) -> bool:
        """Record which chats were found not to be reachable until somebody does something; tell whether that is new."""
        from bot.services.telegram.refusals import STANDING_REFUSALS  # noqa: PLC0415 - its room imports aiogram

        standing = {code for code, _ in STANDING_REFUSALS}
        known = {one.recipient for one in health.status.recipients if one.parked_reason}
        found = [one for one in health.recipients if one.recipient.is_chat and one.trouble.code in standing]
        for one in found:
            await self.catalogue.recipients.park(one.recipient, one.trouble)
        return any(one.recipient not in known for one in found)

    async def examine(self) -> Examination:
        """Everything that a helper would ask for, looked at now; a service that runs is not disturbed."""
        status = await self.status()
        lives = status.state.is_running or status.is_paused
        return await examine(
            self.settings,
            self.people,
            status,
            await self.discover(),
            destinations=self.ledger.destinations,
            asked=self.asked,
            polled_here=lives or await ServiceLock(self.settings.backup_dir).holder() is not None,
            polling_trouble=self.polling.trouble,
        )

    async def recipient_started(self, chat_id: int, name: str) -> None:
        """A person pressed Start: what is owed to them goes out now."""
        await self.catalogue.recipients.set_name(Recipient(chat_id=chat_id), name)
        await self.recipient_returned(chat_id)
        self.news()

    async def recipient_returned(self, chat_id: int) -> None:
        """The bot was unblocked or added again: what is owed there goes out now. Nothing happens to a stranger."""
        await self.ledger.recipient_started(chat_id)
        self.alarm_loop.returned(chat_id)

    async def stop(self, why: str = "The service was stopped.") -> None:
        """Let the running stage finish, or abandon it cleanly; returns when neither a backup nor a restore runs."""
        await asyncio.gather(self.runs.stop(why), self.restores.stop(why))


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier(Manager):
    """Every part of the built product; `bot/app/build.py` makes them, and nobody changes them afterwards.

    In a process that does not talk to Telegram the same parts are there: what they ask of it is refused, and what is
    due is recorded as owed.
    """

    notifier: NoticeSender
    timetable: Timetable
    preferences: Preferences
    inbox: Inbox
    pins: PinKeeper
    maintenance: ChatMaintenance
    live: LiveMessages
    timers: Timers
