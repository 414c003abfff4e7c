"""Lets only admins through, checked anew at every message and every press."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiogram import Router
from aiogram.filters import Filter
from aiogram.types import CallbackQuery, InaccessibleMessage, Message
from loguru import logger

from bot.services.people.people import People


class IsAdmin(Filter):
    """Lets through what one of the admins did, and nothing else."""

    async def __call__(self, event: Message | CallbackQuery, people: People) -> bool:
        return event.from_user is not None and event.from_user.id in people.admin_ids


class InPrivate(Filter):
    """Lets through what was done in a private chat with the bot."""

    async def __call__(self, event: Message | CallbackQuery) -> bool:
        message = event.message if isinstance(event, CallbackQuery) else event
        return isinstance(message, (Message, InaccessibleMessage)) and message.chat.type == "private"


class StrangerLog:
    """Logs who was refused, without letting anybody fill the log.

    In each window at most `most` strangers are named, each once; the rest is counted and told when the window is over.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, window: float = 600, most: int = 10) -> None:
        self._monotonic = monotonic
        self._window = window
        self._most = most
        self._named: set[int] = set()
        self._more = 0
        self._ends = monotonic() + window

    def note(self, user_id: int, what: str) -> None:
        """Write down one attempt, or count it."""
        if self._monotonic() >= self._ends:
            if self._more:
                logger.warning("{} more attempts by strangers were not written down", self._more)
            self._named.clear()
            self._more = 0
            self._ends = self._monotonic() + self._window
        if user_id in self._named or len(self._named) >= self._most:
            self._more += 1
            return
        self._named.add(user_id)
        logger.warning("stranger {} was ignored: {}", user_id, what)


def build_stranger_router(log: StrangerLog) -> Router:
    """Make the router behind the gate: it says nothing to those who did not pass, and writes down that they tried."""
    router = Router(name="strangers")
    router.message.filter(~IsAdmin())  # an admin's talk in a group falls through to here
    router.callback_query.filter(~IsAdmin())

    @router.message()
    async def hear_stranger(message: Message) -> None:
        if message.from_user is None or not await _meant_for_us(message):
            return  # talk among people in a group is none of our business
        log.note(message.from_user.id, _described(message.text or message.content_type))

    @router.callback_query()
    async def see_stranger_press(callback: CallbackQuery) -> None:
        log.note(callback.from_user.id, f"pressed {_described(callback.data or '')}")

    return router


async def _meant_for_us(message: Message) -> bool:
    return message.chat.type == "private" or (message.text or "").startswith("/")


def _described(text: str) -> str:
    """Return a stranger's words so that they can't forge a line of the log."""
    return ascii(text[:40])
