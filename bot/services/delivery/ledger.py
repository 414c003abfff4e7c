"""Keeps the ledger of deliveries, and gets every backup to its recipients: at once, later, or after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bot.clock import Clock, utc_now
from bot.models import Backup, Delivery, DeliveryState, Recipient, RecipientStatus
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import Nursery, Sleep
from bot.services.contracts.destination import (
    Destination,
    MessageGone,
    Migrated,
    Notice,
    NoticeButton,
    Outcome,
    Parked,
    Refused,
    Transient,
    Wait,
)
from bot.services.delivery.attempts import Attempts, count_bytes, refused
from bot.services.delivery.policy import LONGEST_WAIT, Owed, retry_seconds, uploader_rank
from bot.services.delivery.retries import RetryLoop
from bot.services.delivery.rows import Claim, DeliveryRecords, UnrecordedDeliveries
from bot.services.delivery.sender import Caption, Sender, SendRequest

Progress = Callable[[int, int], None]


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
        settled: Callable[[Delivery], None] = lambda _: None,
    ) -> None:
        """`attempts` tries are made in a first pass, `delay` seconds and more apart; `caption` gives HTML.

        Notices go to `admins`, or to the recipients when none are named. `settled` is told of every row that `run` or a
        pressed Start has changed.
        """
        self._attempts, self._delay = max(attempts, 1), delay
        self._recipients = tuple(recipients)
        told = self._recipients if admins is None else admins
        self._admins = tuple(one for one in told if one.is_chat or one.is_mailbox)  # an object store reads nothing
        self._crew = Nursery(sleep)
        self._rows = DeliveryRecords(catalogue, self._crew, delay=delay, clock=clock)
        self._clock = clock
        closing = self._crew.closing
        unowed = UnrecordedDeliveries(catalogue, self._crew, delay=delay, clock=clock)
        self._desk = Attempts(
            catalogue,
            destination,
            Sender(self._rows, caption=caption, closing=closing, clock=clock),
            Sender(unowed, caption=caption, closing=closing, clock=clock),
            self._crew,
            recipients=self._recipients,
            admins=self._admins,
            store_folder=store_folder,
            volume_bytes=volume_bytes,
            newest_only=owed == "newest",
            clock=clock,
            sleep=sleep,
        )
        self._catalogue, self._destination = catalogue, destination
        self._claims: set[Claim] = set()
        self._rounds = RetryLoop(self._desk, self._claims, settled)

    @property
    def destination(self) -> Destination:
        """Where everything goes."""
        return self._destination

    async def deliver(
        self,
        backup: Backup,
        *,
        to: Sequence[Recipient] | None = None,
        silent: bool = True,
        hushed: Iterable[Recipient] = (),
        progress: Progress = lambda _done, _total: None,
        abort: Abort | None = None,
        force: bool = False,
    ) -> tuple[Delivery, ...]:
        """Owe the backup to everybody and make the first pass; returns every recipient's row as it stands then.

        The pass ends for a recipient when it is served, parked, has failed `attempts` times, or must wait for long;
        `run` does the rest. What it was still owed from before is superseded, if the new backup holds every database
        of it. `progress` is told the bytes of the archive that went out and their total, each byte counted once.
        `hushed` hear no sound, whatever `silent` says.

        With `force` everything is sent whatever the ledger says, also to somebody who is no recipient; if that fails,
        the returned row says why and nothing more is owed than before.

        Raises `TelegramError` when the bot's token is refused and `AbortedError` when `abort` is set; what was not
        confirmed by then is still owed.
        """
        consignment = await self._desk.prepare(backup)
        errand = SendRequest(
            consignment=consignment,
            silent=silent,
            hushed=frozenset(await self._desk.current(hushed)),
            rank=0,
            trusted=True,
            abort=abort or Abort(),
            report=count_bytes(consignment, progress),
        )
        recipients = await self._desk.current(self._recipients if to is None else to)
        try:
            if force:
                self._desk.ask_anew(backup)
                return tuple(
                    await self._crew.together([self._send_again(one, errand) for one in recipients], errand.abort)
                )
            return await self._deliver(recipients, errand)
        except Refused as outcome:
            refusal = refused(outcome)
        raise refusal

    async def run(self) -> None:
        """Serve what is owed until cancelled or drained: newest first, with waits that grow up to an hour.

        Parked recipients are knocked at every six hours, which shows them nothing. While the bot's token is refused,
        chats wait and other places are served. Raises what kept a delivery from being tried at all (`CatalogueError`);
        nothing is lost by calling it again.
        """
        await self._rounds.go()

    def nudge(self) -> None:
        """Make `run` look at what is owed now."""
        self._rounds.nudge()

    async def recipient_started(self, chat_id: int) -> None:
        """Somebody is there (again): the newest backup owed to them goes out at once, in the background.

        Nothing happens to a chat that is no recipient and no admin, or is owed nothing.
        """
        for recipient in await self._desk.acquainted():
            if recipient.chat_id == chat_id:
                await self._rows.unpark(recipient)
                self._rounds.serve(recipient)

    async def recipient_left(self, chat_id: int, reason: str) -> None:
        """A chat can't be reached any more: its recipients are parked, with what they are owed."""
        for recipient in await self._desk.acquainted():
            if recipient.chat_id == chat_id:
                await self._rows.park(recipient, reason)

    async def recipient_moved(self, old_chat_id: int, new_chat_id: int) -> None:
        """A chat of ours has a new id; nothing happens to one that is no recipient and no admin."""
        if any(recipient.chat_id == old_chat_id for recipient in await self._desk.acquainted()):
            await self._catalogue.migrate(old_chat_id, new_chat_id)
            self.nudge()

    async def drain(self, seconds: float) -> None:
        """Start nothing more, give what is being sent so long to finish, then abandon it; it stays owed.

        The catalogue and the bot can be closed after this.
        """
        self.nudge()
        await self._crew.drain(seconds)

    async def notify(
        self,
        html: str,
        *,
        loud: bool,
        to: Iterable[Recipient] | None = None,
        but: Recipient | None = None,
        buttons: tuple[NoticeButton, ...] = (),
    ) -> tuple[Recipient, ...]:
        """Send a notice to every admin who is not parked, save `but`; returns those who have it.

        One's trouble is nobody else's. `to` names others than those who hear of everything.
        """
        parked = await self._catalogue.parked()
        current = await self._desk.current(self._admins if to is None else to)
        admins = [admin for admin in current if admin not in parked and admin != but]
        notice = Notice(html=html, silent=not loud, buttons=buttons)
        reached = await self._crew.together([self._tell(admin, notice) for admin in admins])
        return tuple(admin for admin, arrived in zip(admins, reached, strict=True) if arrived)

    async def post(self, recipient: Recipient, notice: Notice, *, message_id: int | None = None) -> int:
        """Send a notice to somebody, or put it in the place of `message_id` where that can still be edited.

        One try; returns the id of the message that holds it. Raises the `Outcome` that stood in the way, with the
        recipient parked where a person must do something first.
        """
        current = await self._catalogue.current(recipient)
        if current != recipient:
            message_id = None  # numbers from before a move mean other messages now
        return await self._crew.spawn(self._post(current, notice, message_id))

    async def delete_notice(self, recipient: Recipient, message_id: int, instead: Notice) -> None:
        """Delete a message of ours, or let it say something else where Telegram lets none be deleted any more.

        Raises the `Outcome` that stood in the way.
        """
        if await self._catalogue.current(recipient) != recipient:
            return  # numbers from before a move mean other messages now
        try:
            await self._destination.remove_notice(recipient, message_id)
        except MessageGone:
            await self._destination.edit_notice(recipient, message_id, instead)

    async def _post(self, recipient: Recipient, notice: Notice, message_id: int | None) -> int:
        try:
            if message_id is not None:
                try:
                    await self._destination.edit_notice(recipient, message_id, notice)
                except MessageGone:
                    pass
                else:
                    return message_id
            return await self._destination.send_notice(recipient, notice)
        except Parked as outcome:
            await self._rows.park(recipient, outcome.sentence)
            raise
        except Migrated as outcome:
            await self._catalogue.migrate(recipient.chat_id, outcome.new_chat_id)
            return await self._destination.send_notice(await self._catalogue.current(recipient), notice)

    async def _deliver(self, recipients: Sequence[Recipient], errand: SendRequest) -> tuple[Delivery, ...]:
        backup = errand.consignment.backup
        await self._catalogue.owe(backup.id, recipients)
        claims = {(backup.id, recipient) for recipient in recipients} - self._claims
        self._claims |= claims
        try:
            # In this order they reach the first volume, and the first one there uploads it.
            statuses = sorted(await self._catalogue.recipient_statuses(recipients), key=uploader_rank)
            rows = await self._side_by_side(statuses, errand)
        finally:
            self._claims -= claims
            self.nudge()
        by_recipient = {status.recipient: row for status, row in zip(statuses, rows, strict=True)}
        return tuple(by_recipient[recipient] for recipient in recipients)

    async def _side_by_side(self, statuses: Sequence[RecipientStatus], errand: SendRequest) -> list[Delivery]:
        """Serve chats and other places as two parties: a refused token does not cut off what goes elsewhere."""
        parties = [[s for s in statuses if s.recipient.is_chat is chats] for chats in (True, False)]
        served = await asyncio.gather(
            *(
                self._crew.together([self._first_pass(status, errand) for status in party], errand.abort)
                for party in parties
            ),
            return_exceptions=True,
        )
        rows: dict[Recipient, Delivery] = {}
        for party, result in zip(parties, served, strict=True):
            if isinstance(result, BaseException):
                raise result
            rows |= {status.recipient: row for status, row in zip(party, result, strict=True)}
        return [rows[status.recipient] for status in statuses]

    async def _first_pass(self, status: RecipientStatus, errand: SendRequest) -> Delivery:
        recipient, backup = status.recipient, errand.consignment.backup
        if status.parked_reason and not await self._desk.check_reachable(recipient):
            passed_over = await self._desk.skip_parked(status, backup)
            if passed_over is not None:
                return passed_over
        errand = replace(errand, rank=uploader_rank(status), trusted=status.last_sent_at is not None)
        return await self._insist(
            await self._rows.get(backup.id, recipient),
            lambda row: self._desk.attempt(row.recipient, errand),
            errand.abort,
        )

    async def _send_again(self, recipient: Recipient, errand: SendRequest) -> Delivery:
        backup_id = errand.consignment.backup.id
        row = await self._rows.find(backup_id, recipient)
        if row is not None and not row.state.settled:
            # They ask for what they are owed anyway.
            row = await self._insist(row, lambda row: self._desk.attempt(row.recipient, errand), errand.abort)
        else:
            row = Delivery(backup_id=backup_id, recipient=recipient, state=DeliveryState.PENDING)
            row = await self._insist(row, lambda row: self._desk.attempt_unowed(row, errand), errand.abort)
        if row.state is DeliveryState.SENT and row.recipient in await self._catalogue.parked():
            await self._rows.unpark(row.recipient)
            self.nudge()
        return row

    async def _insist(
        self, row: Delivery, attempt: Callable[[Delivery], Awaitable[Delivery]], abort: Abort
    ) -> Delivery:
        """Try until the row is settled, `attempts` tries have failed, or the waits asked for become too long."""
        failures, waited, before = 0, 0.0, row.attempts
        while True:
            row = await attempt(row)
            if row.state is not DeliveryState.PENDING or row.next_try_at is None:
                return row
            pause = (row.next_try_at - self._clock()).total_seconds()
            if row.attempts > before:
                failures, before = failures + 1, row.attempts
            else:
                waited += pause
            if failures >= self._attempts or waited > LONGEST_WAIT:
                return row
            if await self._crew.until(self._crew.closing, pause, abort):
                return row
            abort.check()

    async def _tell(self, admin: Recipient, notice: Notice) -> bool:
        for failures in range(1, self._attempts + 1):
            try:
                await self._destination.send_notice(admin, notice)
                return True
            except Parked as outcome:
                await self._rows.park(admin, outcome.sentence)
                return False
            except Migrated as outcome:
                await self._catalogue.migrate(admin.chat_id, outcome.new_chat_id)
                admin = await self._catalogue.current(admin)
            except Wait as outcome:
                if outcome.seconds > LONGEST_WAIT or await self._crew.until(self._crew.closing, outcome.seconds):
                    return False
            except Transient:
                if await self._crew.until(self._crew.closing, retry_seconds(failures, self._delay)):
                    return False
            except Outcome:
                return False
        return False
