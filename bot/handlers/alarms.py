"""Handles the buttons under an alarm: accept the change, or pause its reminders for a day."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from aiogram import Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery
from pydantic import Field

from bot.clock import Clock
from bot.errors import NotFoundError
from bot.handlers.drawing.screen import ButtonPress
from bot.models import Alarm, Recipient
from bot.services.alarms.alarms import GONE, SHRUNKEN
from bot.services.contracts.destination import NoticeButton
from bot.texts import alarms as words

if TYPE_CHECKING:
    from bot.services.alarms.alarms import Alarms

HUSHED_FOR = timedelta(hours=24)


class Answer(StrEnum):
    RIGHT = "right"
    LATER = "later"


class OfAlarm(CallbackData, prefix="alarm"):
    """An answer to one alarm."""

    answer: Answer
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


def alarm_buttons(alarm: Alarm) -> tuple[NoticeButton, ...]:
    """Return what an admin can answer to an open alarm."""
    later = NoticeButton(text=words.LATER, data=OfAlarm(answer=Answer.LATER, id=alarm.id).pack())
    if alarm.kind not in (SHRUNKEN, GONE):
        return (later,)
    return (NoticeButton(text=words.RIGHT, data=OfAlarm(answer=Answer.RIGHT, id=alarm.id).pack()), later)


def build_alarm_router() -> Router:
    """Make the router of the buttons under alarms."""
    router = Router(name="alarms")
    router.callback_query.register(answer_alarm, OfAlarm.filter())
    return router


async def answer_alarm(
    _: CallbackQuery, callback_data: OfAlarm, press: ButtonPress, alarms: Alarms, clock: Clock
) -> None:
    """End the alarm for everybody, whose message says who did; or remind this admin alone a day from now."""
    try:
        if callback_data.answer is Answer.RIGHT:
            said = words.ACCEPTED[(await alarms.accept(callback_data.id, actor=press.actor)).kind]
        else:
            address = Recipient(chat_id=press.chat_id).address
            await alarms.hush(callback_data.id, address, clock() + HUSHED_FOR, actor=press.actor)
            said = words.HUSHED
    except NotFoundError:
        await press.answer(words.OVER_ALREADY, alert=True)
        return
    await press.answer(said)
