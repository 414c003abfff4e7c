"""Makes requests to the Bot API by aiogram, and classifies its errors."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar
from urllib.parse import urlsplit

from aiogram import Bot
from aiogram.client.telegram import PRODUCTION
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import InputFile
from aiohttp import ClientConnectorCertificateError, ClientConnectorError
from loguru import logger

from bot.models import AUTO_TOPIC, OutcomeCode, Recipient, Volume
from bot.services.contracts.destination import (
    ArchiveGone,
    CountBytes,
    DoubtfulFile,
    MessageGone,
    Migrated,
    NotModified,
    Outcome,
    Parked,
    Refused,
    StaleFile,
    TooLarge,
    TopicGone,
    Transient,
    Undeletable,
    Unfit,
    Wait,
)
from bot.services.files.slices import ArchiveSlice
from bot.services.telegram.refusals import (
    GONE_MESSAGES,
    GONE_TOPICS,
    STALE_FILES,
    STANDING_REFUSALS,
    UNDELETABLE_MESSAGES,
    UNUSABLE_TEXTS,
)

Result = TypeVar("Result")

ANSWER_SECONDS = 60  # for a request without a file, and for the answer after one
GENERAL_TOPIC = 1  # must be left out: Telegram answers "message thread not found" to its number


class ArchiveUpload(InputFile):
    """aiogram's wrapping of a slice: it streams what `read` yields, and may call it again for a redirect."""

    def __init__(self, volume: Volume, on_bytes: CountBytes) -> None:
        super().__init__(filename=volume.name)
        self.slice = ArchiveSlice(volume, on_bytes)

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        async for chunk in self.slice.chunks():
            yield chunk


class TelegramRequests:
    """Asks the Bot API as one bot. It follows its error table and keeps the bot's token out of every sentence.

    The bot is the caller's: nothing here opens or closes its session.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def _ask(
        self, request: Awaitable[Result], upload: ArchiveUpload | None = None, file_id: str | None = None
    ) -> Result:
        outcome: Outcome
        try:
            return await request
        except Exception as error:  # a proxy's and a codec's own exceptions come through aiogram as they are
            outcome = self._read(error, upload, file_id)
        # Raised out here, where the original is no longer attached to it: its text and its URL can hold the token.
        raise outcome

    def _read(self, error: Exception, upload: ArchiveUpload | None, file_id: str | None) -> Outcome:
        outcome: Outcome
        match error:
            case _ if upload is not None and upload.slice.trouble:
                outcome = ArchiveGone(OutcomeCode.ARCHIVE_UNREADABLE, said=upload.slice.trouble)
            case TelegramRetryAfter():
                outcome = Wait(OutcomeCode.SLOW_DOWN, seconds=error.retry_after)
            case TelegramMigrateToChat():
                outcome = Migrated(OutcomeCode.MIGRATED, new_chat_id=error.migrate_to_chat_id)
            case TelegramUnauthorizedError() | TelegramNotFound():
                # An unknown token answers 401, one that is no token at all 404.
                outcome = Refused(OutcomeCode.TOKEN_REFUSED)
            case TelegramEntityTooLarge():  # before its parent, the network error, which is worth a retry
                outcome = TooLarge(OutcomeCode.VOLUME_TOO_LARGE)
            case TelegramForbiddenError() | TelegramBadRequest():
                outcome = self._read_refusal(error, upload, file_id)
            case ClientDecodeError():
                outcome = _read_undecodable(error)
            case TelegramNetworkError():
                outcome = self._read_silence(error, upload)
            case TelegramAPIError():
                outcome = Transient(OutcomeCode.ANSWERS, said=self._redact(str(error.message)))
            case TypeError():
                # aiogram looks for "restart" in the description of a 5xx, also where there is none.
                outcome = Transient(OutcomeCode.SERVER_ERROR)
            case _ if type(error).__module__.startswith(("aiohttp_socks", "python_socks")):
                logger.debug("PROXY: {}: {}", type(error).__name__, self._redact(str(error)))
                outcome = Transient(OutcomeCode.PROXY)
            case _:
                said = f"{type(error).__name__}: {self._redact(str(error))}"
                outcome = Transient(OutcomeCode.UNREACHABLE, said=said)
        return outcome

    def _read_refusal(self, error: TelegramAPIError, upload: ArchiveUpload | None, file_id: str | None) -> Outcome:
        said = self._redact(str(error.message))
        text = str(error.message).casefold()
        if any(sign in text for sign in UNDELETABLE_MESSAGES):
            return Undeletable(OutcomeCode.UNDELETABLE)
        if any(sign in text for sign in GONE_MESSAGES):
            return MessageGone(OutcomeCode.MESSAGE_GONE)
        if "message is not modified" in text:
            return NotModified(OutcomeCode.NOT_MODIFIED)
        if file_id and any(sign in text for sign in STALE_FILES):
            return StaleFile(OutcomeCode.FILE_ID_UNKNOWN)
        if any(sign in text for sign in UNUSABLE_TEXTS):
            return Unfit(OutcomeCode.UNUSABLE_TEXT, said=said)
        if "file is too big" in text:
            return TooLarge(OutcomeCode.VOLUME_TOO_LARGE)
        if "logged out" in text:
            return Refused(OutcomeCode.LOGGED_OUT)
        if any(sign in text for sign in GONE_TOPICS):
            return TopicGone(OutcomeCode.TOPIC_GONE)
        for code, signs in STANDING_REFUSALS:
            if any(sign in text for sign in signs):
                return Parked(code)
        # A 403 is about who may write where, and lasts; a 400 nobody has listed may pass, or be about the file_id.
        if isinstance(error, TelegramForbiddenError):
            return Parked(OutcomeCode.ANSWERS, said=said)
        return (DoubtfulFile if file_id else Transient)(OutcomeCode.ANSWERS, said=said)

    def _read_silence(self, error: TelegramNetworkError, upload: ArchiveUpload | None) -> Outcome:
        # Nothing can have arrived when no connection was made, or when bytes of the file were still to be sent.
        cause = error.__cause__
        unsent = isinstance(cause, ClientConnectorError) or (upload is not None and not upload.slice.complete)
        if isinstance(cause, TimeoutError):
            return Transient(OutcomeCode.SILENT, ambiguous=not unsent)
        if isinstance(cause, ClientConnectorError):
            logger.debug("no connection to Telegram: {}", self._redact(error.message))
            if isinstance(cause, ClientConnectorCertificateError):
                return Transient(OutcomeCode.CERTIFICATE)
            return self._unconnected()
        return Transient(OutcomeCode.BROKEN, said=self._redact(error.message), ambiguous=not unsent)

    def _unconnected(self) -> Transient:
        """Tell what it most likely means that no connection can be made."""
        server = self._bot.session.api
        if server.base == PRODUCTION.base:
            return Transient(OutcomeCode.NO_INTERNET)
        return Transient(OutcomeCode.NO_SERVER, server=urlsplit(server.base).netloc)

    def _redact(self, text: str) -> str:
        secret = self._bot.token.partition(":")[2] or self._bot.token
        return text.replace(self._bot.token, "<token>").replace(secret, "<token>")


def _read_undecodable(error: ClientDecodeError) -> Outcome:
    """A proxy's HTML page, or JSON that is no Bot API answer; the status code is lost, only the text is left."""
    page = str(error.data)
    if re.search(r"(Entity|Payload|Content) Too Large", page, re.IGNORECASE):
        return TooLarge(OutcomeCode.VOLUME_TOO_LARGE)
    accepted = isinstance(error.data, dict) and bool(error.data.get("ok"))
    return Transient(
        OutcomeCode.NO_BOT_API, ambiguous=accepted or re.search(r"504|time-?out", page, re.IGNORECASE) is not None
    )


def thread_of(recipient: Recipient) -> int | None:
    """Return the topic to name in a request; None for a chat's main one."""
    return None if recipient.thread_id in (GENERAL_TOPIC, AUTO_TOPIC) else recipient.thread_id
