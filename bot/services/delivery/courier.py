"""One backup to one recipient: its volumes in order, from the first that was not confirmed yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.clock import Clock
from bot.models import Backup, Delivery, DeliveryState, Recipient, SentVolume, Volume
from bot.services.abort import Abort
from bot.services.delivery.destination import Gone, Migrated, Outcome, Refused
from bot.services.delivery.policy import ARCHIVE_PRUNED
from bot.services.delivery.rows import Rows
from bot.services.delivery.upload import Request, SharedVolume

Caption = Callable[[Backup, Volume], str]
Report = Callable[[int, int], None]  # the number of a volume, and its bytes sent so far


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Consignment:
    """A backup cut into volumes, the same object for everybody to whom it goes at the moment."""

    backup: Backup
    archive: Path
    volumes: tuple[SharedVolume, ...]

    def missing(self, delivery: Delivery) -> list[SharedVolume]:
        """The volumes this recipient has not confirmed, in order."""
        confirmed = {sent.number for sent in delivery.volumes}
        return [shared for shared in self.volumes if shared.volume.number not in confirmed]

    async def deliverable(self, delivery: Delivery) -> bool:
        """Whether what this recipient lacks can still be sent: from the archive, or by file_ids alone."""
        if await asyncio.to_thread(self.archive.is_file):
            return True
        return all([await shared.available() for shared in self.missing(delivery)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a try needs to know besides the row. `abort` and `closing` are looked at before each volume."""

    consignment: Consignment
    silent: bool
    rank: int
    trusted: bool
    abort: Abort
    closing: Callable[[], bool]
    report: Report


class Courier:
    """Makes one try and returns the row as it is written down then; the caller decides about the next one."""

    def __init__(self, rows: Rows, *, caption: Caption, clock: Clock) -> None:
        self._rows, self._caption, self._clock = rows, caption, clock

    async def deliver(self, row: Delivery, errand: Errand) -> Delivery:
        """Send what the recipient lacks, each confirmed volume recorded at once.

        A timeout after the last byte counts as a failure and is tried again: a copy too many is better than one too
        few. Raises `Refused`, and `AbortedError` when the abort flag is set; a cancelled try is owed as before.
        """
        if not await errand.consignment.deliverable(row):
            return await self._rows.supersede(row, ARCHIVE_PRUNED)
        row = await self._rows.claim(row)
        been_at = {row.recipient.chat_id}
        try:
            for shared in errand.consignment.missing(row):
                sent = None
                while sent is None:
                    errand.abort.check()
                    if errand.closing():
                        return await self._rows.release(row)
                    try:
                        sent = await self._send(row.recipient, shared, errand)
                    except Migrated as outcome:
                        if outcome.new_chat_id in been_at:  # a chat that moved in a circle
                            return await self._rows.fail(row, outcome)
                        been_at.add(outcome.new_chat_id)
                        row = await self._rows.follow(row, outcome)
                row = await self._rows.confirm(row, sent)
            return await self._rows.complete(row)
        except Refused:
            await self._rows.release(row)
            raise
        except Gone as outcome:
            if await errand.consignment.deliverable(row):
                return await self._rows.fail(row, outcome)
            return await self._rows.supersede(row, ARCHIVE_PRUNED)
        except Outcome as outcome:
            return await self._rows.fail(row, outcome)
        except BaseException:
            await self._rows.release(row)
            raise

    async def send_again(self, recipient: Recipient, errand: Errand) -> Delivery:
        """Send every volume whatever the ledger says, and leave the ledger alone; raises an `Outcome`."""
        sent: list[SentVolume] = []
        for shared in errand.consignment.volumes:
            sent.append(await self._send(recipient, shared, errand))
        return Delivery(
            backup_id=errand.consignment.backup.id,
            recipient=recipient,
            state=DeliveryState.SENT,
            sent_at=self._clock(),
            volumes=tuple(sent),
        )

    async def _send(self, recipient: Recipient, shared: SharedVolume, errand: Errand) -> SentVolume:
        number = shared.volume.number
        sent = await shared.send(
            Request(
                recipient=recipient,
                caption=self._caption(errand.consignment.backup, shared.volume),
                silent=errand.silent,
                rank=errand.rank,
                trusted=errand.trusted,
                uploaded=lambda count: errand.report(number, count),
            )
        )
        return SentVolume(number=number, message_id=sent.message_id, sent_at=self._clock())
