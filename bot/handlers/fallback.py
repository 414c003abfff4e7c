"""Answers messages and presses that no other handler understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.enums import ContentType
from aiogram.types import CallbackQuery, Message

from bot.handlers.dashboard import menu_screen
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.named import say_earlier_list
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen
from bot.services.sealing.keys import secret_keys_in
from bot.texts import answers

if TYPE_CHECKING:
    from bot.services.manager import Manager

# What people send beside files, which are the inbox's. Service messages (a pin, a timer) are nobody's question.
_FROM_PEOPLE = {
    ContentType.TEXT,
    ContentType.CONTACT,
    ContentType.LOCATION,
    ContentType.VENUE,
    ContentType.POLL,
    ContentType.DICE,
    ContentType.STORY,
}

# Buttons of earlier versions, which named a backup by its number alone.
_BARE_NUMBER = r"^(bk:[a-z]+:\d+:\d+|erase:\d+:\d+:\d+|dbback:[0-9a-f]+:\d+|rst:choose:b\d+:\d+)$"


def build_fallback_router() -> Router:
    """Make the router that comes last, for admins in private chats."""
    router = Router(name="fallback")

    @router.message(F.content_type.in_(_FROM_PEOPLE))
    async def send_something_unknown(message: Message, slot: MessageSlot) -> None:
        words = (message.text or "").split(maxsplit=1)
        text = answers.UNKNOWN_MESSAGE
        if secret_keys_in(message.text or ""):
            text = answers.pasted_key()
        elif words and words[0].startswith("/"):
            text = answers.unknown_command(words[0])
        await slot.draw(Screen(text, keyboards.admin_menu()))

    @router.callback_query(F.data.regexp(_BARE_NUMBER))
    async def press_bare_number(_: CallbackQuery, press: ButtonPress) -> None:
        await say_earlier_list(press)

    @router.callback_query()
    async def press_stale_button(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
        await press.answer(answers.STALE)
        await press.draw(await menu_screen(manager))

    return router
