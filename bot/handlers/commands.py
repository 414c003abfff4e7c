"""The bot's commands, shown to admins only."""

from __future__ import annotations

from collections.abc import Iterable

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommand, BotCommandScopeChat
from loguru import logger

COMMANDS = (
    BotCommand(command="admin", description="Open the menu"),
    BotCommand(command="status", description="Backup status at a glance"),
    BotCommand(command="backup", description="Back up now"),
)


async def register_commands(bot: Bot, admins: Iterable[int]) -> None:
    """Show the commands to every admin and to nobody else.

    One who never pressed Start can't be given any: they come at their first Start. Raises nothing of Telegram's.
    """
    try:
        await bot.delete_my_commands()  # strangers see no menu, whatever was once set in @BotFather
    except TelegramAPIError as error:
        logger.warning("the default commands could not be removed: {}", error.message)
    for admin in sorted(admins):
        await offer_commands(bot, admin)


async def offer_commands(bot: Bot, chat_id: int) -> None:
    """Show the commands in one private chat; that it can't be done yet is no error."""
    try:
        await bot.set_my_commands(list(COMMANDS), scope=BotCommandScopeChat(chat_id=chat_id))
    except TelegramAPIError as error:
        logger.info("no commands for {} yet: {}", chat_id, error.message)
