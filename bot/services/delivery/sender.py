"""Sends one backup to one recipient: its volumes in order, from the first unconfirmed one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from bot.clock import Clock
from bot.errors import CourierError
from bot.models import Backup, Delivery, Recipient, SentVolume, Volume
from bot.services.concurrency.abort import Abort
from bot.services.contracts.destination import ArchiveGone, Migrated, Outcome, Refused, Sent, Transient
from bot.services.delivery.policy import ARCHIVE_PRUNED
from bot.services.delivery.rows import DeliveryRecords
from bot.services.delivery.upload import Request
from bot.services.delivery.volume import OutgoingVolume

Caption = Callable[[Backup, Volume, Recipient], Awaitable[str]]
Report = Callable[[int, int], None]


Own = Callable[[Recipient], Sequence[OutgoingVolume] | None]


class OutgoingBackup:
    """A backup cut into volumes: the same ones for all chats, and for a recipient elsewhere those of its own."""

    def __init__(
        self, backup: Backup, archive: Path, volumes: Sequence[OutgoingVolume], own: Own = lambda _recipient: None
    ) -> None:
        """`own` gives the volumes of a recipient that does not take the common ones."""
        self.backup, self.archive, self.volumes = backup, archive, tuple(volumes)
        self._own = own
        self._on_disk = False

    async def look(self) -> None:
        """See whether the archive is still on the disk."""
        self._on_disk = await asyncio.to_thread(self.archive.is_file)

    def missing(self, delivery: Delivery) -> list[OutgoingVolume]:
        """The volumes this recipient has not confirmed, in order."""
        confirmed = {sent.number for sent in delivery.volumes}
        own = self._own(delivery.recipient)
        return [parcel for parcel in (self.volumes if own is None else own) if parcel.volume.number not in confirmed]

    async def deliverable(self, delivery: Delivery) -> bool:
        """Whether what this recipient lacks can be sent: from the archive as `look` found it, or by file_ids alone."""
        return self._on_disk or all([await shared.available() for shared in self.missing(delivery)])


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """What a try needs to know besides the row.

    `rank` and `trusted` decide who uploads; `abort` is looked at before each volume; `report` is told
    the number of a volume and how many of its bytes went out. `hushed` are those for whom it makes no sound, whatever
    `silent` says.
    """

    consignment: OutgoingBackup
    silent: bool
    rank: float
    trusted: bool
    abort: Abort
    hushed: frozenset[Recipient] = frozenset()
    report: Callable[[int, int], None] = lambda _number, _count: None


class Sender:
    """Makes one try and returns the row as it is written down then; the caller decides about the next one."""

    def __init__(self, rows: DeliveryRecords, *, caption: Caption, closing: asyncio.Event, clock: Clock) -> None:
        self.rows = rows
        self._caption, self._closing, self._clock = caption, closing, clock

    async def deliver(self, row: Delivery, errand: SendRequest) -> Delivery:
        """Send what the recipient lacks, each confirmed volume recorded at once.

        A timeout after the last byte counts as a failure and is tried again: a copy too many is better than one too
        few. Raises `Refused`, and `AbortedError` when the abort flag is set; a cancelled try is owed as before.
        """
        been_at: set[int] = set()
        while True:
            row = await self.rows.claim(row)
            been_at.add(row.recipient.chat_id)
            try:
                return await self._send_missing(row, errand)
            except Migrated as outcome:
                row = await self.rows.follow(row, outcome)
                if row.recipient.chat_id in been_at:  # moved in a circle
                    return await self.rows.fail(row, outcome)
                if row.state.settled:
                    return row  # the chat was a recipient under its new id already

    async def _send_missing(self, row: Delivery, errand: SendRequest) -> Delivery:
        # The progress of a run is that of the volumes the chats share; what goes elsewhere is cut otherwise.
        report = errand.report if row.recipient.is_chat else _unreported
        remark = ""
        try:
            for parcel in errand.consignment.missing(row):
                errand.abort.check()
                if self._closing.is_set():
                    return await self.rows.release(row)
                sent = await self._send(row.recipient, parcel, errand, report)
                number, remark = parcel.volume.number, sent.remark or remark
                report(number, parcel.volume.bytes)
                row = await self.rows.confirm(
                    row, SentVolume(number=number, message_id=sent.message_id, sent_at=self._clock())
                )
            return await self.rows.complete(row, remark)
        except Migrated:
            raise
        except Refused:
            await self.rows.release(row)
            raise
        except ArchiveGone as outcome:
            await errand.consignment.look()
            if await errand.consignment.deliverable(row):
                return await self.rows.fail(row, outcome)
            return await self.rows.supersede(row, ARCHIVE_PRUNED)
        except Outcome as outcome:
            return await self.rows.fail(row, outcome)
        except Exception as error:
            if isinstance(error, CourierError):
                await self.rows.release(row)
                raise
            # Whatever this one met, the others are served, and it is tried again.
            logger.exception("backup {} could not be sent to {}", row.backup_id, row.recipient.address)
            return await self.rows.fail(row, Transient(f"sending it failed here ({type(error).__name__})"))
        except BaseException:
            await self.rows.release(row)
            raise

    async def _send(self, recipient: Recipient, parcel: OutgoingVolume, errand: SendRequest, report: Report) -> Sent:
        number = parcel.volume.number
        return await parcel.send(
            Request(
                recipient=recipient,
                caption=await self._caption(errand.consignment.backup, parcel.volume, recipient),
                silent=errand.silent or recipient in errand.hushed,
                rank=errand.rank,
                trusted=errand.trusted,
                uploaded=lambda count: report(number, count),
            )
        )


def _unreported(_number: int, _count: int) -> None:
    """Take no notice of progress."""
