"""Starts every delivery attempt: one at a time per recipient, sharing the backup's volumes between recipients."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakValueDictionary

from bot.clock import Clock
from bot.errors import TelegramError
from bot.models import Backup, Delivery, DeliveryState, Recipient, RecipientStatus, Volume
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.destination import (
    ArchiveDestination,
    Migrated,
    Notice,
    NoticeChannel,
    Outcome,
    Parked,
    Refused,
)
from bot.services.delivery.policy import ARCHIVE_PRUNED, ARRIVES_AGAIN, KNOCK_AGAIN, KNOCK_EVERY, DeliverySettings
from bot.services.delivery.router import Router
from bot.services.delivery.rows import DeliveryRecords, UnrecordedDeliveries
from bot.services.delivery.sender import Caption, OutgoingBackup, Sender, SendRequest
from bot.services.delivery.upload import SharedVolume, VolumeRecord
from bot.services.delivery.volume import UnsharedVolume
from bot.services.files.store import plan_volumes


class Attempts:
    """Hands tries to the courier. The same recipient is never served twice at once, whoever asks for it."""

    def __init__(
        self,
        catalogue: Catalogue,
        destinations: Router[ArchiveDestination],
        channels: Router[NoticeChannel],
        settings: DeliverySettings,
        crew: Nursery,
        *,
        caption: Caption,
        clock: Clock,
    ) -> None:
        self.catalogue, self.crew, self.clock = catalogue, crew, clock
        self._destinations, self._channels, self._settings = destinations, channels, settings
        self.rows = DeliveryRecords(catalogue, crew, delay=settings.delay, clock=clock)
        unrecorded = UnrecordedDeliveries(catalogue, crew, delay=settings.delay, clock=clock)
        self._courier = Sender(self.rows, caption=caption, closing=crew.closing, clock=clock)
        self._messenger = Sender(unrecorded, caption=caption, closing=crew.closing, clock=clock)
        self._consignments: WeakValueDictionary[int, OutgoingBackup] = WeakValueDictionary()
        self._records: defaultdict[tuple[int, int], VolumeRecord] = defaultdict(VolumeRecord)
        self._locks: dict[Recipient, asyncio.Lock] = {}
        self._knocked_at: dict[Recipient, datetime] = {}

    async def recipients(self) -> list[Recipient]:
        """Who is to be served, under the ids their chats have now."""
        return await self.current(self._settings.recipients)

    async def acquainted(self) -> list[Recipient]:
        """Recipients, and those who only get notices: all who can be parked and have to be found again."""
        return await self.current((*self._settings.recipients, *self._settings.notice_recipients))

    async def current(self, recipients: Iterable[Recipient]) -> list[Recipient]:
        """Follow the remembered migrations; each recipient once."""
        return list(dict.fromkeys([await self.catalogue.current(recipient) for recipient in recipients]))

    async def prepare(self, backup: Backup) -> OutgoingBackup:
        """Cut a backup into volumes: the same ones for everybody to whom it is going at the moment."""
        archive, cut = self._settings.store_folder / backup.archive_name, await self._cut(backup)
        consignment = self._consignments.get(backup.id)
        if consignment is None:
            volumes = plan_volumes(archive, backup.archive_bytes, cut)
            consignment = OutgoingBackup(
                backup, archive, [self._share(backup, volume) for volume in volumes], self._own(backup, archive)
            )
            self._consignments[backup.id] = consignment
        await consignment.look()
        return consignment

    async def attempt(self, recipient: Recipient, errand: SendRequest) -> Delivery:
        """Make one try at what the recipient is owed of this backup, and return its row; a settled row is left alone.

        What it is still owed from before is superseded first, if that is the rule and this backup can be sent at all.
        """
        backup = errand.consignment.backup
        async with self._lock(recipient):
            row = await self.rows.get(backup.id, recipient)
            if row.state.settled:
                return row
            if await errand.consignment.deliverable(row):
                await self.supersede_older(recipient, backup)
            row = await self._try(row, errand, self._courier)
            if row.state is DeliveryState.PARKED:
                self._knocked_at[row.recipient] = self.clock()
            elif row.state is DeliveryState.SENT and row.recipient in await self.catalogue.parked():
                await self.rows.unpark(row.recipient)
            return row

    async def attempt_unowed(self, row: Delivery, errand: SendRequest) -> Delivery:
        """Make one try at a send that the ledger doesn't owe; only the returned row tells of it."""
        async with self._lock(row.recipient):
            return await self._try(row, errand, self._messenger)

    async def _try(self, row: Delivery, errand: SendRequest, courier: Sender) -> Delivery:
        if not await errand.consignment.deliverable(row):
            return await courier.rows.supersede(row, ARCHIVE_PRUNED)
        lock = self._lock(row.recipient)
        row = await courier.deliver(row, errand)
        self._locks[row.recipient] = lock  # also when the chat has a new id: one lock under both names
        return row

    def ask_anew(self, backup: Backup) -> None:
        """Let what was given up for want of an answer be uploaded again: a person wants it."""
        for (backup_id, _), record in self._records.items():
            if backup_id == backup.id:
                record.unanswered = 0

    async def supersede_older(self, recipient: Recipient, backup: Backup) -> None:
        """Supersede what the recipient is owed from before this backup, unless everything is to be sent."""
        if self._settings.owed == "newest":
            await self.rows.supersede_older(recipient, backup)

    async def skip_parked(self, status: RecipientStatus, backup: Backup) -> Delivery | None:
        """Leave a parked recipient alone: owed, and parked with the reason that is known.

        None when they have pressed Start in the meantime.
        """
        async with self._lock(status.recipient):
            if status.recipient not in await self.catalogue.parked():
                return None
            await self.supersede_older(status.recipient, backup)
            await self.rows.park(status.recipient, status.parked_reason)
            return await self.rows.get(backup.id, status.recipient)

    def next_knock(self, recipient: Recipient) -> datetime:
        """When a parked recipient may be tried again; at once in a new process, as somebody may have mended it."""
        return self._knocked_at.get(recipient, datetime.min.replace(tzinfo=UTC)) + KNOCK_EVERY

    async def check_reachable(self, recipient: Recipient) -> bool:
        """Whether a parked recipient is worth a try again; it stays parked, and is asked no more often than allowed.

        What shows no message proves no message: sendChatAction looks at the chat, and is content with a topic that was
        deleted and with a chat that takes no documents.
        """
        now = self.clock()
        if self.next_knock(recipient) > now:
            return False
        self._knocked_at[recipient] = now
        try:
            await self._destinations.of(recipient).check_reachable(recipient)
        except Refused:
            raise
        except Parked as outcome:
            await self.rows.park(recipient, outcome.sentence)
            return False
        except Migrated as outcome:
            await self.catalogue.migrate(recipient.chat_id, outcome.new_chat_id)
        except Outcome:
            self._knocked_at[recipient] = now - KNOCK_EVERY + KNOCK_AGAIN
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
            await self.rows.park(recipient, outcome.sentence)
        except Outcome:
            return
        else:
            await self.rows.unpark(recipient)

    async def _cut(self, backup: Backup) -> int:
        """The bytes of a volume. A backup keeps the cut it was first sent in, whatever the setting says by now.

        Otherwise volumes sent before and after a change would not join into the archive.
        """
        first = await self.catalogue.value("SELECT bytes FROM volumes WHERE backup_id = ? AND number = 1", (backup.id,))
        return int(first or self._settings.volume_bytes)

    def _own(self, backup: Backup, archive: Path) -> Callable[[Recipient], list[UnsharedVolume] | None]:
        def cut(recipient: Recipient) -> list[UnsharedVolume] | None:
            destination = self._destinations.find(recipient)
            volumes = None if destination is None else destination.cut(recipient, archive, backup.archive_bytes)
            if destination is None or volumes is None:
                return None
            return [UnsharedVolume(destination, volume) for volume in volumes]

        return cut

    def _share(self, backup: Backup, volume: Volume) -> SharedVolume:
        return SharedVolume(
            self._destinations,
            self.catalogue,
            backup.id,
            volume,
            clock=self.clock,
            sleep=self.crew.sleep,
            keep=self.crew.keep,
            record=self._records[backup.id, volume.number],
        )

    def _lock(self, recipient: Recipient) -> asyncio.Lock:
        return self._locks.setdefault(recipient, asyncio.Lock())


def refused(outcome: Refused) -> TelegramError:
    """What everybody must hear of a refused token."""
    return TelegramError(f"{outcome.sentence}.", hint="Set BOT_TOKEN to the token that @BotFather shows for this bot.")


def count_bytes(consignment: OutgoingBackup, progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Turn reports on single volumes into progress over the whole archive, each byte counted once."""
    total = sum(shared.volume.bytes for shared in consignment.volumes)
    done: dict[int, int] = {}

    def report(number: int, count: int) -> None:
        done[number] = max(count, done.get(number, 0))
        progress(sum(done.values()), total)

    return report
