"""Registers the bot's commands, for admins only."""

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
    except Exception as error:  # the network, a proxy's HTML: the menu of commands is a comfort
        logger.warning("the default commands could not be removed: {}", _told(error))
    for admin in sorted(admins):
        await offer_commands(bot, admin)


async def offer_commands(bot: Bot, chat_id: int) -> None:
    """Show the commands in one private chat; that it can't be done yet is no error."""
    try:
        await bot.set_my_commands(list(COMMANDS), scope=BotCommandScopeChat(chat_id=chat_id))
    except Exception as error:  # as above
        logger.info("no commands for {} yet: {}", chat_id, _told(error))


async def withdraw_commands(bot: Bot, chat_id: int) -> None:
    """Show the commands in a private chat no longer; that it can't be done is no error."""
    try:
        await bot.delete_my_commands(scope=BotCommandScopeChat(chat_id=chat_id))
    except Exception as error:  # as above
        logger.info("the commands of chat {} could not be removed: {}", chat_id, _told(error))


def _told(error: Exception) -> str:
    """Return what Telegram said; of other errors only the kind, since their text may hold an address with the token."""
    return error.message if isinstance(error, TelegramAPIError) else type(error).__name__
