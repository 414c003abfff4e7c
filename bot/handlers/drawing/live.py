"""Follows work in a message until its end, redrawn at a bounded pace, whatever becomes of the message."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiogram.exceptions import AiogramError, TelegramRetryAfter
from loguru import logger

from bot.handlers.drawing.screen import Edited, MessageSlot, Screen
from bot.services.concurrency.nursery import Nursery, race
from bot.services.messages.live import LiveKind, LiveMessages

_LAST_WORDS = (1.0, 3.0, 10.0)
"""Seconds between the attempts to draw a result: without it the message would show work that never ends."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often live views are redrawn at most: so many seconds lie between two edits in one chat.

    Edits count in the flood limit of a chat, about 20 a minute: fewer than these, and the archive never waits for them.
    While one waits for its turn all the same (`archive_waits` tells for how many seconds it may), nothing is redrawn.
    """

    every: float = 4.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    archive_waits: Callable[[int], float] = lambda _chat: 0.0
    _views: Counter[int] = field(default_factory=Counter)

    @contextmanager
    def watching(self, chat_id: int) -> Iterator[None]:
        """Count a view that is drawn in a chat: all of them share its budget."""
        self._views[chat_id] += 1
        try:
            yield
        finally:
            self._views[chat_id] -= 1

    def seconds(self, chat_id: int) -> float:
        """How long each view in the chat waits between two edits."""
        return self.every * max(1, self._views[chat_id])

    def may_draw(self, chat_id: int) -> bool:
        """Whether progress may be drawn in the chat now: it gives way to an archive that waits for its turn there."""
        return self.archive_waits(chat_id) <= 0

    def after_flood(self, error: TelegramRetryAfter) -> float:
        """How long an edit waits when Telegram asks for it: longer than an archive that waits too, which goes first."""
        return float(error.retry_after) + self.every


@dataclass(slots=True)
class Shown:
    """The message in which work is followed, on record as such while it shows that work."""

    messages: LiveMessages
    slot: MessageSlot
    kind: LiveKind
    about: str
    _noted: tuple[int, int] | None = None

    async def note(self) -> None:
        """Bring the record up to date: it may be another message by now, or show something else."""
        slot = self.slot
        place = (slot.chat_id, slot.message_id) if slot.message_id is not None and slot.current else None
        if place != self._noted:
            await self.end()
            if place is not None:
                await self.messages.follow_message(*place, self.kind, self.about)
            self._noted = place

    async def end(self) -> None:
        """Take it off the record."""
        if self._noted is not None:
            await self.messages.end_message(*self._noted, self.kind)
            self._noted = None

    def leave(self) -> None:
        """Let whoever looks after the chats bring it to its end."""
        if self._noted is not None:
            self.messages.leave_message(*self._noted)


@dataclass(frozen=True, slots=True)
class LiveView:
    """Draws work in messages; the work never waits for a message, and a failing edit ends nothing."""

    pace: Pace
    messages: LiveMessages
    tasks: Nursery = field(default_factory=Nursery)
    """Work that messages follow; it belongs to the service, and goes on although its handler is cancelled."""

    @asynccontextmanager
    async def showing(self, slot: MessageSlot, kind: LiveKind, about: str = "") -> AsyncIterator[Shown]:
        """Have the message on record as one that shows work, until it was drawn how that ended.

        It stays on record where a shutdown or Telegram keeps the end from being drawn.
        """
        shown = Shown(self.messages, slot, kind, about)
        await shown.note()
        try:
            yield shown
        except (AiogramError, asyncio.CancelledError):
            shown.leave()
            raise
        except Exception:
            await shown.end()
            raise
        else:
            await shown.end()

    async def follow(self, shown: Shown, screen: Callable[[], Screen], work: asyncio.Future[Any]) -> None:
        """Redraw until the work ends; while another screen is open in the message, it is left alone.

        A failing edit ends nothing: a message that is gone is left alone, any other trouble is tried again.
        """
        drawn, gone, slot = "", False, shown.slot
        with self.pace.watching(slot.chat_id):
            while not work.done():
                wait, now = self.pace.seconds(slot.chat_id), screen()
                await shown.note()
                if slot.current and not gone and now.text != drawn and self.pace.may_draw(slot.chat_id):
                    try:
                        if slot.message_id is None:
                            await slot.draw(now)
                        else:
                            gone = await slot.edit(now) is Edited.GONE
                        drawn = now.text
                        await shown.note()
                    except TelegramRetryAfter as error:
                        wait = max(wait, self.pace.after_flood(error))
                    except Exception as error:  # the network, a proxy's HTML, a refusal: none of it may hurt the work
                        logger.debug("the progress could not be drawn: {}", type(error).__name__)
                await race(self.pace.sleep(wait), asyncio.wait([work]))

    async def settle(self, slot: MessageSlot, screen: Screen) -> None:
        """Draw the last screen, also when Telegram asks to wait or can't be reached for a moment."""
        for wait in _LAST_WORDS:
            try:
                await slot.draw(screen)
            except TelegramRetryAfter as error:
                await self.pace.sleep(float(error.retry_after))
            except Exception as error:  # the network, a proxy's HTML: tried again
                logger.debug("the result could not be drawn: {}", type(error).__name__)
                await self.pace.sleep(wait)
            else:
                return
        await slot.draw(screen)
