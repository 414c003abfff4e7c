"""Starts every delivery attempt: one at a time per recipient, sharing the backup's volumes between recipients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from loguru import logger

from bot.clock import Clock
from bot.errors import CourierError
from bot.models import (
    NO_REASON,
    Backup,
    Delivery,
    DeliveryReason,
    DeliveryState,
    OutcomeCode,
    Reason,
    Recipient,
    RecipientStatus,
    SentVolume,
    Volume,
)
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery, settled
from bot.services.contracts.destination import (
    ArchiveDestination,
    ArchiveGone,
    Caption,
    Migrated,
    Notice,
    NoticeChannel,
    Outcome,
    OutgoingVolume,
    Parked,
    Refused,
    TopicGone,
    Transient,
)
from bot.services.delivery.outgoing import OutgoingBackup, OutgoingBackups
from bot.services.delivery.policy import ARRIVES_AGAIN, ASK_AGAIN, DeliverySettings
from bot.services.delivery.router import Router
from bot.services.delivery.rows import DeliveryRecords, UnrecordedDeliveries
from bot.services.delivery.topics import Topics
from bot.services.delivery.upload import SendRequest

CaptionOf = Callable[[Backup, Volume, Recipient], Awaitable[Caption]]


class Attempts:
    """Makes single tries. The same recipient is never served twice at once, whoever asks for it."""

    def __init__(
        self,
        catalogue: Catalogue,
        destinations: Router[ArchiveDestination],
        channels: Router[NoticeChannel],
        settings: DeliverySettings,
        nursery: Nursery,
        *,
        topics: Topics,
        caption: CaptionOf,
        clock: Clock,
    ) -> None:
        """Everything runs in `nursery`; `caption` says what stands under a volume."""
        self.catalogue, self.settings, self.nursery, self.clock = catalogue, settings, nursery, clock
        self.destinations, self._channels, self._caption = destinations, channels, caption
        self._topics = topics
        self.outgoing = OutgoingBackups(catalogue, destinations, settings, sleep=nursery.sleep, clock=clock)
        self.rows = DeliveryRecords(catalogue, delay=settings.delay, clock=clock)
        self._unrecorded = UnrecordedDeliveries(catalogue, delay=settings.delay, clock=clock)
        self._locks: dict[Recipient, asyncio.Lock] = {}
        self._asked_at: dict[Recipient, datetime] = {}  # parked recipients, whether they can be reached

    async def everybody(self) -> tuple[Recipient, ...]:
        """Recipients, and those who only get notices: all who can be parked and have to be found again."""
        both = (*self.settings.people.recipients, *self.settings.people.readers)
        return await self.catalogue.recipients.all_current(both)

    async def attempt(self, row: Delivery, outgoing: OutgoingBackup, request: SendRequest) -> Delivery:
        """Make one try at a delivery that is owed, and return its row; one that is settled by now is left alone.

        What it is still owed from before is superseded first, if that is the rule and this backup can be sent at all.
        A timeout after the last byte counts as a failure and is tried again: a copy too many is better than one too
        few. Raises `Refused`, and `AbortedError` when the abort flag is set; a cancelled try is owed as before.
        """
        async with self._lock(row.recipient):
            row = await self.rows.get(row.backup_id, row.recipient)
            if row.state.settled:
                return row
            if await outgoing.deliverable(row):
                await self.supersede_older(row.recipient, outgoing.backup)
            row = await self._try(row, outgoing, request, self.rows)
            if row.state is DeliveryState.PARKED:
                self._asked_at[row.recipient] = self.clock()
            return row

    async def attempt_unowed(self, row: Delivery, outgoing: OutgoingBackup, request: SendRequest) -> Delivery:
        """Make one try at a send that the ledger doesn't owe; only the returned row tells of it."""
        async with self._lock(row.recipient):
            return await self._try(row, outgoing, request, self._unrecorded)

    async def supersede_older(self, recipient: Recipient, backup: Backup) -> None:
        """Supersede what the recipient is owed from before this backup, unless everything is to be sent."""
        if self.settings.owed == "newest":
            await self.rows.supersede_older(recipient, backup)

    async def skip_parked(self, status: RecipientStatus, backup: Backup) -> Delivery | None:
        """Leave a parked recipient alone: owed, and parked with the reason that is known.

        None when they have pressed Start in the meantime.
        """
        async with self._lock(status.recipient):
            await self.supersede_older(status.recipient, backup)
            if not await settled(self.catalogue.recipients.still_parked(status.recipient)):
                return None
            return await self.rows.get(backup.id, status.recipient)

    def next_check(self, recipient: Recipient) -> datetime:
        """When a parked recipient may be tried again; at once in a new process, as somebody may have mended it."""
        asked_at = self._asked_at.get(recipient)
        if asked_at is None or asked_at > self.clock():  # the clock was set back
            return datetime.min.replace(tzinfo=UTC)
        return asked_at + self.settings.ask_every(recipient)

    async def check_reachable(self, recipient: Recipient) -> bool:
        """Whether a parked recipient is worth a try again; it stays parked, and is asked no more often than allowed.

        What shows no message proves no message: sendChatAction looks at the chat, and is content with a topic that was
        deleted and with a chat that takes no documents.
        """
        now = self.clock()
        if self.next_check(recipient) > now:
            return False
        self._asked_at[recipient] = now
        try:
            await self.destinations.of(recipient).check_reachable(recipient)
        except Refused:
            raise
        except Parked as outcome:
            await settled(self.catalogue.recipients.still_parked(recipient, outcome.reason))
            return False
        except Migrated as outcome:
            await self.catalogue.recipients.migrate(recipient.chat_id, outcome.new_chat_id)
        except Outcome:
            self._asked_at[recipient] = now - self.settings.ask_every(recipient) + ASK_AGAIN
            return False
        return True

    async def greet(self, recipient: Recipient) -> None:
        """Unpark a recipient that is owed nothing, by a silent line that arrives where anybody reads.

        Raises `Refused` only.
        """
        try:
            if recipient.reads_notices:
                await self._channels.of(recipient).send(recipient, Notice(html=ARRIVES_AGAIN))
        except Refused:
            raise
        except Parked as outcome:
            await self.rows.park(recipient, outcome.reason)
        except Outcome:
            return
        else:
            await self.rows.unpark(recipient)

    async def _try(
        self, row: Delivery, outgoing: OutgoingBackup, request: SendRequest, rows: DeliveryRecords
    ) -> Delivery:
        """Claim the row and send, to the chat's new id too where it has moved, and to its topic once that is made."""
        if not await outgoing.deliverable(row):
            return await rows.supersede(row, Reason(DeliveryReason.PRUNED))
        lock = self._lock(row.recipient)
        been_at: set[int] = set()
        renewed = False
        while True:
            row = await rows.claim(row)
            been_at.add(row.recipient.chat_id)
            try:
                if row.recipient.is_auto:
                    row = await self._into_topic(row, await self._topics.open(row.recipient), rows)
                return await self._send_missing(row, outgoing, request, rows)
            except TopicGone as outcome:
                made = None if renewed else await self._renew(row.recipient)
                if made is None:
                    return await rows.fail(row, outcome)
                renewed, row = True, await self._into_topic(row, made, rows)
            except Migrated as outcome:
                row = await rows.follow(row, outcome)
                self._locks[row.recipient] = lock  # one lock under both ids
                if row.recipient.chat_id in been_at:  # moved in a circle
                    return await rows.fail(row, outcome)
                if row.state.settled:
                    return row  # the chat was a recipient under its new id already
            except Refused:
                await rows.release(row)
                raise
            except Outcome as outcome:  # no topic can be made
                return await rows.fail(row, outcome)

    async def _into_topic(self, row: Delivery, made: Recipient, rows: DeliveryRecords) -> Delivery:
        self._locks[made] = self._lock(row.recipient)  # one lock under both names
        return await rows.into_topic(row, made)

    async def _renew(self, gone: Recipient) -> Recipient | None:
        try:
            return await self._topics.renew(gone)
        except Refused:
            raise
        except Outcome as outcome:
            logger.warning("the topic {} can't be made anew: {}", gone.address, outcome.sentence)
            return None

    async def _send_missing(
        self, row: Delivery, outgoing: OutgoingBackup, request: SendRequest, rows: DeliveryRecords
    ) -> Delivery:
        """Send what the recipient lacks, in order, each confirmed volume recorded at once."""
        remark = NO_REASON
        try:
            self.destinations.of(row.recipient)  # raises where there is none
            for sender in outgoing.missing(row):
                request.abort.check()
                if self.nursery.closing.is_set():
                    return await rows.release(row)
                volume = sender.volume
                caption = await self._caption(outgoing.backup, volume, row.recipient)
                message = OutgoingVolume(
                    volume=volume,
                    caption=caption.html,
                    buttons=caption.buttons,
                    silent=request.silent or row.recipient in request.silent_for,
                )
                sent = await sender.send(row.recipient, message, request)
                remark = sent.remark or remark
                row = await rows.confirm(
                    row, SentVolume(number=volume.number, message_id=sent.message_id, sent_at=self.clock())
                )
            row = await rows.complete(row, remark)
        except (Migrated, TopicGone):
            raise
        except (Refused, CourierError):
            await rows.release(row)
            raise
        except ArchiveGone as outcome:
            await outgoing.check_archive()
            if await outgoing.deliverable(row):
                return await rows.fail(row, outcome)
            return await rows.supersede(row, Reason(DeliveryReason.PRUNED))
        except Outcome as outcome:
            return await rows.fail(row, outcome)
        except Exception as error:
            # Whatever this one met, the others are served, and it is tried again.
            logger.exception("backup {} could not be sent to {}", row.backup_id, row.recipient.address)
            return await rows.fail(row, Transient(OutcomeCode.FAILED_HERE, said=type(error).__name__))
        except BaseException:
            await rows.release(row)
            raise
        if row.recipient in await self.catalogue.recipients.parked():
            await self.rows.unpark(row.recipient)
        return row

    def _lock(self, recipient: Recipient) -> asyncio.Lock:
        return self._locks.setdefault(recipient, asyncio.Lock())
