"""Uploads a volume once, and sends it to all other chats by its file_id."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.clock import Clock, Sleep
from bot.models import OutcomeCode, Recipient, Volume
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import beside, cancel, race, settled
from bot.services.contracts.destination import (
    ArchiveDestination,
    ArchiveGone,
    DoubtfulFile,
    Outcome,
    OutgoingVolume,
    Refused,
    Sent,
    StaleFile,
    TooLarge,
    Transient,
    Unanswered,
)

PATIENCE = 15.0  # seconds without any progress after which an upload counts as stalled, for a volume of no size …
PATIENT_RATE = 512 * 1024  # … and the bytes per second at which a larger one earns more of them
MOST_UNANSWERED = 2  # uploads of a volume in a row that went out whole and were not answered: there is no third
COMMON_TROUBLE = 2  # uploads failed in a row by which the trouble is the server's and not a recipient's


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """How a backup is to be sent, besides what and to whom.

    `silent_for` hear no sound, whatever `silent` says. `rank` orders those who wait for a turn to upload, lowest first.
    `trusted` recipients took the backup before theirs; the others are asked whether they can be reached before a whole
    upload is spent on them. `abort` is looked at before each volume; `report` is told the number of a shared volume and
    how many of its bytes went out.
    """

    silent: bool
    rank: float
    trusted: bool
    abort: Abort
    silent_for: frozenset[Recipient] = frozenset()
    report: Callable[[int, int], None] = lambda _number, _count: None


@dataclass(slots=True)
class VolumeRecord:
    """What went wrong with a volume in this process, over all tries: no retry may upload it for ever.

    `unanswered` uploads in a row went out whole; `doubted` had the bytes once for a refusal that may be a file_id's.
    """

    unanswered: int = 0
    doubted: set[Recipient] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _Upload:
    """An upload under way: the bytes the connection took, and whether it got stuck."""

    moved_at: datetime
    bytes: int = 0
    stalled: bool = False


class SharedVolume:
    """Sends a volume to any number of recipients at the price of one upload.

    The first to ask uploads, the others wait for the file_id. When the upload fails, or its recipient must wait, the
    next one takes over at once; when it makes no progress for a patience that grows with the size, the next one uploads
    beside it, and the first answer serves everybody. An overtaken upload that still has bytes to send is given up and
    its recipient served by file_id: without the last byte it can't have arrived.
    """

    def __init__(
        self,
        destination: ArchiveDestination,
        catalogue: Catalogue,
        backup_id: int,
        volume: Volume,
        *,
        sleep: Sleep,
        clock: Clock,
        record: VolumeRecord,
    ) -> None:
        """`record` outlives this object."""
        self.volume, self._backup_id, self._record = volume, backup_id, record
        self._destination, self._catalogue = destination, catalogue
        self._sleep, self._clock = sleep, clock
        self._file_id: str | None = None
        self._loaded = False
        self._arrived = asyncio.Event()
        self._uploads: set[_Upload] = set()
        self._queue: list[tuple[float, int, asyncio.Future[_Upload | None]]] = []
        self._tickets = itertools.count()
        self._failures = 0  # uploads that failed since the last one that didn't
        self._troubles = 0  # those of them that were Transient
        self._hopeless: Outcome | None = None
        self._shared = True

    async def send(self, recipient: Recipient, outgoing: OutgoingVolume, request: SendRequest) -> Sent:
        """Return when the recipient has the volume; raises the `Outcome` that stands in its way, never `StaleFile`."""
        sent = await self._send(recipient, outgoing, request)
        request.report(self.volume.number, self.volume.bytes)
        return sent

    async def _send(self, recipient: Recipient, outgoing: OutgoingVolume, request: SendRequest) -> Sent:
        doubted = ""
        while True:
            file_id = await self._known()
            if self._hopeless is not None:
                raise self._hopeless
            if file_id:
                try:
                    return await self._destination.send_volume(recipient, replace(outgoing, file_id=file_id))
                except DoubtfulFile as outcome:
                    if recipient in self._record.doubted:
                        raise Transient(outcome.code, **outcome.facts) from None
                    self._record.doubted.add(recipient)
                    if self._file_id == file_id:
                        doubted, self._file_id = file_id, None
                        self._arrived.clear()
                except StaleFile:
                    await self._forget(file_id)
            elif self._record.unanswered >= MOST_UNANSWERED:
                raise self._unanswered()
            elif upload := await self._turn(request.rank):
                try:
                    if sent := await self._upload(recipient, request, outgoing, upload):
                        return sent
                except Outcome:
                    if doubted and self._file_id is None:  # the bytes were refused too: it was not the file_id
                        self._file_id = doubted
                        self._arrived.set()
                        self._dismiss(None)
                    raise

    async def available(self) -> bool:
        """Whether the volume can be sent without its bytes."""
        return bool(await self._known())

    async def _known(self) -> str | None:
        if not self._loaded:
            file_id = await self._catalogue.volumes.file_id(self._backup_id, self.volume.number)
            if not self._loaded:  # nobody was faster
                self._loaded, self._file_id = True, file_id
        return self._file_id

    async def _forget(self, file_id: str) -> None:
        if self._file_id != file_id:
            return  # somebody has replaced it already
        self._file_id = None
        self._arrived.clear()
        await settled(
            self._catalogue.volumes.set_file_id(self._backup_id, self.volume.number, None, bytes=self.volume.bytes)
        )

    # Turns: at most one upload that makes progress, unless the destination shares nothing.

    async def _turn(self, rank: float) -> _Upload | None:
        """Wait to be the one who uploads; None when there is something new to look at instead."""
        if not self._busy():
            return self._begin()
        turn: asyncio.Future[_Upload | None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (rank, next(self._tickets), turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception() and (upload := turn.result()):
                self._end(upload)  # the turn came together with the cancellation: it belongs to somebody else
            raise

    def _busy(self) -> bool:
        return self._shared and any(not upload.stalled for upload in self._uploads)

    def _begin(self) -> _Upload:
        upload = _Upload(moved_at=self._clock())
        self._uploads.add(upload)
        return upload

    def _end(self, upload: _Upload) -> None:
        self._uploads.discard(upload)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._queue and not self._busy():
            turn = heapq.heappop(self._queue)[2]
            if not turn.done():
                turn.set_result(self._begin())

    def _dismiss(self, outcome: Outcome | None) -> None:
        """Send everybody who waits for a turn away: to use what has arrived, or with the failure that is theirs too."""
        queue, self._queue = self._queue, []
        for _, _, turn in queue:
            if turn.done():
                continue
            if outcome is None:
                turn.set_result(None)
            else:
                turn.set_exception(outcome)

    # One upload.

    async def _upload(
        self, recipient: Recipient, request: SendRequest, outgoing: OutgoingVolume, upload: _Upload
    ) -> Sent | None:
        """Send the bytes; None when somebody else's upload was answered before all of these were sent."""
        bytes_sent = self._send_bytes(recipient, request, outgoing, upload)
        try:
            async with beside(self._watch(upload)), beside(bytes_sent) as sending:
                await race(asyncio.wait([sending]), self._arrived.wait())
                if not sending.done() and upload.bytes < self.volume.bytes:
                    await cancel(sending)
                    if sending.cancelled():
                        return None
                sent = await sending
                self._succeeded(sent)
        except Outcome as outcome:
            self._failed(outcome)
            raise
        finally:
            self._end(upload)
        if sent.file_id == self._file_id:
            await settled(
                self._catalogue.volumes.set_file_id(
                    self._backup_id, self.volume.number, sent.file_id, bytes=self.volume.bytes, sha256=sent.sha256
                )
            )
        return sent

    async def _send_bytes(
        self, recipient: Recipient, request: SendRequest, outgoing: OutgoingVolume, upload: _Upload
    ) -> Sent:
        if not request.trusted or self._failures:
            await self._destination.check_reachable(recipient)

        def moved(count: int) -> None:
            upload.bytes += count
            upload.moved_at, upload.stalled = self._clock(), False
            request.report(self.volume.number, upload.bytes)

        return await self._destination.send_volume(recipient, replace(outgoing, on_bytes=moved))

    async def _watch(self, upload: _Upload) -> None:
        patience = PATIENCE + self.volume.bytes / PATIENT_RATE
        while True:
            # Each one that got stuck makes the next wait longer: on a dead line they must not all end up uploading.
            allowed = patience * 2 ** sum(other.stalled for other in self._uploads)
            await self._sleep(allowed)
            await asyncio.sleep(0)
            if self._clock() - upload.moved_at >= timedelta(seconds=allowed):
                upload.stalled = True
                self._pass_on()

    def _failed(self, outcome: Outcome) -> None:
        self._failures += 1
        if isinstance(outcome, Transient) and outcome.ambiguous:
            self._record.unanswered += 1
            if self._record.unanswered >= MOST_UNANSWERED:
                self._dismiss(self._unanswered())
        if isinstance(outcome, TooLarge | ArchiveGone):
            self._hopeless = outcome
            self._dismiss(outcome)
        elif isinstance(outcome, Refused):  # for all who wait now, and not for good: it may pass
            self._dismiss(outcome)
        elif isinstance(outcome, Transient):
            self._troubles += 1
            if self._troubles >= COMMON_TROUBLE and len(self._uploads) == 1:
                self._troubles = 0
                self._dismiss(outcome)

    def _unanswered(self) -> Unanswered:
        return Unanswered(OutcomeCode.UNANSWERED, volume=self.volume.name, times=self._record.unanswered)

    def _succeeded(self, sent: Sent) -> None:
        self._failures = self._troubles = self._record.unanswered = 0
        if not sent.file_id:
            self._shared = False
        elif self._file_id is None:
            self._file_id = sent.file_id
            self._arrived.set()
            self._dismiss(None)
