"""Handles Settings: the list of what admins change in chat; each entry has a router of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aiogram import F, Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery

from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import Go, ScreenName, Section, SettingsButton
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.texts import schedule as schedule_texts

if TYPE_CHECKING:
    from bot.services.manager import Manager

ENTRIES: list[tuple[str, CallbackData]] = [
    ("🗓 Schedule", SettingsButton(section=Section.SCHEDULE)),
    ("🔔 My messages", Go(place=ScreenName.MESSAGES)),
]
"""The label of each entry, and what its button carries."""


def build_settings_router() -> Router:
    """Make the router of the list of settings."""
    router = Router(name="settings")
    router.callback_query.register(open_settings, SettingsButton.filter(F.section == Section.ALL))
    return router


async def open_settings(_: CallbackQuery, press: ButtonPress, manager: Manager, timezone: ZoneInfo) -> None:
    await press.draw(Screen(schedule_texts.settings(await manager.status(), timezone), keyboards.settings(ENTRIES)))
