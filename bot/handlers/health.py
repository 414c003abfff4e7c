"""System Health: measured when asked, and never waited for in silence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.handlers import keyboards
from bot.handlers.keyboards import Go, Place
from bot.handlers.screen import Press, Screen
from bot.texts import Texts, answers
from bot.texts.health import checking, too_slow

if TYPE_CHECKING:
    from bot.services.manager import Manager

GIVEN_UP_AFTER = 60.0
"""Seconds after which measuring is given up: longer than any of its parts waits by itself."""


def build_health_router(patience: float = 0.5) -> Router:
    """Make the router of System Health; after `patience` seconds the screen says that it is checking."""
    router = Router(name="health")

    @router.callback_query(Go.filter(F.place == Place.HEALTH))
    async def open_health(_: CallbackQuery, press: Press, manager: Manager, texts: Texts) -> None:
        work = asyncio.create_task(manager.health())
        try:
            done, _pending = await asyncio.wait({work}, timeout=patience)
            if not done:
                await press.draw(Screen(checking(), keyboards.refreshable(Place.HEALTH)))
            try:
                seen = await asyncio.wait_for(work, GIVEN_UP_AFTER)
            except TimeoutError:
                await press.draw(Screen(too_slow(), keyboards.refreshable(Place.HEALTH)))
                return
        finally:
            work.cancel()
        await press.draw(Screen(texts.health(seen), keyboards.refreshable(Place.HEALTH)), answers.UP_TO_DATE)

    return router
