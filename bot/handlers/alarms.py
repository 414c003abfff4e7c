"""Handles the buttons under an alarm: what mends it, what accepts it, and no reminder for a day."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiogram import BaseMiddleware, F, Router
from aiogram.types import CallbackQuery, TelegramObject

from bot.handlers.alarm_buttons import OfAlarm
from bot.handlers.backup import LiveRuns
from bot.handlers.dashboard import invite_again
from bot.handlers.databases import databases_screen
from bot.handlers.drawing.below import ErrorsBelow
from bot.handlers.drawing.screen import ButtonPress
from bot.handlers.history import backup_screen
from bot.handlers.restore import LiveRestores, begin_choice
from bot.models import AlarmAct, AlarmKind, Recipient
from bot.services.alarms.alarms import AlarmOverError
from bot.texts import alarms as words
from bot.texts import answers

if TYPE_CHECKING:
    from bot.services.alarms.alarms import Alarms
    from bot.services.manager import Manager
    from bot.services.schedule.timetable import Timetable

HUSHED_FOR = timedelta(hours=24)


def build_alarm_router() -> Router:
    """Make the router of the buttons under alarms; for admins, in private chats."""
    router = Router(name="alarms")
    router.callback_query.middleware(ErrorsBelow())
    router.callback_query.middleware(WhenOver())
    for act, handler in (
        (AlarmAct.ACCEPT, accept_alarm),
        (AlarmAct.LATER, hush_alarm),
        (AlarmAct.RESTORE, restore_from_alarm),
        (AlarmAct.RESUME, resume_from_alarm),
        (AlarmAct.AGAIN, back_up_from_alarm),
        (AlarmAct.SHOW, show_databases),
        (AlarmAct.OPEN, open_backup_of_alarm),
        (AlarmAct.INVITE, invite_again),
    ):
        router.callback_query.register(handler, OfAlarm.filter(F.answer == act))
    return router


class WhenOver(BaseMiddleware):
    """Says so where the alarm is over: two admins pressed at once, or a phone still shows what was."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        press: ButtonPress = data["press"]
        try:
            return await handler(event, data)
        except AlarmOverError:
            press.give_back()
            await press.answer(words.OVER_ALREADY, alert=True)


async def accept_alarm(_: CallbackQuery, callback_data: OfAlarm, press: ButtonPress, alarms: Alarms) -> None:
    """End the alarm for everybody, whose message says who did."""
    accepted = await alarms.accept(callback_data.id, actor=press.actor)
    await press.answer(words.ACCEPTED[AlarmKind(accepted.kind)])


async def hush_alarm(
    _: CallbackQuery, callback_data: OfAlarm, press: ButtonPress, alarms: Alarms, manager: Manager
) -> None:
    """Remind this admin alone a day from now."""
    address = Recipient(chat_id=press.chat_id).address
    await alarms.hush(callback_data.id, address, manager.clock() + HUSHED_FOR, actor=press.actor)
    await press.answer(words.HUSHED)


async def restore_from_alarm(
    _: CallbackQuery, callback_data: OfAlarm, press: ButtonPress, *, alarms: Alarms, live_restores: LiveRestores
) -> None:
    """Begin the restore of the one database, below: the alarm's own message stays what it is."""
    alarm = await alarms.find(callback_data.id)
    await begin_choice(press.below(), f"b{alarm.number('backup')}", live_restores, only=alarm.subject)
    await alarms.act(callback_data.id, AlarmAct.RESTORE, actor=press.actor)


async def resume_from_alarm(
    _: CallbackQuery, callback_data: OfAlarm, press: ButtonPress, *, alarms: Alarms, timetable: Timetable
) -> None:
    alarm = await alarms.find(callback_data.id)
    if (await timetable.plan()).paused is None:
        await press.answer(words.NOT_PAUSED, alert=True)
        return
    await alarms.act(alarm.id, AlarmAct.RESUME, actor=press.actor)
    await timetable.resume(actor=press.actor, admin_id=press.admin_id)
    await press.answer(answers.RESUMED)


async def back_up_from_alarm(
    _: CallbackQuery, callback_data: OfAlarm, press: ButtonPress, *, alarms: Alarms, live_runs: LiveRuns
) -> None:
    """Start a backup and follow it below; pressed twice, by whomever, it is one."""
    if by := await alarms.act(callback_data.id, AlarmAct.AGAIN, actor=press.actor):
        await press.answer(words.done_already(by))
        return
    await live_runs.start_or_join(press.slot.anew(), press.actor, press.answer)


async def show_databases(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    await press.below().draw(databases_screen(await manager.status(), 0, manager.timezone))


async def open_backup_of_alarm(
    _: CallbackQuery, callback_data: OfAlarm, press: ButtonPress, alarms: Alarms, manager: Manager
) -> None:
    backup_id = (await alarms.find(callback_data.id)).number("backup")
    await press.below().draw(await backup_screen(manager, backup_id, 0))
