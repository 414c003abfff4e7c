"""Handles System Health: measured when asked, with progress shown meanwhile; a full check and a test-restore."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.errors import CourierError
from bot.handlers.concern_buttons import concern_row
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import DrillNow, Go, ScreenName, button
from bot.handlers.drawing.live import LiveView
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.handlers.schedule_buttons import Every, Preset
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import beside
from bot.services.messages.live import LiveKind
from bot.services.status.verdict import measured_concerns
from bot.texts import answers
from bot.texts import examination as examination_texts
from bot.texts import health as health_texts
from bot.texts.first_backup import RARER
from bot.texts.health import checking, drilling, too_slow

if TYPE_CHECKING:
    from bot.services.manager import Manager

GIVEN_UP_AFTER = 60.0
"""Seconds after which measuring is given up: longer than any of its parts waits by itself."""


def build_health_router(patience: float = 0.5) -> Router:
    """Make the router of System Health; after `patience` seconds the screen says that it is checking."""
    router = Router(name="health")

    @router.callback_query(Go.filter(F.place == ScreenName.HEALTH))
    async def open_health(_: CallbackQuery, press: ButtonPress, manager: Manager, view: LiveView) -> None:
        async with view.showing(press.slot, LiveKind.HEALTH) as shown, beside(manager.health()) as work:
            done, _pending = await asyncio.wait({work}, timeout=patience)
            if not done:
                await press.draw(Screen(checking(), keyboards.health([], drill=False)))
                await shown.note()
            try:
                async with asyncio.timeout(GIVEN_UP_AFTER):
                    seen = await work
            except TimeoutError:
                await press.draw(Screen(too_slow(), keyboards.health([], drill=True)))
                return
            mend = concern_row(measured_concerns(seen), seen.status, ScreenName.HEALTH, seen.recipients)
            if seen.load is not None and seen.load.is_much:
                mend.append(button(RARER, Preset(every=Every.SIX_HOURS)))
            buttons = keyboards.health(mend, drill=seen.status.latest_proven is not None)
            await press.draw(Screen(health_texts.health(seen, manager.timezone), buttons))

    router.callback_query.register(examine_everything, Go.filter(F.place == ScreenName.FULL_CHECK))
    router.callback_query.register(rehearse_newest, DrillNow.filter())
    return router


async def examine_everything(_: CallbackQuery, press: ButtonPress, manager: Manager, view: LiveView) -> None:
    """Look at everything that a helper would ask for, and draw it, the bad news first."""
    await press.draw(Screen(examination_texts.examining(), keyboards.to_health()))
    async with view.showing(press.slot, LiveKind.EXAMINATION):
        try:
            async with asyncio.timeout(GIVEN_UP_AFTER):
                found = examination_texts.with_alarms(await manager.examine(), manager.clock(), manager.timezone)
        except TimeoutError:
            await press.draw(Screen(too_slow(), keyboards.to_health()))
            return
        await press.draw(Screen(examination_texts.examination(found), keyboards.to_health()))


async def rehearse_newest(_: CallbackQuery, press: ButtonPress, manager: Manager, view: LiveView) -> None:
    """Test-restore the newest backup now, and draw what came of it."""
    await press.draw(Screen(drilling(), keyboards.to_health()))
    async with view.showing(press.slot, LiveKind.DRILL):
        abort = Abort()
        try:
            drill = await manager.drills.drill_newest(actor=press.actor, abort=abort)
            screen = Screen(health_texts.drilled(drill, manager.timezone))
        except CourierError as error:
            screen = Screen(answers.failure(error))
        finally:
            abort.set("The service was stopped.")  # a shutdown ends this handler; the thread at work must hear of it
        await view.settle(press.slot, replace(screen, keyboard=keyboards.to_health()))
