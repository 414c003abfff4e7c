"""Deletes the service message that Telegram posts when the bot pins one."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.types import Message
from loguru import logger


def build_pin_notices_router() -> Router:
    """Make the router that comes before all others: Telegram sends a bot the service message of its own pin."""
    router = Router(name="pin notices")
    router.message.register(pass_over_own, is_own)
    return router


async def is_own(message: Message, bot: Bot) -> bool:
    return message.from_user is not None and message.from_user.id == bot.id


async def pass_over_own(message: Message, bot: Bot) -> None:
    """Delete "… pinned a document" from the chat; of no other message of its own the bot takes notice."""
    if message.pinned_message is None:
        return
    try:
        await bot.delete_message(message.chat.id, message.message_id)
    except Exception as error:  # a line too many in the chat is nobody's trouble
        logger.debug("chat {} keeps the line that something was pinned: {}", message.chat.id, type(error).__name__)
