"""Retries deliveries that failed, in the background, newest first, with growing waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any

from loguru import logger

from bot.errors import CourierError
from bot.models import Delivery, DeliveryState, Recipient
from bot.services.concurrency.abort import Abort
from bot.services.contracts.destination import Refused
from bot.services.delivery.attempts import Attempts
from bot.services.delivery.policy import SHORTEST_RETRY, is_due, retry_seconds, uploader_rank
from bot.services.delivery.rows import Claim
from bot.services.delivery.upload import SendRequest

REFUSED_AGAIN = timedelta(minutes=1)
"""How long no chat is served after Telegram has refused the token; it may accept it again."""

HURRY_AGAIN = timedelta(minutes=1)
"""How far apart pauses are cut short because Telegram answers again; on a line that comes and goes they hold."""

LOOK_AGAIN = 60.0  # seconds; wall clocks step, machines sleep, and another process may have left something owed


class RetryLoop:
    """Serves each recipient in a task of its own, so that nobody waits for another one's trouble.

    `claims` are deliveries that somebody else in this process is busy with. `settled` is told of every try's row.
    """

    def __init__(self, attempts: Attempts, claims: set[Claim], settled: Callable[[Delivery], None]) -> None:
        self._attempts, self._claims, self._settled = attempts, claims, settled
        self._serving: dict[Recipient, asyncio.Task[None]] = {}
        self._failure: BaseException | None = None
        self._failures, self._said = 0, ""  # rounds in a row that the catalogue cut off, and why: logged once
        self._refused_at: datetime | None = None
        self._answered = False
        self._hurried_at: datetime | None = None
        self._hurried: set[Recipient] = set()  # chats whose pauses are to be cut short
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Look at what is owed now."""
        self._nudged.set()

    def answers_again(self) -> None:
        """Telegram answers after a trouble: what chats are owed is tried now, whatever pause the trouble has cost.

        A chat that asked for a wait has it.
        """
        self._answered = True
        self.nudge()

    async def go(self) -> None:
        """Serve until cancelled or drained; raises what nobody has foreseen.

        A refused token is not that: chats wait while it lasts, and other places are served. Nor is a catalogue that
        can't be written, on a full disk: everything waits, and goes on by itself.
        """
        recovered = False
        while not self._attempts.nursery.closing.is_set():
            self._nudged.clear()
            try:
                if not recovered:
                    await self._recover()
                wake_at = await self._start_what_is_due()
                if self._failure is not None:
                    failure, self._failure = self._failure, None
                    raise failure
            except CourierError as error:
                recovered = False  # what was being sent could not be given back
                await self._wait_for_catalogue(error)
                continue
            recovered = True
            seconds = (wake_at - self._attempts.clock()).total_seconds()
            await self._attempts.nursery.until(self._nudged, max(seconds, SHORTEST_RETRY))

    async def _recover(self) -> None:
        everybody = self._attempts.settings.people.recipients
        current = await self._attempts.catalogue.recipients.all_current(everybody)
        await self._attempts.rows.recover(self._claims, current, served=self._serving.keys())

    async def _wait_for_catalogue(self, error: CourierError) -> None:
        if error.sentence != self._said:
            logger.error("what is owed waits: {}", error.sentence)
        self._said, self._failures = error.sentence, self._failures + 1
        pause = min(retry_seconds(self._failures, self._attempts.settings.delay), LOOK_AGAIN)
        await self._attempts.nursery.until(self._attempts.nursery.closing, pause)

    def serve(self, recipient: Recipient) -> None:
        """Bring the recipient what is owed and due, in the background."""
        if recipient not in self._serving and not self._attempts.nursery.closing.is_set():
            self._start(recipient, self._serve(recipient))

    async def _start_what_is_due(self) -> datetime:
        """Start what can be tried now; returns when to look again."""
        now = self._attempts.clock()
        parked = await self._attempts.catalogue.recipients.parked()
        everybody = await self._attempts.everybody()
        wake_at = self._hurry(everybody, now)
        due = []
        for recipient in everybody:
            if recipient in self._serving:
                continue
            if recipient in self._hurried:
                self._hurried.discard(recipient)
                await self._cut_short(recipient)
            if recipient.is_chat and self._refused_at and timedelta(0) <= now - self._refused_at < REFUSED_AGAIN:
                wake_at = min(wake_at, self._refused_at + REFUSED_AGAIN)
                continue
            if head := await self._head(recipient):  # of a parked one too: a try that has begun and met a trouble
                at = now if is_due(head, now) else head.next_try_at or now
                if at <= now:
                    due.append(recipient)
            elif recipient in parked:
                at = self._attempts.next_check(recipient)
                if at <= now:
                    self._start(recipient, self._try_parked(recipient))
            else:
                continue
            if at > now:
                wake_at = min(wake_at, at)
        for status in sorted(await self._attempts.catalogue.recipients.statuses(due), key=uploader_rank):
            self.serve(status.recipient)
        return wake_at

    def _hurry(self, recipients: Iterable[Recipient], now: datetime) -> datetime:
        """Let chats be served whatever their pauses, if Telegram answers again; returns when to look."""
        at = self._hurried_at
        if self._answered and at is not None and timedelta(0) <= now - at < HURRY_AGAIN:
            return at + HURRY_AGAIN
        if self._answered:
            self._answered, self._hurried_at, self._refused_at = False, now, None
            self._hurried = {recipient for recipient in recipients if recipient.is_chat}
        return now + timedelta(seconds=LOOK_AGAIN)

    async def _cut_short(self, recipient: Recipient) -> None:
        """Make due what waits for its next try, but for a wait that the chat itself asked for."""
        if self._attempts.rows.archive_waits(recipient.chat_id):
            return
        for row in await self._attempts.catalogue.deliveries.owed(recipient=recipient):
            waits = row.state is DeliveryState.PENDING and row.next_try_at is not None
            if waits and (row.backup_id, recipient) not in self._claims:
                await self._attempts.rows.release(row)

    async def _head(self, recipient: Recipient) -> Delivery | None:
        """The newest delivery owed; older ones wait behind it, as what keeps it from going would keep them too."""
        for row in await self._attempts.catalogue.deliveries.owed(recipient=recipient):
            if row.state is not DeliveryState.PARKED and (row.backup_id, recipient) not in self._claims:
                return row
        return None

    async def _serve(self, recipient: Recipient) -> None:
        while not self._attempts.nursery.closing.is_set():
            row = await self._head(recipient)
            if row is None or not is_due(row, self._attempts.clock()):
                return
            recipient = (await self._deliver(row)).recipient

    async def _deliver(self, row: Delivery) -> Delivery:
        status = (await self._attempts.catalogue.recipients.statuses([row.recipient]))[0]
        outgoing = await self._attempts.outgoing.prepare(await self._attempts.catalogue.backups.get(row.backup_id))
        trusted = status.last_sent_at is not None
        request = SendRequest(silent=True, rank=uploader_rank(status), trusted=trusted, abort=Abort())
        row = await self._attempts.attempt(row, outgoing, request)
        self._settled(row)
        if row.state is DeliveryState.SENT:
            await self._attempts.rows.settle(row.backup_id)
        return row

    async def _try_parked(self, recipient: Recipient) -> None:
        """Try a parked recipient with the newest that it is owed, or a line: only what arrives counts."""
        if not await self._attempts.check_reachable(recipient):
            return
        recipient = await self._attempts.catalogue.recipients.current(recipient)
        for row in await self._attempts.catalogue.deliveries.owed(recipient=recipient):
            if (row.backup_id, recipient) not in self._claims:
                await self._deliver(row)
            return
        await self._attempts.greet(recipient)

    def _start(self, recipient: Recipient, work: Coroutine[Any, Any, None]) -> None:
        task = self._serving[recipient] = self._attempts.nursery.start(work)
        task.add_done_callback(lambda task: self._ended(recipient, task))

    def _ended(self, recipient: Recipient, task: asyncio.Task[None]) -> None:
        del self._serving[recipient]
        failure = None if task.cancelled() else task.exception()
        if failure is None:
            self._failures, self._said = 0, ""
        elif isinstance(failure, Refused):
            logger.warning("{}: {}; chats are tried again in a minute", recipient.address, failure.sentence)
            self._refused_at = self._attempts.clock()
        else:
            self._failure = failure
        self.nudge()
