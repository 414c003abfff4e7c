"""Receives updates by long polling, or only asks whether Telegram answers; outlives faults, and drains at the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramConflictError, TelegramNotFound, TelegramRetryAfter, TelegramUnauthorizedError
from aiogram.types import Update
from aiogram.types.update import UpdateTypeLookupError
from loguru import logger

from bot.clock import Sleep
from bot.errors import CourierError, TelegramError
from bot.journal.redaction import redact
from bot.models import NO_REASON, Reason, WarningCode, because
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.polling import PollingState
from bot.services.telegram.answers import Updates, get_updates
from bot.words.warnings import warning_words

POLL_SECONDS = 25
LONGEST_WAIT = 30.0
ASK_AGAIN = 60.0
"""Seconds between two tries while the token is refused, after some quicker ones; for as long as it takes."""

LOOK_EVERY = 60.0
"""Seconds between two questions whether Telegram answers, where nothing is received."""

DRAIN_SECONDS = 2.0
TURN = 0.1
"""Seconds after which the sender's next update is begun beside one that takes longer."""

AT_ONCE = 32
"""Senders who have their turn at the same time; more of them wait for one to end."""

NEVER_GOOD = "Telegram does not know this bot token (401 Unauthorized)."
NEVER_GOOD_HINT = "Copy BOT_TOKEN again from @BotFather; a revoked token never works again."


class Poller:
    """Feeds a dispatcher with updates: those of one sender in their order, and a bounded number at once.

    An update has its sender's turn until it is handled, or for `TURN` seconds: a handler that follows a run for minutes
    keeps nobody waiting. However often somebody presses, the others have turns of their own.

    aiogram's own loop ignores retry_after, stops at a 502 on its first call, waits for ever with a token that was never
    good, and does not wait for handlers at the end; hence this one.
    """

    def __init__(
        self,
        bot: Bot,
        dispatcher: Dispatcher | None,
        catalogue: Catalogue,
        *,
        state: PollingState,
        conflict: Callable[[], None],
        token_changed: Callable[[], None],
        answers_again: Callable[[], None],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """The catalogue knows whether the token was ever good. `state` is kept up to date for others to read.

        Without a dispatcher nothing is received, so that another process can poll with this token: Telegram is only
        asked every few minutes whether it is there and accepts the token.

        `conflict` is called each time somebody else was found polling with this token, `token_changed` when the number
        of refusals has changed, `answers_again` when Telegram answers after it could not be reached or refused.
        """
        self._bot, self._dispatcher, self._catalogue = bot, dispatcher, catalogue
        self.state = state
        self._conflict, self._token_changed, self._answers_again = conflict, token_changed, answers_again
        self._sleep = sleep
        self._handling = Nursery()
        self._waiting: dict[int | None, deque[Update]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._offset: int | None = None

    async def run(self) -> None:
        """Poll until cancelled. Raises `TelegramError` only where waiting can't help: the token was never good.

        One that was good can be refused for a while, for instance after a forced log-out on the server's side: that is
        told, and asked again for as long as it takes.
        """
        failures = 0
        while True:
            try:
                updates = await self._ask()
            except (TelegramUnauthorizedError, TelegramNotFound) as error:  # 404: what is no token at all
                if not self.state.heard and not await self._catalogue.bot.token_was_good(self._bot.token):
                    raise TelegramError(NEVER_GOOD, hint=NEVER_GOOD_HINT) from error
                self._count_refusals(self.state.refusals + 1)
                self._say(Reason(WarningCode.TOKEN_REFUSED))
                await self._sleep(_wait(self.state.refusals, longest=ASK_AGAIN))
            except TelegramRetryAfter as error:
                self._say(because(WarningCode.TOLD_TO_WAIT, seconds=error.retry_after))
                await self._sleep(error.retry_after)
            except TelegramConflictError as error:
                failures += 1
                await self._resolve_conflict(str(error))
                await self._sleep(_wait(failures))
            except Exception as error:  # whatever the network or a proxy in front sends: polling must outlive it
                failures += 1
                self._say(because(WarningCode.UNREACHED, said=_brief(error)))
                await self._sleep(_wait(failures))
            else:
                failures = 0
                self._count_refusals(0)
                if not self.state.heard:
                    self.state.heard = True
                    await self._note_good_token()
                if self.state.trouble:
                    logger.info("Telegram answers again")
                    if self._cut_off:
                        self._answers_again()
                    self.state.trouble = NO_REASON
                self._handle(updates)
                if self._dispatcher is None:
                    await self._sleep(LOOK_EVERY)

    async def stop(self) -> None:
        """Let the handlers under way finish, tell Telegram what was received, and cancel what is left."""
        await self._handling.drain(DRAIN_SECONDS)
        if self._offset is not None and not self.state.trouble:
            try:
                # Without this the last press would be delivered again at the next start.
                await self._bot.get_updates(offset=self._offset, timeout=0, limit=1, request_timeout=2)
            except Exception as error:  # the service ends anyway
                logger.debug("the last updates could not be confirmed: {}", redact(str(error)))

    @property
    def _cut_off(self) -> bool:
        """Whether Telegram could not be reached or refused when it was last asked; in a conflict it is there."""
        return self.state.trouble.code not in ("", WarningCode.CONFLICT, WarningCode.WEBHOOK)

    async def _ask(self) -> Updates:
        """Poll; where nothing is received, let Telegram say that it accepts the token."""
        if self._dispatcher is None:
            await self._bot.get_me(request_timeout=POLL_SECONDS)
            return Updates()
        return await get_updates(
            self._bot,
            offset=self._offset,
            # Whether Telegram is there and accepts the token is to be known at once.
            timeout=POLL_SECONDS if self.state.heard and not self._cut_off else 0,
            allowed_updates=self._dispatcher.resolve_used_update_types(),
            request_timeout=POLL_SECONDS + 15,
        )

    def _handle(self, updates: Updates) -> None:
        if updates.offset is not None:
            self._offset = updates.offset
        for update in updates.readable:
            sender = _sender(update)
            if update.message is not None and update.message.media_group_id is not None:
                # An album, sent as one and meant as one: its parts do not wait for one another.
                self._handling.start(self._feed(update))
            elif sender in self._waiting:
                self._waiting[sender].append(update)
            else:
                self._waiting[sender] = deque([update])
                self._handling.start(self._take_turns(sender))

    async def _take_turns(self, sender: int | None) -> None:
        """Begin what the sender has sent, one after the other, until nothing is left."""
        waiting = self._waiting[sender]
        while waiting:
            async with self._turns:
                await asyncio.wait({self._handling.start(self._feed(waiting.popleft()))}, timeout=TURN)
        del self._waiting[sender]

    async def _feed(self, update: Update) -> None:
        assert self._dispatcher is not None  # noqa: S101 - without one there are no updates
        try:
            await self._dispatcher.feed_update(self._bot, update)
        except Exception:  # the error router has answered; this is its own failure
            logger.exception("update {} could not be handled", update.update_id)

    async def _resolve_conflict(self, text: str) -> None:
        if "webhook" not in text:
            self._say(Reason(WarningCode.CONFLICT))
            self._conflict()
            return
        self._say(Reason(WarningCode.WEBHOOK))
        try:
            await self._bot.delete_webhook()
        except Exception as error:  # tried again at the next conflict
            logger.warning("the webhook could not be deleted: {}", redact(str(error)))

    def _count_refusals(self, refusals: int) -> None:
        if refusals != self.state.refusals:
            self.state.refusals = refusals
            self._token_changed()

    async def _note_good_token(self) -> None:
        try:
            await self._catalogue.bot.remember_good_token(self._bot.token)
        except CourierError as error:  # a full disk is no reason to hear nobody
            logger.error("that the token is good could not be written down: {}", error.sentence)

    def _say(self, trouble: Reason) -> None:
        """Log a trouble once, not at every attempt."""
        if trouble != self.state.trouble:
            self.state.trouble = trouble
            logger.warning("{}", warning_words(trouble))


def _sender(update: Update) -> int | None:
    """Who sent it; None where nobody did, such as a post in a channel."""
    try:
        return getattr(getattr(update.event, "from_user", None), "id", None)
    except UpdateTypeLookupError:  # of a kind that aiogram does not know yet
        return None


def _brief(error: Exception) -> str:
    """The first line of what went wrong; a proxy's answer can be a whole page."""
    said = redact(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:200]}" if said else type(error).__name__


def _wait(failures: int, *, longest: float = LONGEST_WAIT) -> float:
    """1 s, 2 s, 4 s … `longest`."""
    return min(longest, 2.0 ** min(failures - 1, 10))  # bounded: a day without a network would leave the floats behind
