"""Knows what chats are called and which can't be reached, and warns of auto-delete timers, which lose backups."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from loguru import logger

from bot.clock import Clock
from bot.models import Recipient
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

    async def ask(self, chat_id: int) -> str:
        """Ask for one chat; return the warning, empty without a timer or where Telegram does not say."""
        try:
            chat = await self._chats.describe(chat_id)
        except Outcome as outcome:
            logger.debug("the timer of chat {} is not known: {}", chat_id, outcome.sentence)
            if isinstance(outcome, Parked):
                for recipient in await self._of_chat(chat_id):
                    await self._catalogue.recipients.park(recipient, outcome.reason)
            return ""
        seconds = chat.auto_delete
        await self.changed(chat_id, seconds)
        for recipient in await self._of_chat(chat_id) if chat.name else ():
            await self._catalogue.recipients.set_name(recipient, chat.name)
        return timer_warning("This chat", seconds) if seconds else ""

    async def _of_chat(self, chat_id: int) -> tuple[Recipient, ...]:
        everybody = await self._catalogue.recipients.all_current(self._people.everybody)
        return tuple(one for one in everybody if one.chat_id == chat_id)

    async def changed(self, chat_id: int, seconds: int) -> None:
        """Record a timer, or with 0 that there is none. Nothing happens to a chat that is not ours."""
        for current in await self._catalogue.recipients.all_current(self._recipients):
            if current.chat_id == chat_id:
                await self._catalogue.recipients.set_auto_delete(current, seconds)


async def timer_warnings(catalogue: Catalogue, recipients: Iterable[Recipient]) -> tuple[str, ...]:
    """Return a warning for each of these recipients whose chat has a timer."""
    ours = await catalogue.recipients.all_current(recipients)
    return _warnings(await catalogue.recipients.auto_deleting(), ours)


def stored_timer_warnings(backup_dir: Path, recipients: Iterable[Recipient]) -> tuple[str, ...]:
    """Return those warnings as the service last recorded them, read without opening the store. Blocking."""
    return _warnings(stored_auto_deleting(backup_dir), recipients)


def _warnings(timed: Iterable[tuple[Recipient, str, int]], ours: Iterable[Recipient]) -> tuple[str, ...]:
    chats = {one.chat_id for one in ours if one.is_chat}
    return tuple(
        timer_warning(f"The chat {recipient.address}{f' ({name})' if name else ''}", seconds)
        for recipient, name, seconds in timed
        if recipient.chat_id in chats
    )


def timer_warning(chat: str, seconds: int) -> str:
    """Say what a timer does, and how it is turned off."""
    days, hours = seconds / 86_400, seconds / 3600
    length = f"{days:g} days" if days > 1 else "a day" if days == 1 else f"{hours:g} hours"
    return (
        f"{chat} deletes every message after {length}, backups and the pinned list of restore points too: "
        "turn its auto-delete timer off in the chat's settings."
    )
