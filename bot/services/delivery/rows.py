"""Records the outcome of every delivery attempt in the ledger's rows, so that it survives a restart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import NotFoundError
from bot.models import (
    NO_REASON,
    Backup,
    BackupState,
    Delivery,
    DeliveryReason,
    DeliveryState,
    Reason,
    Recipient,
    SentVolume,
)
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import settled
from bot.services.contracts.destination import Migrated, Outcome, Parked, TooLarge, Transient, Unanswered, Wait
from bot.services.delivery.policy import LEASE, all_sent, covers, retry_seconds

Claim = tuple[int, Recipient]

ITS_TURN = timedelta(seconds=10)
"""How long after the wait that a chat asked for an archive may take to be sent there."""


class DeliveryRecords:
    """Every method leaves the catalogue true to what is known at that moment; none of them talks to a destination."""

    def __init__(self, catalogue: Catalogue, *, delay: float, clock: Clock) -> None:
        self._catalogue = catalogue
        self._delay, self._clock = delay, clock
        self._waiting: dict[int, datetime] = {}  # chats that asked to wait -> when its turn must have come

    async def find(self, backup_id: int, recipient: Recipient) -> Delivery | None:
        """The row as it stands now; None when this recipient was never owed the backup."""
        rows = await self._catalogue.deliveries.of(backup_id)
        return next((row for row in rows if row.recipient == recipient), None)

    async def get(self, backup_id: int, recipient: Recipient) -> Delivery:
        """The row as it stands now, under the id the chat has now; raises `NotFoundError`."""
        row = await self.find(backup_id, recipient) or await self.find(
            backup_id, await self._catalogue.recipients.current(recipient)
        )
        if row is None:
            raise NotFoundError(f"{recipient.address} is not owed backup {backup_id}")
        return row

    async def claim(self, row: Delivery) -> Delivery:
        """Mark the delivery as being sent, by us: other processes leave it alone until the lease has run out."""
        return await self._save(row, state=DeliveryState.SENDING, next_try_at=self._clock() + LEASE)

    async def confirm(self, row: Delivery, sent: SentVolume) -> Delivery:
        """Record a confirmed volume: from here on it is never sent to this recipient again."""
        await settled(self._catalogue.deliveries.record_sent(row.backup_id, row.recipient, sent))
        return replace(row, volumes=(*row.volumes, sent))

    async def complete(self, row: Delivery, remark: Reason = NO_REASON) -> Delivery:
        """Every volume is confirmed; `remark` says where something else than the archive was."""
        self._waiting.pop(row.recipient.chat_id, None)
        return await self._save(row, state=DeliveryState.SENT, next_try_at=None, reason=remark, sent_at=self._clock())

    def archive_waits(self, chat_id: int) -> float:
        """Seconds for which an archive may still wait for its turn in a chat that asked for it; 0 where none does."""
        until = self._waiting.get(chat_id)
        return 0.0 if until is None else max(0.0, (until - self._clock()).total_seconds())

    async def release(self, row: Delivery) -> Delivery:
        """Give a claimed delivery back as it was: still owed, due at once, no attempt spent."""
        return await self._save(row, state=DeliveryState.PENDING, next_try_at=None)

    async def supersede(self, row: Delivery, reason: Reason) -> Delivery:
        """It is not owed any more, and why."""
        return await self._save(row, state=DeliveryState.SUPERSEDED, next_try_at=None, reason=reason)

    async def fail(self, row: Delivery, outcome: Outcome) -> Delivery:
        """Write down what stood in the way: a wait is no attempt, a permanent refusal parks the recipient."""
        match outcome:
            case Wait():
                next_try_at = self._clock() + timedelta(seconds=outcome.seconds)
                self._waiting[row.recipient.chat_id] = next_try_at + ITS_TURN
                return await self._save(
                    row, state=DeliveryState.PENDING, next_try_at=next_try_at, reason=outcome.reason
                )
            case Parked():
                await self.park(row.recipient, outcome.reason)
                return replace(row, state=DeliveryState.PARKED, next_try_at=None, reason=outcome.reason)
            case TooLarge() | Unanswered():
                # The recipient is well: only this backup waits, for a changed setting and the restart that brings it.
                return await self._save(row, state=DeliveryState.PARKED, next_try_at=None, reason=outcome.reason)
            case _:
                attempts = row.attempts + 1
                ambiguous = isinstance(outcome, Transient) and outcome.ambiguous
                seconds = retry_seconds(attempts, self._delay, ambiguous=ambiguous)
                return await self._save(
                    row,
                    state=DeliveryState.PENDING,
                    attempts=attempts,
                    next_try_at=self._clock() + timedelta(seconds=seconds),
                    reason=outcome.reason,
                )

    async def park(self, recipient: Recipient, reason: Reason) -> None:
        """Park the recipient with everything owed to it."""
        await settled(self._catalogue.recipients.park(recipient, reason))

    async def unpark(self, recipient: Recipient) -> None:
        """Make everything owed to the recipient due at once, also what was only waiting for its next try."""
        await settled(self._catalogue.recipients.unpark(recipient))
        for row in await self._catalogue.deliveries.owed(recipient=recipient):
            if row.state is DeliveryState.PENDING and row.next_try_at is not None:
                await self.release(row)

    async def follow(self, row: Delivery, outcome: Migrated) -> Delivery:
        """Remember the chat's new id for good; returns the row under the name it has from now on."""
        await settled(self._catalogue.recipients.migrate(row.recipient.chat_id, outcome.new_chat_id))
        moved = await self._catalogue.recipients.current(row.recipient)
        return await self.find(row.backup_id, moved) or row

    async def into_topic(self, row: Delivery, made: Recipient) -> Delivery:
        """Return the row under the topic that was made for it; nothing of it is there yet."""
        return await self.find(row.backup_id, made) or replace(row, recipient=made, volumes=())

    async def supersede_older(self, recipient: Recipient, newer: Backup) -> None:
        """Let `newer` take the place of what is still owed to the recipient from before it.

        A backup with a database that `newer` had to skip stays owed.
        """
        for row in await self._catalogue.deliveries.owed(recipient=recipient):
            if row.backup_id == newer.id:
                continue
            older = await self._catalogue.backups.get(row.backup_id)
            if older.started_at < newer.started_at and covers(newer, older):
                await self.supersede(row, Reason(DeliveryReason.NEWER, (("archive", newer.archive_name),)))

    async def recover(
        self, claims: Collection[Claim], recipients: Collection[Recipient], *, served: Collection[Recipient] = ()
    ) -> None:
        """At a start: nobody is sending what the last process was sending, and new settings deserve a new try.

        Who was taken out of the settings gets nothing any more, whatever was owed. Who is `served` right now is let be.
        """
        parked = await self._catalogue.recipients.parked()
        for row in await self._catalogue.deliveries.owed():
            stuck = row.state is DeliveryState.SENDING
            unparked = row.state is DeliveryState.PARKED and row.recipient not in parked
            if (row.backup_id, row.recipient) in claims or row.recipient in served:
                continue
            if row.recipient not in recipients:
                await self.supersede(row, Reason(DeliveryReason.NO_RECIPIENT))
            elif stuck or unparked:
                await self.release(row)

    async def settle(self, backup_id: int) -> None:
        """Call the backup delivered when the last recipient has it and no database was skipped."""
        backup = await self._catalogue.backups.get(backup_id)
        if backup.skipped or backup.state not in (BackupState.STORED, BackupState.PARTIAL):
            return
        rows: Sequence[Delivery] = await self._catalogue.deliveries.of(backup_id)
        if all_sent(rows):
            await self._catalogue.backups.set_state(backup_id, BackupState.DELIVERED)

    async def _save(self, row: Delivery, **changes: object) -> Delivery:
        changed = replace(row, **changes)  # type: ignore[arg-type]  # the names are checked by dataclasses
        await settled(self._catalogue.deliveries.save(changed))
        return changed


class UnrecordedDeliveries(DeliveryRecords):
    """The rows of sends that are on no account: the same outcomes, but nothing is written except a chat's new id."""

    async def confirm(self, row: Delivery, sent: SentVolume) -> Delivery:
        return replace(row, volumes=(*row.volumes, sent))

    async def park(self, recipient: Recipient, reason: Reason) -> None:
        pass

    async def follow(self, row: Delivery, outcome: Migrated) -> Delivery:
        await settled(self._catalogue.recipients.migrate(row.recipient.chat_id, outcome.new_chat_id))
        return replace(row, recipient=await self._catalogue.recipients.current(row.recipient))

    async def into_topic(self, row: Delivery, made: Recipient) -> Delivery:
        return replace(row, recipient=made, volumes=())

    async def _save(self, row: Delivery, **changes: object) -> Delivery:
        return replace(row, **changes)  # type: ignore[arg-type]
