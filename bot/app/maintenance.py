"""Builds and runs the maintenance of the chats: digests, notes and tidying."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.clock import Clock, Sleep
from bot.services.manager import Manager
from bot.services.messages.maintenance import ChatMaintenance
from bot.texts import Texts

if TYPE_CHECKING:
    from aiogram import Bot


def prepare_maintenance(manager: Manager, bot: Bot, *, clock: Clock, sleep: Sleep = asyncio.sleep) -> ChatMaintenance:
    """Let the manager keep digests and notes, and tidy the chats; nothing is sent yet."""
    from bot.services.telegram.notices import TelegramNotices  # noqa: PLC0415 - it imports aiogram

    settings = manager.settings
    manager.upkeep = upkeep = ChatMaintenance(
        manager.catalogue,
        TelegramNotices(bot),
        manager.preferences,
        Texts(timezone=manager.timezone),
        admins=settings.admin_ids,
        recipients=settings.deliver_to,
        timezone=manager.timezone,
        when_unchanged=settings.when_unchanged,
        chat_keep_hours=settings.chat_keep_hours,
        tidied=lambda: manager.pins.nudge() if manager.pins is not None else None,
        clock=clock,
        sleep=sleep,
    )
    manager.preferences.changed = upkeep.nudge
    return upkeep


class MaintenanceTask:
    """Runs the maintenance as long as the service runs."""

    def __init__(self, manager: Manager, bot: Bot, *, clock: Clock) -> None:
        self._upkeep = prepare_maintenance(manager, bot, clock=clock)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; what happened while nothing ran is made up for."""
        self._task = asyncio.create_task(self._upkeep.run(), name="chat upkeep")

    async def stop(self) -> None:
        """Break off; the next start goes on with the same messages."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
