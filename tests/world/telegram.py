"""aiogram bots for a server on loopback."""

from collections.abc import Callable
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

MakeBot = Callable[..., Bot]


class LoopbackSession(AiohttpSession):
    """aiogram's session without the quarter of a second it waits for TLS to close: there is no TLS here."""

    async def close(self) -> None:
        """Close the connections at once."""
        if self._session is not None and not self._session.closed:
            await self._session.close()


class OfflineSession(LoopbackSession):
    """The way to Telegram's own server on a machine without a network: no name server knows it."""

    def __init__(self) -> None:
        super().__init__()
        self._connector_init |= {"resolver": _NoNameServer()}


class _NoNameServer:
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[object]:
        raise OSError(-2, "Name or service not known")

    async def close(self) -> None: ...


def keyboard(text: str = "Go", data: str = "go", **more: Any) -> InlineKeyboardMarkup:
    """One button."""
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=text, callback_data=data, **more)]])
