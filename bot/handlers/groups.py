"""Answers messages in groups, where the bot only delivers, with the way to the private chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiogram import Bot, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.handlers.drawing import keyboards
from bot.handlers.drawing.screen import ButtonPress
from bot.texts import answers

if TYPE_CHECKING:
    from bot.services.manager import Manager


def build_group_router() -> Router:
    """Make the router for what admins do outside private chats; their talk there is left alone."""
    router = Router(name="groups")
    router.message.register(ask_for_menu_in_group, Command("admin", "start", "help", "menu", "status", "backup"))
    router.callback_query.register(press_in_group)
    return router


async def ask_for_menu_in_group(message: Message, bot: Bot, manager: Manager) -> None:
    await manager.recipient_returned(message.chat.id)
    me = await bot.me()
    await message.reply(
        answers.MENU_IS_PRIVATE, parse_mode="HTML", reply_markup=keyboards.private_chat(me.username or "")
    )


async def press_in_group(_: CallbackQuery, press: ButtonPress) -> None:
    await press.answer(answers.ONLY_PRIVATE, alert=True)
