"""Follows work in a message until its end, redrawn at a bounded pace, whatever becomes of the message."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiogram.exceptions import TelegramRetryAfter
from loguru import logger

from bot.handlers.drawing.screen import Edited, MessageSlot, Screen
from bot.services.concurrency.nursery import Nursery, race

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


@dataclass(frozen=True, slots=True)
class LiveView:
    """Draws work in messages; the work never waits for a message, and a failing edit ends nothing."""

    pace: Pace
    tasks: Nursery = field(default_factory=Nursery)
    """Work that messages follow; it belongs to the service, and goes on although its handler is cancelled."""

    async def follow(self, slot: MessageSlot, screen: Callable[[], Screen], work: asyncio.Future[Any]) -> None:
        """Redraw until the work ends; while another screen is open in the message, it is left alone.

        A failing edit ends nothing: a message that is gone is left alone, any other trouble is tried again.
        """
        drawn, gone = "", False
        with self.pace.watching(slot.chat_id):
            while not work.done():
                wait, now = self.pace.seconds(slot.chat_id), screen()
                if slot.current and not gone and now.text != drawn and self.pace.may_draw(slot.chat_id):
                    try:
                        if slot.message_id is None:
                            await slot.draw(now)
                        else:
                            gone = await slot.edit(now) is Edited.GONE
                        drawn = now.text
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
