"""Delivers to an object store: one object per archive, named in the index, deleted when it has expired."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import CourierError
from bot.models import Backup, OutcomeCode, Recipient, Volume
from bot.services.catalogue import Catalogue
from bot.services.contracts.destination import (
    ArchiveDestination,
    ArchiveGone,
    CountBytes,
    Outcome,
    OutgoingVolume,
    Parked,
    Sent,
    Transient,
)
from bot.services.files.slices import ArchiveSlice
from bot.services.objects.archives import BucketArchives
from bot.services.objects.bucket import ObjectFacts
from bot.services.objects.index import Index, to_drop
from bot.words.failures import stored_fault_words
from bot.words.retention import retention_words

_ALL = -1


class ObjectDestination(ArchiveDestination):
    """One prefix of an object store.

    An archive goes there as a whole, streamed from the disk, with its SHA-256 noted on the object; it counts when the
    store, asked again, shows its size and that note. An object that is no archive of ours is neither replaced nor
    deleted.
    """

    def __init__(
        self,
        archives: BucketArchives,
        catalogue: Catalogue,
        *,
        max_age: timedelta,
        max_count: int,
        clock: Clock = utc_now,
    ) -> None:
        self.archives, self._bucket = archives, archives.bucket
        self._catalogue = catalogue
        self._max_age, self._max_count, self._clock = max_age, max_count, clock

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> tuple[Volume, ...]:
        """The whole archive in one."""
        return (Volume(archive=archive, name=archive.name, number=1, total=1, offset=0, bytes=archive_bytes),)

    async def send_volume(self, recipient: Recipient, outgoing: OutgoingVolume) -> Sent:
        """Put the archive there, look whether it is there, write it into the index, and drop what is too old.

        What is there already, of the same name and content, is not sent again. Raises an `Outcome`.
        """
        volume, on_bytes = outgoing.volume, outgoing.on_bytes
        backup = await self._catalogue.backups.find(volume.name)
        there = await self._bucket.facts(volume.name)
        if there is not None and _is(there, backup):
            on_bytes(volume.bytes)
        else:
            if there is not None and not await self._named(volume.name):
                raise Parked(OutcomeCode.NAME_TAKEN, object=volume.name)
            await self._put(volume, backup, on_bytes)
        await self.archives.change(lambda index: index.adding(backup))
        await self._prune()
        return Sent(sha256=backup.archive_sha256)

    async def check_reachable(self, recipient: Recipient) -> None:
        """Return when the store lets us list the prefix; raises an `Outcome`."""
        await self._bucket.check_access()

    async def _put(self, volume: Volume, backup: Backup, on_bytes: CountBytes) -> None:
        piece = ArchiveSlice(volume, on_bytes)
        try:
            await self._bucket.put(
                volume.name,
                piece.chunks(),
                size=volume.bytes,
                attributes={"sha256": backup.archive_sha256, "Content-Type": "application/octet-stream"},
            )
        except (Outcome, OSError) as error:
            if piece.trouble:
                raise ArchiveGone(OutcomeCode.ARCHIVE_UNREADABLE, said=piece.trouble) from None
            if isinstance(error, Outcome):
                raise
            raise Transient(OutcomeCode.STORE_FAULT, said=error.strerror or type(error).__name__) from None
        if piece.sha256 != backup.archive_sha256:
            await self._bucket.delete(volume.name)
            raise ArchiveGone(OutcomeCode.ARCHIVE_CHANGED)
        there = await self._bucket.facts(volume.name)
        if there is None or not _is(there, backup):
            raise Transient(OutcomeCode.STORED_OTHERWISE)

    async def _named(self, archive: str) -> bool:
        try:
            return (await self.archives.index()).named(archive) is not None
        except CourierError:  # there is none, or none to be believed
            return False

    async def _take_stock(self) -> Index:
        """Compare the index with the store before anything is deleted, and write down what is gone or damaged."""
        index, sizes = await self.archives.index(), await self._bucket.sizes()
        if index != index.compared(sizes):
            index = await self.archives.change(lambda index: index.compared(sizes))
        url, faults = self._bucket.url, {entry.archive: entry.why for entry in index.faulty}
        known = await self._catalogue.archives.store_faults()
        for archive, why in faults.items():
            if (url, archive, why) not in known:
                logger.error("{}", stored_fault_words(url, archive, why))
        await self._catalogue.archives.set_store_faults(url, faults)
        return index

    async def _prune(self) -> None:
        """Drop what the index says is ours and too old. A failure is no failure of the delivery."""
        try:
            pinned = {b.archive_name for b in await self._catalogue.backups.select(limit=_ALL) if b.pinned}
            index = await self._take_stock()
            if await self._catalogue.service.clock_leapt():
                return
            drops = to_drop(index, now=self._clock(), max_age=self._max_age, max_count=self._max_count, keep=pinned)
            for archive, why in drops:
                await self._bucket.delete(archive)
                logger.info("{}: dropped {}: {}", self._bucket.url, archive, retention_words(why))
            if drops:
                names = {archive for archive, _ in drops}
                await self.archives.change(lambda index: index.without(names))
        except (Outcome, CourierError) as error:
            logger.warning("{} could not be tidied: {}", self._bucket.url, error)


def _is(there: ObjectFacts, backup: Backup) -> bool:
    return there.bytes == backup.archive_bytes and there.sha256 == backup.archive_sha256
