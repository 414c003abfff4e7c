"""Sends notices to those who hear of everything or to one of them, and edits and deletes them later."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from bot.models import Recipient
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery, settled
from bot.services.contracts.destination import (
    MessageGone,
    Migrated,
    Notice,
    NoticeButton,
    NoticeChannel,
    Outcome,
    Parked,
    TopicGone,
    Transient,
    Wait,
)
from bot.services.delivery.policy import LONGEST_WAIT, DeliverySettings, retry_seconds
from bot.services.delivery.router import Router
from bot.services.delivery.topics import Topics


class NoticeSender:
    """Sends notices. Whom a person must make reachable again is parked, and a chat that has moved is followed.

    What it sends runs in `nursery`, and ends when that is drained.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        channels: Router[NoticeChannel],
        settings: DeliverySettings,
        nursery: Nursery,
        *,
        topics: Topics,
    ) -> None:
        self._catalogue, self._channels, self._topics = catalogue, channels, topics
        self._settings, self._nursery = settings, nursery

    async def notify(
        self,
        html: str,
        *,
        loud: bool,
        to: Iterable[Recipient] | None = None,
        but: Recipient | None = None,
        buttons: tuple[NoticeButton, ...] = (),
    ) -> tuple[Recipient, ...]:
        """Send a notice to everybody who hears of everything and is not parked, save `but`; returns those who have it.

        One's trouble is nobody else's. `to` names others than those who hear of everything.
        """
        parked = await self._catalogue.recipients.parked()
        asked = self._settings.people.readers if to is None else to
        current = await self._catalogue.recipients.all_current(asked)
        readers = [reader for reader in current if reader not in parked and reader != but]
        notice = Notice(html=html, silent=not loud, buttons=buttons)
        reached = await self._nursery.together([self._tell(reader, notice) for reader in readers])
        return tuple(reader for reader, arrived in zip(readers, reached, strict=True) if arrived)

    async def send_or_edit(self, recipient: Recipient, notice: Notice, *, message_id: int | None = None) -> int:
        """Send a notice to somebody, or put it in the place of `message_id` where that can still be edited.

        One try; returns the id of the message that holds it. Raises the `Outcome` that stood in the way, with the
        recipient parked where a person must do something first.
        """
        current = await self._catalogue.recipients.current(recipient)
        if current != recipient:
            message_id = None  # numbers from before a move mean other messages now
        return await self._nursery.start(self._send_or_edit(current, notice, message_id))

    async def edit(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        """Change a message of ours; raises the `Outcome` that stood in the way."""
        await self._channels.of(recipient).edit(recipient, message_id, notice)

    async def delete(self, recipient: Recipient, message_id: int, *, instead: Notice) -> None:
        """Delete a message of ours, or let it say something else where Telegram lets none be deleted any more.

        Raises the `Outcome` that stood in the way.
        """
        if await self._catalogue.recipients.current(recipient) != recipient:
            return  # numbers from before a move mean other messages now
        channel = self._channels.of(recipient)
        try:
            await channel.delete(recipient, message_id)
        except MessageGone:
            await channel.edit(recipient, message_id, instead)

    async def _send_or_edit(self, recipient: Recipient, notice: Notice, message_id: int | None = None) -> int:
        been_at, renewed = {recipient.chat_id}, False
        while True:
            try:
                if recipient.is_auto:
                    recipient, message_id = await self._topics.open(recipient), None
                channel = self._channels.of(recipient)
                if message_id is not None:
                    with suppress(MessageGone):
                        await channel.edit(recipient, message_id, notice)
                        return message_id
                return await channel.send(recipient, notice)
            except Parked as outcome:
                made = None
                if isinstance(outcome, TopicGone) and not renewed:
                    made = await self._topics.renew(recipient)
                if made is None:
                    await settled(self._catalogue.recipients.park(recipient, outcome.reason))
                    raise
                recipient, message_id, renewed = made, None, True
            except Migrated as outcome:
                await self._catalogue.recipients.migrate(recipient.chat_id, outcome.new_chat_id)
                recipient, message_id = await self._catalogue.recipients.current(recipient), None
                if recipient.chat_id in been_at:
                    raise
                been_at.add(recipient.chat_id)

    async def _tell(self, recipient: Recipient, notice: Notice) -> bool:
        for failures in range(1, self._settings.attempts + 1):
            try:
                await self._send_or_edit(recipient, notice)
                return True
            except Wait as outcome:
                if outcome.seconds > LONGEST_WAIT:
                    return False
                pause = outcome.seconds
            except Transient:
                pause = retry_seconds(failures, self._settings.delay)
            except Outcome:
                return False
            if await self._nursery.until(self._nursery.closing, pause):
                return False
        return False
