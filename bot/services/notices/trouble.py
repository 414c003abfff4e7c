"""Who hears of a run's trouble, and whether it sounds: each chat by its own choices, and never nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from bot.clock import Clock
from bot.errors import CourierError
from bot.models import Backup, Recipient
from bot.services.preferences import Preferences


class Messenger(Protocol):
    """What brings a message to chats."""

    async def notify(
        self, html: str, *, loud: bool, to: Iterable[Recipient] | None = None
    ) -> tuple[Recipient, ...]: ...


class Sentences(Protocol):
    """The sentences of the alarms, made by whoever talks to people."""

    def run_failed(self, backup: Backup) -> str: ...

    def databases_skipped(self, backup: Backup) -> str: ...


class Troubles:
    """Tells of failed runs and skipped databases. One chat's trouble is nobody else's; nothing is raised."""

    def __init__(
        self,
        messenger: Messenger,
        sentences: Sentences,
        preferences: Preferences,
        *,
        recipients: Iterable[Recipient],
        clock: Clock,
    ) -> None:
        self._messenger, self._sentences, self._preferences = messenger, sentences, preferences
        self._recipients, self._clock = tuple(recipients), clock

    async def run_failed(self, backup: Backup) -> None:
        """Tell everybody that there is no backup."""
        await self._tell(dict.fromkeys(self._recipients, self._sentences.run_failed(backup)))

    async def databases_skipped(self, backup: Backup) -> None:
        """Tell each of the skipped databases they care about, and of those that nobody does."""
        messages = {}
        for recipient in self._recipients:
            names = await self._preferences.concerned(recipient, [record.name for record in backup.skipped])
            theirs = tuple(record for record in backup.skipped if record.name in names)
            if theirs:
                messages[recipient] = self._sentences.databases_skipped(replace(backup, skipped=theirs))
        await self._tell(messages)

    async def _tell(self, messages: Mapping[Recipient, str]) -> None:
        now = self._clock()
        await asyncio.gather(*(self._tell_one(recipient, html, now) for recipient, html in messages.items()))

    async def _tell_one(self, recipient: Recipient, html: str, now: datetime) -> None:
        loud = recipient.thread_id is not None or await self._preferences.loudness(recipient.chat_id, now)
        with suppress(CourierError):
            await self._messenger.notify(html, loud=loud, to=[recipient])
