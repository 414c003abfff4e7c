"""Keeps the chats in order: the digest of the day, the note that nothing changed, and the tidying."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from loguru import logger

from bot.clock import Clock, Sleep
from bot.config.settings import Settings
from bot.errors import CourierError
from bot.models import Backup, Delivery, MessageChoice, MessageMode, Recipient, WhenUnchanged
from bot.services.catalogue import Catalogue, KeptMessage
from bot.services.contracts.destination import MessageGone, Notice, NoticeChannel, Outcome, Parked, Undeletable, Wait
from bot.services.messages.digest import Digest
from bot.services.messages.live import TellLeft
from bot.services.messages.preferences import Preferences
from bot.services.messages.tidying import TidyDecision, plan_tidy
from bot.services.messages.week import DrawWeek, PictureChannel, ReadDays, WeeklyPicture

GATHER = 1.0
"""Seconds in which further news join one edit."""

LOOK_AGAIN = 600.0
"""Seconds between two looks without any news: messages grow old by themselves."""

TRY_AGAIN = 60.0
BETWEEN_DELETIONS = 1.1
"""Seconds: Telegram wants about one request per second and chat."""

LOOK_BACK = timedelta(days=4)
"""Older messages can't be deleted, and the days of those that can are whole in this."""

DIGEST, NOTE = "digest", "unchanged"


class EditableMessages(NoticeChannel, PictureChannel, Protocol):
    """The chats, as a place for messages that change. Every method raises an `Outcome` when it fails."""

    async def delete_messages(self, recipient: Recipient, message_ids: Sequence[int]) -> None: ...


class Sentences(Protocol):
    """The texts, made by whoever talks to people; `draw_week` is None where no picture is to be sent."""

    @property
    def days(self) -> ReadDays: ...

    @property
    def draw_week(self) -> DrawWeek | None: ...

    async def digest(self, digest: Digest) -> str: ...

    def unchanged_note(self, since: Backup, runs: Sequence[Backup]) -> str: ...

    @property
    def left(self) -> TellLeft: ...


def day_bounds(day: date, timezone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants at which a local day begins and ends: 23, 24 or 25 hours apart."""
    begin = datetime.combine(day, time(), tzinfo=timezone)
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=timezone)
    return begin, end


class ChatMaintenance:
    """Keeps one digest per admin and day, and one note per chat and archive, edited in place; and tidies the chats.

    A restart goes on with the same messages, as their ids are in the catalogue. Nothing here ever makes a sound, and
    trouble here is logged, tried again, and nobody's failure.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        notes: EditableMessages,
        preferences: Preferences,
        sentences: Sentences,
        *,
        tidied: Callable[[], None],
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        """`tidied` is told when restore points have left a chat."""
        self._catalogue, self._notes, self._preferences, self._texts = catalogue, notes, preferences, sentences
        self._people = preferences.people
        self._timezone, self._when_unchanged = settings.timezone, settings.when_unchanged
        self._keep = timedelta(hours=settings.chat_keep_hours) or None
        self._tidied, self._clock, self._sleep = tidied, clock, sleep
        self._week = (
            WeeklyPicture(
                catalogue, notes, sentences.draw_week, sentences.days, timezone=settings.timezone, clock=clock
            )
            if sentences.draw_week is not None
            else None
        )
        self._nudged = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._not_before: dict[int, datetime] = {}  # by chat: what Telegram asked for

    def nudge(self) -> None:
        """Something changed: bring the messages up to date soon."""
        self._nudged.set()

    async def run(self) -> None:
        """Keep everything up to date until cancelled. Raises nothing."""
        self.nudge()
        pause = LOOK_AGAIN
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._nudged.wait()
            await self._sleep(GATHER)
            try:
                pause = min(await self.refresh() or LOOK_AGAIN, LOOK_AGAIN)
            except Exception as error:
                logger.opt(exception=not isinstance(error, CourierError)).error("messages in the chats: {}", error)
                pause = TRY_AGAIN

    async def refresh(self, *, tidy: bool = True) -> float:
        """Bring every message up to date and tidy what is due; return 0, or the seconds after which to try again.

        Raises `CatalogueError` only.
        """
        async with self._refreshing:
            self._nudged.clear()
            chats = await self._chats()
            pauses = [await self._end_left(chats)]
            pauses += [await self._tell(recipient) for recipient in chats]
            if tidy and self._keep is not None:
                pauses.append(await self._tidy())
            return max(pauses, default=0.0)

    async def _chats(self) -> list[Recipient]:
        """Everybody who may have a message to be kept in order, and can be reached."""
        wanted = [*self._people.admins, *self._people.chats]
        parked = await self._catalogue.recipients.parked()
        current = await self._catalogue.recipients.all_current(wanted)
        return [recipient for recipient in current if recipient not in parked and not recipient.is_auto]

    # --- messages that showed work -------------------------------------------------------------------------------

    async def _end_left(self, chats: Sequence[Recipient]) -> float:
        """Let messages whose work has ended without them say so; return as `_tell`."""
        pauses = [0.0]
        for kept, notice in await self._texts.left():
            if kept.recipient not in chats or (wait := self._wait_left(kept.recipient)) > 0:
                pauses.append(wait if kept.recipient in chats else 0.0)
                continue
            if notice is None:
                pauses.append(TRY_AGAIN)
                continue
            try:
                with suppress(MessageGone):
                    await self._notes.edit(kept.recipient, kept.message_id, notice)
            except Outcome as outcome:
                pauses.append(await self._put_off(kept.recipient, outcome))
            else:
                await self._catalogue.messages.forget(kept.recipient, kept.kind, kept.subject)
        return max(pauses)

    # --- messages that are edited --------------------------------------------------------------------------------

    async def _tell(self, recipient: Recipient) -> float:
        """Show a chat its digest or its note; return the seconds after which to try again, or 0."""
        if (wait := self._wait_left(recipient)) > 0:
            return wait
        try:
            choice = await self._preferences.of_chat(recipient)
            if choice.mode is MessageMode.DIGEST:
                await self._tell_digests(recipient, choice)
            elif choice.mode is MessageMode.EVERY and self._when_unchanged is WhenUnchanged.NOTE:
                await self._tell_unchanged(recipient)
            if self._week is not None and recipient.is_private and choice.mode is not MessageMode.TROUBLE:
                await self._week.tell(recipient)
        except Outcome as outcome:
            return await self._put_off(recipient, outcome)
        return 0.0

    async def _tell_digests(self, recipient: Recipient, choice: MessageChoice) -> None:
        """Show today's digest, and finish yesterday's: its last run may have ended after midnight, or unseen."""
        today = self._clock().astimezone(self._timezone).date()
        for day in (today - timedelta(days=1), today):
            begin, end = day_bounds(day, self._timezone)
            begun = choice.since is None or choice.since < end
            runs = await self._catalogue.backups.runs_between(begin, end)
            if runs and begun:
                received = await self._catalogue.deliveries.delivered_among(recipient, [run.id for run in runs])
                digest = Digest(day=day, runs=runs, received=received, databases=choice.databases, is_over=day != today)
                await self._show(recipient, DIGEST, day.isoformat(), await self._texts.digest(digest))

    async def _tell_unchanged(self, recipient: Recipient) -> None:
        newest = (await self._catalogue.deliveries.last_delivered([recipient])).get(recipient)
        if newest is None:
            return
        runs = await self._catalogue.deliveries.unchanged_since(recipient, newest)
        if runs:
            html = self._texts.unchanged_note(newest, runs)
            await self._show(recipient, NOTE, str(newest.id), html)

    async def _show(self, recipient: Recipient, kind: str, subject: str, html: str) -> None:
        """Edit the message that is there, or send one; nothing where it stands there already."""
        shown = hashlib.sha256(html.encode()).hexdigest()
        known = await self._catalogue.messages.kept(recipient, kind, subject)
        if known is not None and known.shown == shown:
            return
        message_id = None if known is None else known.message_id
        if message_id is not None:
            try:
                await self._notes.edit(recipient, message_id, Notice(html=html))
            except MessageGone:
                message_id = None
        if message_id is None:
            message_id = await self._notes.send(recipient, Notice(html=html))
        await self._catalogue.messages.keep(
            KeptMessage(recipient=recipient, kind=kind, subject=subject, message_id=message_id, shown=shown)
        )

    # --- tidying -------------------------------------------------------------------------------------------------

    async def plan_tidy(self) -> tuple[TidyDecision, ...]:
        """Say for every recent archive message whether it stays, and why; deletes nothing."""
        now = self._clock()
        delivered, backups = await self._catalogue.deliveries.delivered_since(now - LOOK_BACK)
        keep = None if await self._catalogue.service.clock_leapt() else self._keep
        return plan_tidy(delivered, backups, now=now, keep=keep)

    async def _tidy(self) -> float:
        """Delete one by one, at Telegram's pace; news are told first, and the rest is deleted after them."""
        reachable, pauses = set(await self._chats()), [0.0]
        for decision in await self.plan_tidy():
            recipient = decision.delivery.recipient
            if not decision.delete or recipient not in reachable:
                continue
            if self._nudged.is_set():
                pauses.append(GATHER)
                break
            if (wait := self._wait_left(recipient)) > 0:
                pauses.append(wait)
                continue
            try:
                await self._delete(decision.delivery)
            except Outcome as outcome:
                pauses.append(await self._put_off(recipient, outcome))
                reachable.discard(recipient)
            await self._sleep(BETWEEN_DELETIONS)
        return max(pauses)

    async def _delete(self, delivery: Delivery) -> None:
        """Delete what is left of an archive from a chat, and write down what became of it."""
        left = [volume for volume in delivery.volumes if not volume.deleted_at]
        numbers = [volume.number for volume in left]
        undeletable = ""
        try:
            await self._notes.delete_messages(delivery.recipient, [volume.message_id for volume in left])
        except Undeletable as outcome:
            undeletable = outcome.code
        await self._catalogue.deliveries.mark_tidied(delivery, numbers, undeletable)
        logger.info(
            "backup {} in chat {}: {}", delivery.backup_id, delivery.recipient.address, undeletable or "tidied away"
        )
        self._tidied()

    # --- what stands in the way ----------------------------------------------------------------------------------

    def _wait_left(self, recipient: Recipient) -> float:
        until = self._not_before.get(recipient.chat_id)
        return (until - self._clock()).total_seconds() if until is not None else 0.0

    async def _put_off(self, recipient: Recipient, outcome: Outcome) -> float:
        """Remember what stands in the way; return the seconds after which to try again."""
        if isinstance(outcome, Parked) and recipient in self._people.chats:
            await self._catalogue.recipients.park(recipient, outcome.reason)  # the ledger finds them again
            return 0.0
        logger.warning("chat {}: {}", recipient.address, outcome.sentence)
        seconds = (
            outcome.seconds if isinstance(outcome, Wait) else LOOK_AGAIN if isinstance(outcome, Parked) else TRY_AGAIN
        )
        self._not_before[recipient.chat_id] = self._clock() + timedelta(seconds=seconds)
        return seconds
