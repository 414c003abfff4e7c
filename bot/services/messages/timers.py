"""Knows what chats are called and which can't be reached, and warns of auto-delete timers, which lose backups."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from loguru import logger

from bot.clock import Clock
from bot.models import NO_REASON, Reason, Recipient, WarningCode, because
from bot.services.catalogue import Catalogue, stored_auto_deleting
from bot.services.contracts.chats import Chats
from bot.services.contracts.destination import Outcome, Parked
from bot.services.people.people import People

ASK_EVERY = timedelta(hours=6)
"""Between two looks at every chat; a timer that is set while the bot listens is heard of at once."""


class Timers:
    """Knows the names of our chats, and which of them have a timer (https://core.telegram.org/bots/api#chatfullinfo).

    A person who has never pressed Start, or a group that the bot is not in, is recorded as not to be reached before
    anything is to be delivered there.
    """

    def __init__(self, catalogue: Catalogue, chats: Chats, people: People, *, clock: Clock) -> None:
        self._catalogue, self._chats, self._clock = catalogue, chats, clock
        self._people = people
        self._asked_at: datetime | None = None

    @property
    def _recipients(self) -> tuple[Recipient, ...]:
        everybody = self._people.everybody
        return tuple(dict.fromkeys(Recipient(chat_id=one.chat_id) for one in everybody if one.is_chat))

    async def ask_if_due(self) -> None:
        """Ask for every chat, if that is due. Raises `CatalogueError` only."""
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at < ASK_EVERY:
            return
        self._asked_at = now
        for current in await self._catalogue.recipients.all_current(self._recipients):
            await self.ask(current.chat_id)

    async def ask(self, chat_id: int) -> Reason:
        """Ask for one chat; return the warning, none without a timer or where Telegram does not say."""
        try:
            chat = await self._chats.describe(chat_id)
        except Outcome as outcome:
            logger.debug("the timer of chat {} is not known: {}", chat_id, outcome.sentence)
            if isinstance(outcome, Parked):
                for recipient in await self._of_chat(chat_id):
                    await self._catalogue.recipients.park(recipient, outcome.reason)
            return NO_REASON
        seconds = chat.auto_delete
        await self.changed(chat_id, seconds)
        for recipient in await self._of_chat(chat_id) if chat.name else ():
            await self._catalogue.recipients.set_name(recipient, chat.name)
        return because(WarningCode.AUTO_DELETE, seconds=seconds) if seconds else NO_REASON

    async def _of_chat(self, chat_id: int) -> tuple[Recipient, ...]:
        everybody = await self._catalogue.recipients.all_current(self._people.everybody)
        return tuple(one for one in everybody if one.chat_id == chat_id)

    async def changed(self, chat_id: int, seconds: int) -> None:
        """Record a timer, or with 0 that there is none. Nothing happens to a chat that is not ours."""
        for current in await self._catalogue.recipients.all_current(self._recipients):
            if current.chat_id == chat_id:
                await self._catalogue.recipients.set_auto_delete(current, seconds)


async def timer_warnings(catalogue: Catalogue, recipients: Iterable[Recipient]) -> tuple[Reason, ...]:
    """Return a warning for each of these recipients whose chat has a timer."""
    ours = await catalogue.recipients.all_current(recipients)
    return _warnings(await catalogue.recipients.auto_deleting(), ours)


def stored_timer_warnings(backup_dir: Path, recipients: Iterable[Recipient]) -> tuple[Reason, ...]:
    """Return those warnings as the service last recorded them, read without opening the store. Blocking."""
    return _warnings(stored_auto_deleting(backup_dir), recipients)


def _warnings(timed: Iterable[tuple[Recipient, str, int]], ours: Iterable[Recipient]) -> tuple[Reason, ...]:
    chats = {one.chat_id for one in ours if one.is_chat}
    return tuple(
        because(WarningCode.AUTO_DELETE, address=recipient.address, name=name, seconds=seconds)
        for recipient, name, seconds in timed
        if recipient.chat_id in chats
    )
