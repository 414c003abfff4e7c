"""Reads answers of Telegram that aiogram rejects as a whole, piece by piece: updates and chats.

aiogram holds an answer against its models, and one unknown thing inside makes it refuse everything
(https://github.com/aiogram/aiogram/issues/1840). Telegram adds things all the time, and any stranger can send them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiogram import Bot
from aiogram.exceptions import ClientDecodeError
from aiogram.types import Message, Update
from loguru import logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """What a poll brought: those that could be read, and the offset that confirms all, None where none came."""

    readable: tuple[Update, ...] = ()
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFacts:
    """What getChat says; `pinned` is the newest pinned message, None where there is none or it can't be read.

    `pinned_id` is its number in both cases; `auto_delete` the seconds after which the chat's timer deletes a message,
    0 without one. `is_forum`: the group has topics.
    """

    name: str
    pinned_id: int | None = None
    pinned: Message | None = field(default=None, compare=False)
    auto_delete: int = 0
    is_forum: bool = False


async def get_updates(bot: Bot, **asked: Any) -> Updates:
    """Poll, with the parameters of `Bot.get_updates`; an update that can't be read is logged and passed over.

    Raises what aiogram raises, save for an update's sake.
    """
    try:
        updates = await bot.get_updates(**asked)
    except ClientDecodeError as error:
        found = _result(error)
        numbers = [_number(raw, "update_id") for raw in found] if isinstance(found, list) else []
        if None in numbers or not numbers:
            raise  # no updates at all: without their numbers there is no offset that goes on
    else:
        return Updates(readable=tuple(updates), offset=updates[-1].update_id + 1 if updates else None)
    readable = []
    for number, raw in zip(numbers, found, strict=True):
        try:
            readable.append(Update.model_validate(raw, context={"bot": bot}))
        except Exception as error:  # a fault of its content, whatever it is, is nobody else's
            # Neither its content nor pydantic's words, which quote it: a stranger wrote that.
            logger.warning("update {} can't be read, and is passed over: {}", number, type(error).__name__)
    return Updates(readable=tuple(readable), offset=(numbers[-1] or 0) + 1)


async def get_chat(bot: Bot, chat_id: int | str, *, request_timeout: int) -> ChatFacts:
    """Ask for a chat, whatever is pinned there and whatever else is unknown in the answer. Raises what aiogram does."""
    try:
        chat = await bot.get_chat(chat_id, request_timeout=request_timeout)
    except ClientDecodeError as error:
        found = _result(error)
        if not isinstance(found, dict) or "id" not in found:
            raise
        return _read_chat(found, bot)
    pinned = chat.pinned_message
    return ChatFacts(
        name=chat.full_name,
        pinned_id=pinned.message_id if pinned else None,
        pinned=pinned,
        auto_delete=chat.message_auto_delete_time or 0,
        is_forum=bool(chat.is_forum),
    )


def _read_chat(chat: dict[str, Any], bot: Bot) -> ChatFacts:
    raw = chat.get("pinned_message")
    number = _number(raw, "message_id")
    pinned = None
    if number is not None:
        try:
            pinned = Message.model_validate(raw, context={"bot": bot})
        except Exception as error:  # as with an update
            logger.warning("the pinned message {} can't be read: {}", number, type(error).__name__)
    names = [chat.get("title")] if chat.get("title") else [chat.get("first_name"), chat.get("last_name")]
    timer = chat.get("message_auto_delete_time")
    return ChatFacts(
        name=" ".join(str(name) for name in names if name),
        pinned_id=number,
        pinned=pinned,
        auto_delete=timer if isinstance(timer, int) else 0,
        is_forum=chat.get("is_forum") is True,
    )


def _result(error: ClientDecodeError) -> Any:
    """What a successful answer holds; None for anything else, such as a proxy's page."""
    data = error.data
    return data.get("result") if isinstance(data, dict) and data.get("ok") is True else None


def _number(raw: Any, name: str) -> int | None:
    number = raw.get(name) if isinstance(raw, dict) else None
    return number if isinstance(number, int) else None
