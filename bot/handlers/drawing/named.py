"""Finds the backup that a pressed button names, whatever number it has by now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiogram import BaseMiddleware
from aiogram.types import TelegramObject
from loguru import logger

from bot.handlers.drawing import keyboards
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.texts import answers

if TYPE_CHECKING:
    from bot.services.manager import Manager


class FindBackup(BaseMiddleware):
    """Lets the `id` of a button that bears a `mark` be the backup's number of today.

    Where there is no such backup, it says so, and the handler does not run.
    """

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        named: Any = data.get("callback_data")
        if hasattr(named, "mark"):
            manager: Manager = data["manager"]
            found = await manager.id_of_backup(named.id, named.mark)
            if found is None:
                await say_earlier_list(data["press"])
                return None
            data["callback_data"] = named.model_copy(update={"id": found})
        return await handler(event, data)


async def say_earlier_list(press: ButtonPress) -> None:
    """Answer a button whose backup can't be told any more."""
    logger.info("{} pressed a button of an earlier list of backups", press.actor)
    await press.answer(answers.EARLIER_LIST, alert=True)
    await press.draw(Screen(answers.earlier_list(), keyboards.to_lists()))
