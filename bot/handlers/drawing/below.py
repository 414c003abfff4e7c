"""Answers the buttons of messages that are to stay as they are (alarms, archives) in new messages below them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware
from aiogram.types import TelegramObject
from loguru import logger

from bot.errors import CourierError
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.texts import answers


class ErrorsBelow(BaseMiddleware):
    """Shows what stood in the way of a press in a message of its own; anything unforeseen goes the usual way."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        press: ButtonPress = data["press"]
        try:
            return await handler(event, data)
        except CourierError as error:
            logger.info("an admin was told: {}", error.sentence)
            await press.below().draw(Screen(answers.failure(error), keyboards.to_menu()), error.sentence)
