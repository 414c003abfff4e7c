"""Lets in who opens the bot by a link with a one-time code: a person to their own chat, or a group."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiogram import Bot
from aiogram.enums import ChatType
from aiogram.exceptions import TelegramConflictError
from aiogram.types import Message, Update
from loguru import logger

from bot.clock import Sleep
from bot.errors import TelegramError
from bot.journal.redaction import redact
from bot.models import Recipient
from bot.services.contracts.destination import Outcome, Refused, Wait
from bot.services.telegram.answers import get_updates
from bot.services.telegram.requests import ANSWER_SECONDS, TelegramRequests

CODE_SECONDS = 600.0
"""How long a code is good for."""

_CODE_BYTES = 12  # 16 signs: with the longest name of a bot the link still fits a QR code of 33 by 33
_POLL_SECONDS = 25
_AGAIN = 2.0  # seconds before Telegram is asked again after a failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Who came with the code: a person in their own chat, or a group (perhaps a topic of it) with its title."""

    recipient: Recipient
    name: str


class Invitation:
    """A link for one arrival, good once and for `CODE_SECONDS`; its code is hidden in every log."""

    def __init__(self, username: str, *, group: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        """`group` invites a group that the bot is added to, else a person; `username` is the bot's."""
        self.group = group
        self.code = secrets.token_urlsafe(_CODE_BYTES)
        self.link = f"https://t.me/{username}?{'startgroup' if group else 'start'}={self.code}"
        self._now = now
        self._end = now() + CODE_SECONDS
        self._used = False
        redact.add(self.code)

    @property
    def seconds_left(self) -> float:
        """How long the code is still good for; 0 once it was used, or its time is over."""
        return 0.0 if self._used else max(0.0, self._end - self._now())

    def admit(self, message: Message) -> Arrival | None:
        """Take a message that brings the code from where it is meant to come, and let the code die; None otherwise.

        The code is compared in constant time. A bot, or a channel, is nobody who arrives.
        """
        sender, chat = message.from_user, message.chat
        command, _, code = (message.text or "").partition(" ")
        if command.partition("@")[0] != "/start" or not self.seconds_left:
            return None
        if not secrets.compare_digest(code.strip().encode(), self.code.encode()):
            return None
        private = chat.type == ChatType.PRIVATE
        if sender is None or sender.is_bot or private == self.group or chat.type == ChatType.CHANNEL:
            return None
        self._used = True
        if private:
            return Arrival(recipient=Recipient(chat_id=chat.id), name=sender.full_name)
        thread = message.message_thread_id if message.is_topic_message else None
        return Arrival(recipient=Recipient(chat_id=chat.id, thread_id=thread), name=chat.full_name)


class Arrivals(TelegramRequests):
    """Polls as the bot until somebody comes; whatever else is written to it meanwhile is passed over in silence."""

    def __init__(self, bot: Bot, *, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(bot)
        self._sleep = sleep
        self._offset: int | None = None

    async def wait_for(self, invitation: Invitation) -> Arrival | None:
        """Return who came with the code; None when its time is over.

        Raises `TelegramError` where another program polls, or the token is refused; a network that is gone for a while
        is waited for.
        """
        while seconds := invitation.seconds_left:
            outcome: Outcome
            try:
                updates = await get_updates(
                    self._bot,
                    offset=self._offset,
                    timeout=max(1, round(min(seconds, _POLL_SECONDS))),
                    allowed_updates=["message"],
                    request_timeout=_POLL_SECONDS + ANSWER_SECONDS,
                )
            except TelegramConflictError:
                raise TelegramError(
                    "Another program polls Telegram with this bot's token, so nobody can be let in here.",
                    hint="Stop it (if it is this service: stop it until setup has ended), or use a bot of its own.",
                ) from None
            except Exception as error:  # as in `_ask`
                outcome = self._read(error, None, None)
            else:
                self._offset = updates.offset or self._offset
                if (arrival := self._admitted(invitation, updates.readable)) is not None:
                    await self._confirm()
                    return arrival
                continue
            if isinstance(outcome, Refused):
                raise TelegramError(f"{outcome.sentence}.")
            logger.debug("Telegram can't be asked who has opened the link: {}", outcome.sentence)
            await self._sleep(min(seconds, outcome.seconds if isinstance(outcome, Wait) else _AGAIN))
        return None

    def _admitted(self, invitation: Invitation, updates: tuple[Update, ...]) -> Arrival | None:
        for update in updates:
            arrival = invitation.admit(update.message) if update.message is not None else None
            if arrival is not None:
                return arrival
        return None

    async def _confirm(self) -> None:
        """Let Telegram forget what came, or the service would be told once more of it."""
        try:
            await self._bot.get_updates(offset=self._offset, timeout=0, limit=1, request_timeout=5)
        except Exception as error:  # it is told again then
            logger.debug("the last updates could not be confirmed: {}", self._read(error, None, None).sentence)
