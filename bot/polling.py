"""Receive updates: long polling that says what is wrong, never gives up on a passing fault, and drains at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiogram import Bot, Dispatcher
from aiogram.exceptions import (
    TelegramConflictError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import Update
from loguru import logger

from bot.errors import TelegramError
from bot.journal import redact
from bot.services.delivery.telegram_answers import Updates, get_updates

POLL_SECONDS = 25
LONGEST_WAIT = 30.0
DRAIN_SECONDS = 3.0

UNAUTHORIZED = "Telegram does not know this bot token (401 Unauthorized)."
UNAUTHORIZED_HINT = "Copy BOT_TOKEN again from @BotFather; a revoked token never works again."
CONFLICT = "Another process polls Telegram with this bot token; buttons may be answered there instead of here."
WEBHOOK = "This bot had a webhook set; it is deleted, since updates are polled for."


class Poller:
    """Feeds a dispatcher with updates, each handled in a task of its own.

    aiogram's own loop retries a 401 for ever, ignores retry_after, stops at a 502 on its first call, and does not wait
    for handlers at the end; hence this one. `trouble` is the sentence for the status, empty while all is well.
    """

    def __init__(
        self,
        bot: Bot,
        dispatcher: Dispatcher,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.trouble = ""
        self.on_conflict: Callable[[], None] = lambda: None
        """Called each time somebody else was found polling with this token."""
        self._bot = bot
        self._dispatcher = dispatcher
        self._sleep = sleep
        self._handling: set[asyncio.Task[object]] = set()
        self._offset: int | None = None

    async def run(self) -> None:
        """Poll until cancelled. Raises `TelegramError` only where waiting can't help: the token is refused."""
        failures = 0
        while True:
            try:
                updates = await get_updates(
                    self._bot,
                    offset=self._offset,
                    timeout=POLL_SECONDS,
                    allowed_updates=self._dispatcher.resolve_used_update_types(),
                    request_timeout=POLL_SECONDS + 15,
                )
            except TelegramUnauthorizedError as error:
                raise TelegramError(UNAUTHORIZED, hint=UNAUTHORIZED_HINT) from error
            except TelegramRetryAfter as error:
                self._say(f"Telegram asks this bot to wait {error.retry_after} s.")
                await self._sleep(error.retry_after)
            except TelegramConflictError as error:
                failures += 1
                await self._resolve_conflict(str(error))
                await self._sleep(_wait(failures))
            except Exception as error:  # whatever the network or a proxy in front sends: polling must outlive it
                failures += 1
                self._say(f"Telegram can't be reached: {_brief(error)}")
                await self._sleep(_wait(failures))
            else:
                failures = 0
                if self.trouble:
                    logger.info("Telegram answers again")
                    self.trouble = ""
                self._handle(updates)

    async def stop(self) -> None:
        """Let the handlers under way finish, tell Telegram what was received, and cancel what is left."""
        if self._handling:
            await asyncio.wait(self._handling, timeout=DRAIN_SECONDS)
        for task in self._handling:
            task.cancel()
        await asyncio.gather(*self._handling, return_exceptions=True)
        if self._offset is not None and not self.trouble:
            try:
                # Without this the last press would be delivered again at the next start.
                await self._bot.get_updates(offset=self._offset, timeout=0, limit=1, request_timeout=2)
            except Exception as error:  # the service ends anyway
                logger.debug("the last updates could not be confirmed: {}", redact(str(error)))

    def _handle(self, updates: Updates) -> None:
        if updates.offset is not None:
            self._offset = updates.offset
        for update in updates.readable:
            task: asyncio.Task[object] = asyncio.create_task(self._feed(update))
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)

    async def _feed(self, update: Update) -> None:
        try:
            await self._dispatcher.feed_update(self._bot, update)
        except Exception:  # the error router has answered; this is its own failure
            logger.exception("update {} could not be handled", update.update_id)

    async def _resolve_conflict(self, text: str) -> None:
        if "webhook" not in text:
            self._say(CONFLICT)
            self.on_conflict()
            return
        self._say(WEBHOOK)
        try:
            await self._bot.delete_webhook()
        except Exception as error:  # tried again at the next conflict
            logger.warning("the webhook could not be deleted: {}", redact(str(error)))

    def _say(self, trouble: str) -> None:
        """Log a trouble once, not at every attempt."""
        if trouble != self.trouble:
            self.trouble = trouble
            logger.warning(trouble)


def _brief(error: Exception) -> str:
    """The first line of what went wrong; a proxy's answer can be a whole page."""
    said = redact(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:200]}" if said else type(error).__name__


def _wait(failures: int) -> float:
    """1 s, 2 s, 4 s … 30 s."""
    return min(LONGEST_WAIT, 2.0 ** (failures - 1))
