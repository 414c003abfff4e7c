"""Makes the topic of this server in a group, once, and anew where somebody has deleted it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta

from loguru import logger

from bot.models import OutcomeCode, Recipient
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import settled
from bot.services.contracts.destination import Notice, NoticeChannel, Outcome, TopicMaker, Transient

LEASE = timedelta(minutes=2)
"""Longer than Telegram takes to make a topic; after that whoever claimed it has died."""

MADE_ANEW = "🧵 The topic in which backups came was deleted; they come into this one from now on."


class Topics:
    """The topics that `-100…/auto` stands for. Their numbers are in the catalogue and survive restarts."""

    def __init__(self, catalogue: Catalogue, maker: TopicMaker, channel: NoticeChannel, *, name: str) -> None:
        """`name` is that of the topics."""
        self._catalogue, self._maker, self._channel, self._name = catalogue, maker, channel, name
        self._replaced: dict[Recipient, Recipient] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self, recipient: Recipient) -> Recipient:
        """Return the topic that the recipient stands for, made now if there is none; raises an `Outcome`."""
        async with self._locks[recipient.chat_id]:
            current = await self._catalogue.recipients.current(recipient)
            return await settled(self._make(current)) if current.is_auto else current

    async def renew(self, gone: Recipient) -> Recipient | None:
        """Return what takes the place of a topic that was deleted; None where it was not ours. Raises an `Outcome`."""
        async with self._locks[gone.chat_id]:
            known = await self._catalogue.recipients.topic(gone.chat_id)
            if known is None or gone.thread_id is None:
                return None
            if known != gone.thread_id:
                return self._replaced.get(gone)  # another delivery has made it anew already
            logger.warning("the topic {} was deleted: it is made anew", gone.address)
            made = self._replaced[gone] = await settled(self._make(gone))
        try:
            await self._channel.send(made, Notice(html=MADE_ANEW))
        except Outcome as outcome:
            logger.info("the new topic {} could not be told: {}", made.address, outcome.sentence)
        return made

    async def _make(self, recipient: Recipient) -> Recipient:
        if not await self._catalogue.recipients.claim_topic(recipient.chat_id, LEASE):
            raise Transient(OutcomeCode.TOPIC_UNDER_WAY)
        thread_id = None
        try:
            thread_id = await self._maker.create_topic(recipient.chat_id, self._name)
        finally:
            await self._catalogue.recipients.set_topic(recipient, thread_id)
        logger.info("chat {}: made the topic {} ({})", recipient.chat_id, self._name, thread_id)
        return Recipient(chat_id=recipient.chat_id, thread_id=thread_id)
