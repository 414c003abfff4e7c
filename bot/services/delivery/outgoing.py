"""Cuts the backups that are going out into volumes: the same ones for all chats, others for each place elsewhere."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

from bot.clock import Clock, Sleep
from bot.models import Backup, Delivery, Recipient, Volume
from bot.services.catalogue import Catalogue
from bot.services.contracts.destination import ArchiveDestination, OutgoingVolume, Sent
from bot.services.delivery.policy import DeliverySettings
from bot.services.delivery.router import Router
from bot.services.delivery.upload import SendRequest, SharedVolume, VolumeRecord
from bot.services.files.store import plan_volumes


class UnsharedVolume:
    """Sends the bytes of a volume each time, and takes no part in the progress of a run: that is what chats share."""

    def __init__(self, destination: ArchiveDestination, volume: Volume) -> None:
        self.volume = volume
        self._destination = destination

    async def send(self, recipient: Recipient, outgoing: OutgoingVolume, _request: SendRequest) -> Sent:
        """Return when the recipient has the volume; raises the `Outcome` that stands in its way."""
        return await self._destination.send_volume(recipient, outgoing)

    async def available(self) -> bool:
        """A volume that nobody shares has to be read."""
        return False


class OutgoingBackup:
    """A backup in volumes, and whether its archive is still on the disk."""

    def __init__(
        self, backup: Backup, archive: Path, volumes: list[SharedVolume], destinations: Router[ArchiveDestination]
    ) -> None:
        """`volumes` are those of every recipient whose destination cuts none of its own."""
        self.backup, self.archive, self.volumes = backup, archive, volumes
        self._destinations = destinations
        self._on_disk = False

    async def check_archive(self) -> None:
        """See whether the archive is still on the disk."""
        self._on_disk = await asyncio.to_thread(self.archive.is_file)

    def missing(self, delivery: Delivery) -> list[SharedVolume] | list[UnsharedVolume]:
        """The volumes this recipient has not confirmed, in order."""
        confirmed = {sent.number for sent in delivery.volumes}
        destination = self._destinations.find(delivery.recipient)
        if destination is not None:
            cut = destination.cut(delivery.recipient, self.archive, self.backup.archive_bytes)
            if cut is not None:
                return [UnsharedVolume(destination, volume) for volume in cut if volume.number not in confirmed]
        return [shared for shared in self.volumes if shared.volume.number not in confirmed]

    async def deliverable(self, delivery: Delivery) -> bool:
        """Whether what this recipient lacks can be sent: from the archive that was there, or by file_ids alone."""
        return self._on_disk or all([await volume.available() for volume in self.missing(delivery)])

    def count_bytes(self, progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
        """Turn reports on single volumes into progress over the whole archive, each byte counted once."""
        total = sum(shared.volume.bytes for shared in self.volumes)
        done: dict[int, int] = {}

        def report(number: int, count: int) -> None:
            done[number] = max(count, done.get(number, 0))
            progress(sum(done.values()), total)

        return report


class OutgoingBackups:
    """Gives everybody to whom a backup is going at the moment the same volumes, so that each is uploaded once."""

    def __init__(
        self,
        catalogue: Catalogue,
        destinations: Router[ArchiveDestination],
        settings: DeliverySettings,
        *,
        sleep: Sleep,
        clock: Clock,
    ) -> None:
        self._catalogue, self._destinations, self._settings = catalogue, destinations, settings
        self._sleep, self._clock = sleep, clock
        self._going: WeakValueDictionary[int, OutgoingBackup] = WeakValueDictionary()
        self._records: defaultdict[tuple[int, int], VolumeRecord] = defaultdict(VolumeRecord)

    async def prepare(self, backup: Backup) -> OutgoingBackup:
        """Cut a backup into volumes, unless that was done for somebody else, and look for its archive."""
        archive = self._settings.store_folder / backup.archive_name
        # A backup keeps the cut it was first sent in, whatever the setting says by now: volumes sent before and after a
        # change would not join into the archive.
        volume_bytes = await self._catalogue.volumes.cut_of(backup.id) or self._settings.volume_bytes
        outgoing = self._going.get(backup.id)
        if outgoing is None:
            volumes = [
                SharedVolume(
                    self._destinations.telegram,
                    self._catalogue,
                    backup.id,
                    volume,
                    sleep=self._sleep,
                    clock=self._clock,
                    record=self._records[backup.id, volume.number],
                )
                for volume in plan_volumes(archive, backup.archive_bytes, volume_bytes)
            ]
            outgoing = self._going[backup.id] = OutgoingBackup(backup, archive, volumes, self._destinations)
        await outgoing.check_archive()
        return outgoing

    def ask_anew(self, backup: Backup) -> None:
        """Let what was given up for want of an answer be uploaded again: a person wants it."""
        for (backup_id, _), record in self._records.items():
            if backup_id == backup.id:
                record.unanswered = 0
