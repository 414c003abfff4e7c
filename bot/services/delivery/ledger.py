"""Keeps the ledger of deliveries, and gets every backup to its recipients: at once, later, or after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from bot.errors import TelegramError
from bot.models import Backup, Delivery, DeliveryState, Reason, Recipient, RecipientStatus
from bot.services.concurrency.abort import Abort
from bot.services.contracts.destination import Refused
from bot.services.delivery.attempts import Attempts
from bot.services.delivery.outgoing import OutgoingBackup
from bot.services.delivery.policy import LONGEST_WAIT, uploader_rank
from bot.services.delivery.retries import RetryLoop
from bot.services.delivery.rows import Claim
from bot.services.delivery.upload import SendRequest

Progress = Callable[[int, int], None]
Attempt = Callable[[Delivery, OutgoingBackup, SendRequest], Awaitable[Delivery]]


class Ledger:
    """Delivers backups to every recipient and keeps what is owed until it is confirmed or needless.

    A delivery is confirmed by the destination or not at all. Recipients are served side by side, and one of them never
    has two sends under way. Everything is written to the catalogue as it happens: after a kill at any instant the next
    process goes on where this one stopped, and only a volume whose answer was lost can arrive twice.
    """

    def __init__(self, attempts: Attempts, *, settled: Callable[[Delivery], None] = lambda _: None) -> None:
        """`settled` is told of every row that `run` or a pressed Start has changed."""
        self.destinations = attempts.destinations
        self._attempts, self._rows, self._catalogue = attempts, attempts.rows, attempts.catalogue
        self._settings, self._nursery = attempts.settings, attempts.nursery
        self._claims: set[Claim] = set()
        self._retries = RetryLoop(attempts, self._claims, settled)
        self.nudge = self._retries.nudge
        """Makes `run` look at what is owed now."""
        self.answers_again = self._retries.answers_again
        """Tells `run` that Telegram answers after a trouble: what is owed is tried at once, at most once a minute."""
        self.archive_waits = self._rows.archive_waits
        """Seconds for which an archive may still wait for its turn in a chat, which asked for it; 0 where none does."""

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
        outgoing = await self._attempts.outgoing.prepare(backup)
        request = SendRequest(
            silent=silent,
            silent_for=frozenset(await self._catalogue.recipients.all_current(hushed)),
            rank=0,
            trusted=True,
            abort=abort or Abort(),
            report=outgoing.count_bytes(progress),
        )
        everybody = self._settings.people.recipients if to is None else to
        recipients = await self._catalogue.recipients.all_current(everybody)
        try:
            if force:
                self._attempts.outgoing.ask_anew(backup)
                return tuple(
                    await self._nursery.together(
                        [self._send_again(one, outgoing, request) for one in recipients], request.abort
                    )
                )
            return await self._deliver(recipients, outgoing, request)
        except Refused as outcome:
            raise TelegramError(
                f"{outcome.sentence}.", hint="Set BOT_TOKEN to the token that @BotFather shows for this bot."
            ) from None

    async def run(self) -> None:
        """Serve what is owed until cancelled or drained: newest first, with waits that grow up to an hour.

        Whether parked recipients can be reached is asked every six hours, which shows them nothing. While the bot's
        token is refused, chats wait and other places are served; while the catalogue can't be written, everything
        waits.
        """
        await self._retries.go()

    async def recipient_started(self, chat_id: int) -> None:
        """Somebody is there (again): the newest backup owed to them goes out at once, in the background.

        Nothing happens to a chat that is no recipient and no admin, or is owed nothing.
        """
        for recipient in await self._attempts.everybody():
            if recipient.chat_id == chat_id:
                await self._rows.unpark(recipient)
                self._retries.serve(recipient)

    async def recipient_left(self, chat_id: int, reason: Reason) -> None:
        """A chat can't be reached any more: its recipients are parked, with what they are owed."""
        for recipient in await self._attempts.everybody():
            if recipient.chat_id == chat_id:
                await self._rows.park(recipient, reason)

    async def recipient_moved(self, old_chat_id: int, new_chat_id: int) -> None:
        """A chat of ours has a new id; nothing happens to one that is no recipient and no admin."""
        if any(recipient.chat_id == old_chat_id for recipient in await self._attempts.everybody()):
            await self._catalogue.recipients.migrate(old_chat_id, new_chat_id)
            self.nudge()

    async def drain(self, seconds: float) -> None:
        """Start nothing more, give what is being sent so long to finish, then abandon it; it stays owed.

        What else runs in the same nursery ends too: the catalogue and the bot can be closed after this.
        """
        self.nudge()
        await self._nursery.drain(seconds)

    async def _deliver(
        self, recipients: Sequence[Recipient], outgoing: OutgoingBackup, request: SendRequest
    ) -> tuple[Delivery, ...]:
        """Serve chats and other places as two parties: a refused token does not cut off what goes elsewhere."""
        backup = outgoing.backup
        await self._catalogue.deliveries.owe(backup.id, recipients)
        claims = {(backup.id, recipient) for recipient in recipients} - self._claims
        self._claims |= claims
        try:
            # In this order they reach the first volume, and the first one there uploads it.
            statuses = sorted(await self._catalogue.recipients.statuses(recipients), key=uploader_rank)
            parties = [[s for s in statuses if s.recipient.is_chat is chats] for chats in (True, False)]
            served = await asyncio.gather(
                *(
                    self._nursery.together([self._first_pass(one, outgoing, request) for one in party], request.abort)
                    for party in parties
                ),
                return_exceptions=True,
            )
        finally:
            self._claims -= claims
            self.nudge()
        rows: dict[Recipient, Delivery] = {}
        for party, result in zip(parties, served, strict=True):
            if isinstance(result, BaseException):
                raise result
            rows |= zip((status.recipient for status in party), result, strict=True)
        return tuple(rows[recipient] for recipient in recipients)

    async def _first_pass(self, status: RecipientStatus, outgoing: OutgoingBackup, request: SendRequest) -> Delivery:
        recipient, backup = status.recipient, outgoing.backup
        if status.parked_reason and not await self._attempts.check_reachable(recipient):
            passed_over = await self._attempts.skip_parked(status, backup)
            if passed_over is not None:
                return passed_over
        request = replace(request, rank=uploader_rank(status), trusted=status.last_sent_at is not None)
        row = await self._rows.get(backup.id, recipient)
        return await self._retry(row, self._attempts.attempt, outgoing, request)

    async def _send_again(self, recipient: Recipient, outgoing: OutgoingBackup, request: SendRequest) -> Delivery:
        backup_id = outgoing.backup.id
        row = await self._rows.find(backup_id, recipient)
        if row is not None and not row.state.settled:  # they ask for what they are owed anyway
            attempt = self._attempts.attempt
        else:
            row = Delivery(backup_id=backup_id, recipient=recipient, state=DeliveryState.PENDING)
            attempt = self._attempts.attempt_unowed
        row = await self._retry(row, attempt, outgoing, request)
        self.nudge()  # who was parked and has it now is served with the rest
        return row

    async def _retry(self, row: Delivery, attempt: Attempt, outgoing: OutgoingBackup, request: SendRequest) -> Delivery:
        """Try until the row is settled, `attempts` tries have failed, or the waits asked for become too long."""
        failures, waited, before = 0, 0.0, row.attempts
        while True:
            row = await attempt(row, outgoing, request)
            if row.state is not DeliveryState.PENDING or row.next_try_at is None:
                return row
            pause = (row.next_try_at - self._attempts.clock()).total_seconds()
            if row.attempts > before:
                failures, before = failures + 1, row.attempts
            else:
                waited += pause
            if failures >= self._settings.attempts or waited > LONGEST_WAIT:
                return row
            if await self._nursery.until(self._nursery.closing, pause, request.abort):
                return row
            request.abort.check()
