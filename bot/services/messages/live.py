"""Remembers which messages show work under way, so that a kill leaves none that shows it for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

from loguru import logger

from bot.errors import CourierError
from bot.models import Recipient
from bot.services.catalogue import Catalogue, KeptMessage
from bot.services.contracts.destination import Notice


class LiveKind(StrEnum):
    """What a message follows."""

    BACKUP = "backup"
    PLAN = "restore plan"
    RESTORE = "restore"
    DRILL = "test-restore"
    EXAMINATION = "full check"
    HEALTH = "health"
    UPLOAD = "upload"


TellLeft = Callable[[], Awaitable[Sequence[tuple[KeptMessage, Notice | None]]]]
"""Returns the messages that nobody follows, and what each is to say at last; None while that is not known yet."""


class LiveMessages:
    """The messages that are followed in this process, each of them a row among the kept messages until its end is told.

    A row that nobody follows here is left of an earlier process, or of an end that Telegram did not take.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._messages = catalogue.messages
        self._followed: set[tuple[int, int]] = set()

    async def follow_message(self, chat_id: int, message_id: int, kind: LiveKind, about: str) -> None:
        """Put a message on record: of a backup, `about` is when its run began, as an ISO interval. Raises nothing."""
        self._followed.add((chat_id, message_id))
        try:
            await self._messages.keep(
                KeptMessage(
                    recipient=Recipient(chat_id=chat_id),
                    kind=kind,
                    subject=str(message_id),
                    message_id=message_id,
                    shown=about,
                )
            )
        except CourierError as error:  # a full disk: the work is none the worse for it
            logger.debug("a live message is not on record: {}", error.sentence)

    async def end_message(self, chat_id: int, message_id: int, kind: LiveKind) -> None:
        """Take it off the record: it tells the end, or shows something else. Raises nothing."""
        self._followed.discard((chat_id, message_id))
        try:
            await self._messages.forget(Recipient(chat_id=chat_id), kind, str(message_id))
        except CourierError as error:
            logger.debug("a live message stays on record: {}", error.sentence)

    def leave_message(self, chat_id: int, message_id: int) -> None:
        """Follow it no more, although it does not tell the end yet."""
        self._followed.discard((chat_id, message_id))

    async def left(self) -> tuple[KeptMessage, ...]:
        """Return those that nobody follows and that do not tell an end. Raises `CatalogueError`."""
        return tuple(
            kept
            for kept in await self._messages.of_kinds(tuple(LiveKind))
            if (kept.recipient.chat_id, kept.message_id) not in self._followed
        )
