"""Keeps the list of restore points pinned in each admin's private chat, for the day this machine is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from loguru import logger

from bot.clock import Clock, Sleep
from bot.errors import CourierError
from bot.models import RECENT, Recipient, RestorePoint
from bot.services.catalogue import Catalogue, PinnedMessage
from bot.services.contracts.chats import Chats, Pinned, PostedDocument
from bot.services.contracts.destination import (
    MessageGone,
    NoticeButton,
    NotModified,
    Outcome,
    Parked,
    Refused,
    StaleFile,
    Transient,
    Wait,
)
from bot.services.people.people import People
from bot.services.recovery.document import (
    DOCUMENT_NAME,
    Document,
    DocumentError,
    ServerPart,
    merge,
    read_parts,
    read_posted,
    topics_in,
    write_document,
    write_parts,
)

KeptSettings = Callable[[], Awaitable[Mapping[str, str]]]

TRY_AGAIN = 60.0
"""Seconds after which a chat that could not be brought up to date is tried again, doubled up to `LONGEST_PAUSE`."""

LONGEST_PAUSE = 600.0
GATHER = 1.0
"""Seconds in which further news join one edit: ten deliveries settle one after the other."""

UNREADABLE_AFTER = 3
"""Looks after which a file that Telegram does not give out counts as gone: it says the same when it is only busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedWords:
    """What stands with the list: `caption` gives HTML for its points and the names of the other servers in it.

    `buttons` gives what stands under it in a chat.
    """

    caption: Callable[[tuple[RestorePoint, ...], tuple[str, ...]], Awaitable[str]]
    buttons: Callable[[int], tuple[NoticeButton, ...]] = lambda _chat_id: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PinnedInChat:
    """What was found in a chat: `known` is our message as we remember it, `top` what is pinned above everything."""

    chat_id: int
    known: PinnedMessage | None
    top: Pinned | None

    @property
    def ours_on_top(self) -> PostedDocument | None:
        """The document on top, if we sent it, whether or not we remember that."""
        document = self.top.document if self.top else None
        return document if document and document.ours and document.name == DOCUMENT_NAME else None


class PinKeeper:
    """Keeps the document of restore points pinned in every admin's private chat, one message in each.

    The message is edited in place, without a sound. What stands there that we did not write ourselves (another
    machine's, or from before the catalogue was lost) is read and taken over first: it is never written over unread.
    Servers that share a bot share the message: each writes its own part, and leaves those of the others as they are.
    Trouble here is logged, tried again, and nobody's failure.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        chats: Chats,
        *,
        people: People,
        server: str = "",
        words: PinnedWords,
        settings: KeptSettings,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`settings` gives those of `kept_settings` as they are now; `server` is this one's name, empty without one."""
        self._catalogue, self._chats = catalogue, chats
        self._people, self._server = people, server
        self._words, self._settings = words, settings
        self._clock, self._sleep = clock, sleep
        self._nudged = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._wrote_at: datetime | None = None
        self._unreadable: Counter[str] = Counter()  # by unique_id

    def nudge(self) -> None:
        """Something changed: bring the pinned messages up to date soon."""
        self._nudged.set()

    async def run(self) -> None:
        """Bring the messages up to date now and after every nudge, until cancelled. Raises nothing."""
        failures = 0
        self.nudge()
        while True:
            await self._nudged.wait()
            await self._sleep(GATHER)
            self._nudged.clear()
            try:
                pause = await self.refresh()
            except Exception as error:
                logger.opt(exception=not isinstance(error, CourierError)).error("pinned messages: {}", error)
                pause = TRY_AGAIN
            failures = failures + 1 if pause else 0
            if pause:
                await self._sleep(max(pause, min(TRY_AGAIN * 2 ** min(failures - 1, 10), LONGEST_PAUSE)))
                self.nudge()

    async def refresh(self) -> float:
        """Bring every admin's message up to date; return 0, or the seconds after which to try again.

        Raises `CatalogueError` only.
        """
        async with self._refreshing:
            pauses: list[float] = []
            await self._take_down(pauses)
            pins = await self._read_pins(pauses)
            if pins:
                await self._write(pins, pauses)
            return max(pauses, default=0.0)

    async def _take_down(self, pauses: list[float]) -> None:
        """Take our message out of the chats of people who are no admins any more."""
        for known in await self._catalogue.messages.all_pinned():
            if known.chat_id in self._people.admin_ids:
                continue
            try:
                await self._chats.remove(known.chat_id, known.message_id)
            except (Wait, Transient) as outcome:
                self._put_off(known.chat_id, outcome, pauses)
                continue
            except Outcome as outcome:
                logger.info("the pinned message in chat {} could not be removed: {}", known.chat_id, outcome)
            await self._catalogue.messages.forget_pinned(known.chat_id)

    # --- reading -------------------------------------------------------------------------------------------------

    async def _read_pins(self, pauses: list[float]) -> list[_PinnedInChat]:
        """Look into every chat that takes messages, and take over what we did not write."""
        parked = {
            recipient.chat_id for recipient in await self._catalogue.recipients.parked() if recipient.thread_id is None
        }
        pins = []
        for chat_id in self._people.admin_ids:
            if chat_id in parked:
                continue
            try:
                pin = _PinnedInChat(
                    chat_id=chat_id,
                    known=await self._catalogue.messages.pinned(chat_id),
                    top=await self._chats.pinned(chat_id),
                )
                if (foreign := pin.ours_on_top) and (pin.known is None or foreign.unique_id != pin.known.unique_id):
                    pin = await self._take_over(pin, foreign)
                pins.append(pin)
            except Outcome as outcome:
                self._put_off(chat_id, outcome, pauses)
        return pins

    async def _take_over(self, pin: _PinnedInChat, found: PostedDocument) -> _PinnedInChat:
        """Learn the restore points of a document that we did not write; raises the `Outcome` of a passing trouble."""
        try:
            document = await read_posted(self._chats, found)
        except (DocumentError, StaleFile) as error:
            self._unreadable[found.unique_id] += 1
            if isinstance(error, StaleFile) and self._unreadable[found.unique_id] < UNREADABLE_AFTER:
                raise
            # It can't be read, and may be worth something to somebody: it is left as it is, below a new one.
            logger.warning("the pinned catalogue in chat {} is left alone: {}", pin.chat_id, error)
            return _PinnedInChat(chat_id=pin.chat_id, known=None, top=None)
        learned = await self._learn(document)
        logger.info("chat {}: {} restore points learned from the pinned message", pin.chat_id, learned)
        if found.forwarded:
            return pin  # a person's copy: Telegram lets us edit our own message alone, which is sent above it
        known = PinnedMessage(chat_id=pin.chat_id, message_id=found.message_id, unique_id=found.unique_id)
        await self._catalogue.messages.set_pinned(known)
        if pin.known is not None and pin.known.message_id != found.message_id:
            await self._chats.remove(pin.chat_id, pin.known.message_id)
        return _PinnedInChat(chat_id=pin.chat_id, known=known, top=pin.top)

    async def _learn(self, document: Document) -> int:
        """Take over what is ours, and keep what others say of themselves; return how many points were learned."""
        known = {part.server: part for part in await self._others()}
        learned = 0
        for part in document.parts:
            if part.server == self._server:
                if self._wrote_at is None or part.written_at > self._wrote_at:  # else it is what we said ourselves
                    learned += await self._catalogue.restore_points.learn(part.points)
                    for chat_id, thread_id in topics_in(part.settings).items():
                        await self._catalogue.recipients.learn_topic(chat_id, thread_id)
            elif part.server not in known or known[part.server].written_at <= part.written_at:
                known[part.server] = part
        await self._catalogue.messages.set_other_servers(write_parts(tuple(known.values())))
        return learned

    async def _others(self) -> tuple[ServerPart, ...]:
        return read_parts(await self._catalogue.messages.other_servers())

    # --- writing -------------------------------------------------------------------------------------------------

    async def _write(self, pins: list[_PinnedInChat], pauses: list[float]) -> None:
        points = merge(
            await self._catalogue.restore_points.select(recent=RECENT),
            await self._catalogue.restore_points.last_by_database(),
        )
        settings, now = dict(await self._settings()), self._clock()
        document, content = write_document(
            Document(
                bot_id=self._chats.bot_id,
                written_at=now,
                settings=settings,
                points=points,
                server=self._server,
                others=await self._others(),
            )
        )
        others = tuple(part.server or "a server without a name" for part in document.others)
        caption = await self._words.caption(document.points, others)
        uploaded: bytes | str = content
        for pin in pins:
            if not points and pin.known is None:
                continue  # nothing to find again yet: no message worth a person's glance
            try:
                posted = await self._put(pin, uploaded, caption)
                self._wrote_at = now
            except StaleFile as outcome:
                uploaded = content
                self._put_off(pin.chat_id, outcome, pauses)
            except Outcome as outcome:
                self._put_off(pin.chat_id, outcome, pauses)
            else:
                uploaded = posted.file_id if posted else uploaded  # uploaded once, everybody else's by its file_id

    async def _put(self, pin: _PinnedInChat, content: bytes | str, caption: str) -> PostedDocument | None:
        """Edit our message where it can be found again, else send a new one, pin it, and put the old one away."""
        known, top_id = pin.known, pin.top.message_id if pin.top else 0
        buttons = self._words.buttons(pin.chat_id)
        posted: PostedDocument | None = None
        # getChat shows the pinned message that was sent last: below somebody's newer one ours would not be found.
        if known is not None and top_id <= known.message_id:
            try:
                with suppress(NotModified):
                    posted = await self._chats.replace(
                        pin.chat_id, known.message_id, DOCUMENT_NAME, content, caption, buttons
                    )
                    await self._remember(pin.chat_id, posted)
                if top_id != known.message_id:
                    await self._chats.pin(pin.chat_id, known.message_id)
                return posted
            except MessageGone:
                logger.info("chat {}: the pinned message is gone; a new one is sent", pin.chat_id)
                known = None
        posted = await self._chats.post(pin.chat_id, DOCUMENT_NAME, content, caption, buttons)
        await self._remember(pin.chat_id, posted)
        await self._chats.pin(pin.chat_id, posted.message_id)
        if known is not None:
            await self._chats.remove(pin.chat_id, known.message_id)
        return posted

    async def _remember(self, chat_id: int, posted: PostedDocument) -> None:
        await self._catalogue.messages.set_pinned(
            PinnedMessage(chat_id=chat_id, message_id=posted.message_id, unique_id=posted.unique_id)
        )

    def _put_off(self, chat_id: int, outcome: Outcome, pauses: list[float]) -> None:
        logger.warning("the pinned message of {} is not up to date: {}", Recipient(chat_id=chat_id).address, outcome)
        if isinstance(outcome, (Parked, Refused)):
            return  # until a person does something, who brings the next nudge
        pauses.append(outcome.seconds if isinstance(outcome, Wait) else TRY_AGAIN)
