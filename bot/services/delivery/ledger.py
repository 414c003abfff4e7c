"""Who is owed which backup, and the work of getting it there: at once, later, and after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from bot.clock import Clock, utc_now
from bot.models import Backup, Delivery, DeliveryState, Recipient, RecipientStatus
from bot.services.abort import Abort
from bot.services.catalogue import Catalogue
from bot.services.delivery.courier import Caption, Consignment, Courier, Errand
from bot.services.delivery.destination import Destination
from bot.services.delivery.keeper import Keeper
from bot.services.delivery.policy import (
    ARCHIVE_PRUNED,
    LONGEST_WAIT,
    Owed,
    uploaders_first,
)
from bot.services.delivery.rows import Claim, Rows
from bot.services.delivery.upload import Sleep

LOOK_AGAIN = 60.0  # seconds; wall clocks step, machines sleep, and another process may have left something owed

Result = TypeVar("Result")
Progress = Callable[[int, int], None]


def _nothing(_done: int, _total: int) -> None:
    pass


def _nobody(_delivery: Delivery) -> None:
    pass


class Ledger:
    """Delivers backups to every recipient and keeps what is owed until it is confirmed or needless.

    A delivery is confirmed by the destination or not at all. Recipients are served side by side, and one of them never
    has two sends under way. Everything is written to the catalogue as it happens: after a kill at any instant the next
    process goes on where this one stopped, and only a volume whose answer was lost can arrive twice.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        destination: Destination,
        *,
        recipients: Iterable[Recipient],
        store_folder: Path,
        volume_bytes: int,
        attempts: int,
        delay: float,
        owed: Owed,
        caption: Caption,
        clock: Clock = utc_now,
        sleep: Sleep = asyncio.sleep,
        admins: Iterable[Recipient] | None = None,
        settled: Callable[[Delivery], None] = _nobody,
    ) -> None:
        """`attempts` tries are made in a first pass, `delay` seconds and more apart; `caption` gives HTML.

        Notices go to `admins` (to the recipients when there are none named). `settled` is told of every delivery that
        `run` or a pressed Start brought to an end or moved on.
        """
        self._catalogue = catalogue
        self._destination = destination
        self._recipients = tuple(recipients)
        self._admins = self._recipients if admins is None else tuple(admins)
        self._store_folder = store_folder
        self._volume_bytes = volume_bytes
        self._attempts, self._delay = max(attempts, 1), delay
        self._newest_only = owed == "newest"
        self._clock, self._sleep = clock, sleep
        self._settled = settled
        self._keeper = Keeper()
        self._rows = Rows(catalogue, self._keeper, delay=delay, clock=clock)
        self._courier = Courier(self._rows, caption=caption, clock=clock)
        self._consignments: WeakValueDictionary[int, Consignment] = WeakValueDictionary()
        self._locks: dict[Recipient, asyncio.Lock] = {}
        self._claims: set[Claim] = set()
        self._knocked_at: dict[Recipient, datetime] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._serving: dict[Recipient, asyncio.Task[None]] = {}
        self._failure: BaseException | None = None
        self._nudged = asyncio.Event()
        self._closing = asyncio.Event()

    async def deliver(
        self,
        backup: Backup,
        *,
        to: Sequence[Recipient] | None = None,
        silent: bool = True,
        progress: Progress = _nothing,
        abort: Abort | None = None,
        force: bool = False,
    ) -> tuple[Delivery, ...]:
        """Owe the backup to everybody and make the first pass; returns every recipient's row as it stands then.

        The pass ends for a recipient when it is served, parked, has failed `attempts` times, or must wait for long;
        `run` does the rest. What it was still owed from before is superseded, if the new backup holds every database
        of it. `progress` counts the bytes of the archive that went out, once for all. With `force`, everything is sent
        whatever the ledger says, also to somebody who is no recipient; a failure is then in the row's reason, and owed
        is only what was owed before. Raises `TelegramError` when the bot's token is refused and `AbortedError` when
        `abort` is set; what was not confirmed by then is still owed.
        """
        recipients = await self._current(to if to is not None else self._recipients)
        consignment = await self._consign(backup)
        errand = Errand(
            consignment=consignment,
            silent=silent,
            rank=0,
            trusted=True,
            abort=abort or Abort(),
            closing=self._closing.is_set,
            report=_counting(consignment, progress),
        )
        if force:
            return tuple(await self._together([self._send_again(recipient, errand) for recipient in recipients]))
        await self._catalogue.owe(backup.id, recipients)
        claims = {(backup.id, recipient) for recipient in recipients} - self._claims
        self._claims |= claims
        try:
            statuses = uploaders_first(await self._catalogue.recipient_statuses(recipients))
            rows = await self._together(
                [
                    self._first_pass(status, replace(errand, rank=rank, trusted=status.last_sent_at is not None))
                    for rank, status in enumerate(statuses)
                ]
            )
        finally:
            self._claims -= claims
            self.nudge()
        return tuple(sorted(rows, key=lambda row: row.recipient))

    async def run(self) -> None:
        """Serve what is owed until cancelled or drained: newest first, with waits that grow up to an hour.

        Parked recipients are knocked at every six hours, which shows them nothing. Raises `TelegramError` when the
        bot's token is refused, and whatever else stopped a delivery from being tried (`CatalogueError`); nothing is lost
        by calling it again.
        """
        await self._rows.recover(self._claims)
        while not self._closing.is_set():
            self._nudged.clear()
            seconds = await self._start_what_is_due()
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            await self._until(self._nudged, seconds)

    def nudge(self) -> None:
        """Make `run` look at what is owed now."""
        self._nudged.set()

    async def recipient_started(self, chat_id: int) -> None:
        """Somebody is there (again): send the newest backup owed to them at once, in the background.

        Nothing happens for a chat that is owed nothing.
        """
        chats = {row.recipient for row in await self._catalogue.owed()} | set(await self._catalogue.parked())
        for recipient in await self._current(chats):
            if recipient.chat_id == chat_id:
                await self._rows.unpark(recipient)
                self._serve(recipient)

    async def drain(self, seconds: float) -> None:
        """Start nothing more, give what is being sent this long to finish, then abandon it; it stays owed.

        After this the catalogue and the bot can be closed.
        """
        self._closing.set()
        self.nudge()
        if tasks := set(self._tasks):
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._keeper.settled()

    async def notify(self, html: str, *, loud: bool) -> tuple[Recipient, ...]:
        """Send a notice to every admin who is not parked; returns those who have it. One's trouble is nobody else's."""
        parked = await self._catalogue.parked()
        admins = [admin for admin in await self._current(self._admins) if admin not in parked]
        reached = await self._together([self._tell(admin, html, silent=not loud) for admin in admins])
        return tuple(admin for admin, arrived in zip(admins, reached, strict=True) if arrived)

    # A first pass.

    async def _first_pass(self, status: RecipientStatus, errand: Errand) -> Delivery:
        recipient, backup = status.recipient, errand.consignment.backup
        if status.parked_reason and not await self._knock(recipient):
            async with self._lock(recipient):
                await self._make_room(recipient, backup)
                await self._rows.park(recipient, status.parked_reason)
            return await self._row(backup.id, recipient)
        failed = waited = 0.0
        row = await self._try(recipient, errand)
        while row.state is DeliveryState.PENDING and row.next_try_at is not None:
            pause = (row.next_try_at - self._clock()).total_seconds()
            if row.attempts > failed:
                failed = row.attempts
                if failed >= self._attempts:
                    break
            elif (waited := waited + pause) > LONGEST_WAIT:
                break
            if await self._until(self._closing, pause):
                break
            errand.abort.check()
            row = await self._try(row.recipient, errand)
        return row

    async def _try(self, recipient: Recipient, errand: Errand) -> Delivery:
        backup = errand.consignment.backup
        async with self._lock(recipient):
            await self._make_room(recipient, backup)
            row = await self._row(backup.id, recipient)
            if row.state in (DeliveryState.SENT, DeliveryState.SUPERSEDED):
                return row  # somebody else was faster
            row = await self._courier.deliver(row, errand)
            if row.recipient != recipient:
                self._locks[row.recipient] = self._locks[recipient]  # the chat has a new id: one lock under both
        return row

    async def _make_room(self, recipient: Recipient, backup: Backup) -> None:
        if self._newest_only:
            await self._rows.supersede_older(recipient, backup)

    async def _send_again(self, recipient: Recipient, errand: Errand) -> Delivery:
        async with self._lock(recipient):
            row = await self._rows.find(errand.consignment.backup.id, recipient)
            if row is not None and row.state in (DeliveryState.PENDING, DeliveryState.PARKED):
                return await self._courier.deliver(row, errand)  # they ask for what they are owed anyway
            blank = Delivery(backup_id=errand.consignment.backup.id, recipient=recipient, state=DeliveryState.PENDING)
            if not await errand.consignment.deliverable(blank):
                return replace(blank, state=DeliveryState.SUPERSEDED, reason=ARCHIVE_PRUNED)
            return await self._courier.send_again(recipient, errand)
