"""Answers messages and presses that no other handler understood."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from aiogram import Bot, F, Router
from aiogram.enums import ContentType
from aiogram.types import CallbackQuery, Message

from bot.handlers.dashboard import menu_screen
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.screen import ButtonPress, MessageOwners, Screen
from bot.services.sealing.keys import secret_keys_in
from bot.texts import Texts, answers

if TYPE_CHECKING:
    from bot.services.manager import Manager

# What people send. Service messages (a pin, a changed timer) are nobody's question.
_FROM_PEOPLE = {
    ContentType.TEXT,
    ContentType.DOCUMENT,
    ContentType.PHOTO,
    ContentType.VIDEO,
    ContentType.ANIMATION,
    ContentType.AUDIO,
    ContentType.VOICE,
    ContentType.VIDEO_NOTE,
    ContentType.STICKER,
    ContentType.CONTACT,
    ContentType.LOCATION,
    ContentType.VENUE,
    ContentType.POLL,
    ContentType.DICE,
    ContentType.STORY,
}


def build_fallback_router() -> Router:
    """Make the router that comes last, for admins in private chats."""
    router = Router(name="fallback")
    albums: deque[str] = deque(maxlen=32)

    @router.message(F.content_type.in_(_FROM_PEOPLE))
    async def send_something_unknown(message: Message, bot: Bot, board: MessageOwners) -> None:
        """Answer once, also to an album, which arrives as one message per item."""
        album = message.media_group_id
        if album is not None:
            if album in albums:
                return
            albums.append(album)
        if secret_keys_in(message.text or message.caption or ""):
            await board.canvas(bot, message.chat.id).draw(Screen(answers.pasted_key(), keyboards.admin_menu()))
            return
        words = (message.text or "").split(maxsplit=1)
        known = words and words[0].startswith("/")
        text = answers.unknown_command(words[0]) if known else answers.unknown_message()
        await board.canvas(bot, message.chat.id).draw(Screen(text, keyboards.admin_menu()))

    @router.callback_query()
    async def press_stale_button(_: CallbackQuery, press: ButtonPress, manager: Manager, texts: Texts) -> None:
        await press.answer(answers.STALE)
        await press.draw(await menu_screen(manager, texts))

    return router
