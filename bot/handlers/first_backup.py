"""Handles the buttons under the card after the first backup: it stays, and what they lead to is drawn below it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery

from bot.handlers.dashboard import status_screen
from bot.handlers.drawing.below import ErrorsBelow
from bot.handlers.drawing.keyboards import Go, ScreenName
from bot.handlers.drawing.screen import ButtonPress
from bot.handlers.schedule_buttons import EXPRESSIONS, Every
from bot.services.contracts.destination import NoticeButton
from bot.texts.alarms import INVITE
from bot.texts.first_backup import RARER, STATUS

if TYPE_CHECKING:
    from bot.handlers.schedule import ScheduleScreens
    from bot.services.manager import Manager


class CardAct(StrEnum):
    STATUS = "status"
    RARER = "rarer"


class OnCard(CallbackData, prefix="card"):
    act: CardAct


def build_card_router() -> Router:
    """Make the router of the card; for admins, in private chats."""
    router = Router(name="first backup")
    router.callback_query.middleware(ErrorsBelow())
    router.callback_query.register(open_status_below, OnCard.filter(F.act == CardAct.STATUS))
    router.callback_query.register(propose_rarer, OnCard.filter(F.act == CardAct.RARER))
    return router


async def open_status_below(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    await press.below().draw(await status_screen(manager))


async def propose_rarer(_: CallbackQuery, press: ButtonPress, schedule_screens: ScheduleScreens) -> None:
    await press.below().draw(await schedule_screens.proposal(EXPRESSIONS[Every.SIX_HOURS], press.admin_id))


def card_buttons(*, rarer: bool, invited: bool) -> tuple[NoticeButton, ...]:
    """Return the way to Backup Status, with `rarer` to a schedule that brings less into the chats, and with `invited`
    to a message for who has to press Start.
    """
    offers = ((rarer, RARER, OnCard(act=CardAct.RARER)), (invited, INVITE, Go(place=ScreenName.INVITATION)))
    shown = [NoticeButton(text=words, data=data.pack()) for wanted, words, data in offers if wanted]
    return (*shown, NoticeButton(text=STATUS, data=OnCard(act=CardAct.STATUS).pack()))
