"""Handles Restore: from a backup's screen over choice, plan and two questions to the restored databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aiogram import F, Router
from aiogram.types import CallbackQuery
from loguru import logger

from bot.errors import BusyError, CourierError
from bot.handlers import restore_buttons
from bot.handlers.drawing.keyboards import BackupAct, OfBackup
from bot.handlers.drawing.live import LiveView
from bot.handlers.drawing.named import FindBackup
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen
from bot.handlers.restore_buttons import Restore, RestoreStep
from bot.models import RestoreProgress
from bot.services.messages.live import LiveKind
from bot.services.restore_chat.choices import RestoreChoice
from bot.services.restore_chat.pending_plans import (
    ConfirmablePlan,
    MessageAddress,
    Requester,
    StaleReason,
    WrongPressError,
)
from bot.texts import restore_plan as plan_texts
from bot.texts import restoring
from bot.texts import runs as run_texts

if TYPE_CHECKING:
    from bot.services.manager import Manager

_Report = Callable[[RestoreProgress], None]
_Make = Callable[[_Report], Coroutine[Any, Any, ConfirmablePlan]]

_SCREEN_STAYS = {StaleReason.USED, StaleReason.OTHERS, StaleReason.ELSEWHERE}
"""Wrong presses after which the message goes on showing what it shows."""


@dataclass(frozen=True, slots=True)
class LiveRestores:
    """Draws plans in the making and restores; a restore belongs to the service and ends whatever the message does."""

    manager: Manager
    view: LiveView

    async def make_plan(self, press: ButtonPress, make: _Make, back: RestoreChoice | None) -> None:
        """Show how the plan is made, and then the plan, with the red button bound to this message."""
        latest: list[RestoreProgress | None] = [None]

        def report(event: RestoreProgress) -> None:
            latest[0] = event

        slot = press.slot
        work = self.view.tasks.start(make(report))
        await press.answer()
        async with self.view.showing(slot, LiveKind.PLAN) as shown:
            await self.view.follow(
                shown, lambda: Screen(restoring.preparing(latest[0]), restore_buttons.preparing_restore()), work
            )
            try:
                pending = await asyncio.shield(work)
            except CourierError as error:  # where it was put aside, another screen is there already
                await self.view.settle(slot, Screen(restoring.refused(error), _ways_on(back)))
                return
            await self._show_plan(slot, pending, back)

    async def _show_plan(self, slot: MessageSlot, pending: ConfirmablePlan, back: RestoreChoice | None) -> None:
        plan = pending.prepared.plan
        blocked = bool(plan.all_obstacles)
        if not slot.current or blocked:
            await self.manager.restores.drop(pending)
            text = plan_texts.plan(plan, self.manager.clock(), self.manager.timezone, None)
            await self.view.settle(slot, Screen(text, _ways_on(back)))
            return
        if slot.origin is not None:
            self.manager.restores.shown(pending, slot.origin)  # before anybody can see it, and press
        text = plan_texts.plan(plan, self.manager.clock(), self.manager.timezone, pending.expires_at)
        try:
            await self.view.settle(slot, Screen(text, restore_buttons.restore_plan(pending.id, plan.act)))
        except BaseException:
            await self.manager.restores.drop(pending)
            raise
        if slot.origin is not None:
            self.manager.restores.shown(pending, slot.origin)  # where it really stands

    async def carry_out(self, press: ButtonPress, plan_id: str) -> None:
        """Begin a confirmed restore, and follow it to its result."""
        pending = await self.manager.restores.ask(plan_id, requester_of(press), message_of(press))
        async with self.view.showing(press.slot, LiveKind.RESTORE) as shown:
            work = await self.manager.restores.begin(plan_id, requester_of(press), message_of(press))
            await press.answer(restoring.STARTED)
            await self.view.follow(shown, self._progress, work)
            try:
                # A shutdown may cancel this handler; the restore is ended by the service, in its own time.
                result = await asyncio.shield(work)
                screen = Screen(restoring.result(result, self.manager.timezone), restore_buttons.restored(result))
            except CourierError as error:
                screen = Screen(restoring.failed(error), restore_buttons.plan_gone(pending.choice_id))
            slot = press.slot
            if not slot.current:  # another screen was opened there meanwhile; the result is not to be missed
                slot = slot.anew()
            await self.view.settle(slot, screen)

    def _progress(self) -> Screen:
        manager, run = self.manager, self.manager.restores.running
        return Screen(
            run_texts.progress(run, manager.clock(), manager.timezone) if run is not None else restoring.STARTED
        )


def build_restore_router() -> Router:
    """Make the router of restores; for admins, in private chats."""
    router = Router(name="restore")
    router.callback_query.middleware(FindBackup())
    router.callback_query.register(restore_backup, OfBackup.filter(F.act == BackupAct.RESTORE))
    for step, handler in (
        (RestoreStep.CHOOSE, press_restore),
        (RestoreStep.TOGGLE, tick_databases),
        (RestoreStep.ALL, tick_databases),
        (RestoreStep.PLAN, ask_for_plan),
        (RestoreStep.ASK, press_red_button),
        (RestoreStep.YES, confirm_restore),
        (RestoreStep.CANCEL, put_aside),
        (RestoreStep.UNDO, press_undo),
    ):
        router.callback_query.register(handler, Restore.filter(F.step == step))
    return router


def requester_of(press: ButtonPress) -> Requester:
    """Return who pressed."""
    return Requester(admin_id=press.admin_id, name=press.actor)


def message_of(press: ButtonPress) -> MessageAddress:
    """Return the message in which was pressed."""
    return press.slot.origin or (press.chat_id, 0)


async def press_restore(
    _: CallbackQuery, callback_data: Restore, press: ButtonPress, live_restores: LiveRestores
) -> None:
    """Ask which databases; where there is no choice, make the plan at once."""
    if callback_data.source.startswith("c"):  # another page of a choice
        choice = live_restores.manager.restores.choice(callback_data.source, requester_of(press))
        await _draw_choice(press, choice, callback_data.item, live_restores.manager.timezone)
    else:
        await begin_choice(press, callback_data.source, live_restores)


async def restore_backup(
    _: CallbackQuery, callback_data: OfBackup, press: ButtonPress, live_restores: LiveRestores
) -> None:
    await begin_choice(press, f"b{callback_data.id}", live_restores)


async def begin_choice(press: ButtonPress, source: str, live_restores: LiveRestores, *, only: str = "") -> None:
    """Ask which databases of a source; where there is no choice, or it is made, make the plan at once.

    Raises as `RestoreSessions.choose`.
    """
    choice = await live_restores.manager.restores.choose(source, requester_of(press), only=only)
    if only or len(choice.names) <= 1:
        await _make_plan(press, choice, live_restores)
    else:
        await _draw_choice(press, choice, 0, live_restores.manager.timezone)


async def tick_databases(_: CallbackQuery, callback_data: Restore, press: ButtonPress, manager: Manager) -> None:
    """Tick one database, or all of them; the item is its number, or the page where it was pressed."""
    choice, page = manager.restores.choice(callback_data.source, requester_of(press)), callback_data.item
    if callback_data.step is RestoreStep.ALL:
        choice.tick_all()
    else:
        choice.tick(callback_data.item)
        page //= restore_buttons.CHOICES_PER_PAGE
    await _draw_choice(press, choice, page, manager.timezone)


async def ask_for_plan(
    _: CallbackQuery, callback_data: Restore, press: ButtonPress, live_restores: LiveRestores
) -> None:
    choice = live_restores.manager.restores.choice(callback_data.source, requester_of(press))
    if choice.names and not choice.chosen:
        press.give_back()
        await press.answer(restoring.NOTHING_TICKED, alert=True)
        return
    await _make_plan(press, choice, live_restores)


async def press_red_button(_: CallbackQuery, callback_data: Restore, press: ButtonPress, manager: Manager) -> None:
    """Ask once more; a wrong press is told why it does nothing."""
    try:
        pending = await manager.restores.ask(callback_data.source, requester_of(press), message_of(press))
    except (WrongPressError, BusyError) as error:
        await _say_no(press, error)
        return
    text = plan_texts.ask(pending.prepared.plan, pending.expires_at, manager.timezone)
    await press.draw(Screen(text, restore_buttons.sure_to_replace(pending.id)))


async def confirm_restore(
    _: CallbackQuery, callback_data: Restore, press: ButtonPress, live_restores: LiveRestores
) -> None:
    """Restore: the second yes."""
    try:
        await live_restores.carry_out(press, callback_data.source)
    except (WrongPressError, BusyError) as error:
        await _say_no(press, error)


async def put_aside(_: CallbackQuery, callback_data: Restore, press: ButtonPress, manager: Manager) -> None:
    """Leave everything as it is."""
    choice_id, restores = "", manager.restores
    if callback_data.source.startswith("p"):
        try:
            choice_id = (await restores.cancel(callback_data.source, requester_of(press), message_of(press))).choice_id
        except WrongPressError as error:
            await _say_no(press, error)
            return
    else:
        restores.abandon(requester_of(press))
    await press.draw(Screen(restoring.PUT_ASIDE, restore_buttons.plan_gone(choice_id)), restoring.PUT_ASIDE)


async def press_undo(_: CallbackQuery, callback_data: Restore, press: ButtonPress, live_restores: LiveRestores) -> None:
    """Make the plan that brings back what a restore replaced."""
    restores, requester, restore_id = live_restores.manager.restores, requester_of(press), callback_data.source[1:]
    await live_restores.make_plan(press, lambda report: restores.plan_undo(restore_id, requester, report), None)


async def _make_plan(press: ButtonPress, choice: RestoreChoice, live: LiveRestores) -> None:
    requester = requester_of(press)
    await live.make_plan(press, lambda report: live.manager.restores.plan(choice.id, requester, report), choice)


async def _draw_choice(press: ButtonPress, choice: RestoreChoice, page: int, timezone: ZoneInfo) -> None:
    text = restoring.choose(choice.label, choice.names, len(choice.chosen), choice.taken_at, timezone)
    await press.draw(Screen(text, restore_buttons.restore_choice(choice, page)))


async def _say_no(press: ButtonPress, error: CourierError) -> None:
    """Answer a press that does nothing; a plan that is gone is no longer shown as one that can be confirmed."""
    logger.info("a press of {} on a restore plan did nothing: {}", press.actor, error.sentence)
    if not isinstance(error, WrongPressError) or error.why in _SCREEN_STAYS:
        press.give_back()
        await press.answer(error.sentence, alert=True)
        return
    await press.answer(error.sentence, alert=True)
    await press.draw(Screen(restoring.refused(error), restore_buttons.plan_gone(error.choice_id)))


def _ways_on(back: RestoreChoice | None) -> Any:
    return restore_buttons.plan_gone(back.id if back is not None else "")
