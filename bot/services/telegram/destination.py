"""Delivers to Telegram: uploads by aiogram, and classifies its errors."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import TypeVar

from aiogram import Bot
from aiogram.enums import ChatAction, ParseMode
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
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, ReplyParameters
from aiohttp import ClientConnectorError

from bot.models import Reachability, Recipient, Volume
from bot.services.contracts.destination import (
    ArchiveGone,
    DoubtfulFile,
    MessageGone,
    Migrated,
    Notice,
    NotModified,
    Outcome,
    Parked,
    Refused,
    Sent,
    StaleFile,
    TooLarge,
    Transient,
    Unfit,
    Wait,
)
from bot.services.contracts.slices import ArchiveSlice
from bot.services.telegram.answers import get_chat
from bot.services.telegram.refusals import GONE_MESSAGES, STALE_FILES, STANDING_REFUSALS, UNUSABLE_TEXTS

Result = TypeVar("Result")

ANSWER_SECONDS = 60  # for a request without a file, and for the answer after one
SLOWEST_UPLOAD = 32 * 1024  # bytes per second; aiogram's own limit of 60 s in total would need 6.7 Mbit/s for 50 MB
CAPTION_LIMIT = 1024
GENERAL_TOPIC = 1  # must be left out: Telegram answers "message thread not found" to its number
TOPIC_UNCHECKED = "the group is there; whether its topic is, only a message shows"


class _Upload(InputFile):
    """aiogram's wrapping of a slice: it streams what `read` yields, and may call it again for a redirect."""

    def __init__(self, volume: Volume, on_bytes: Callable[[int], None]) -> None:
        super().__init__(filename=volume.name)
        self.slice = ArchiveSlice(volume, on_bytes)

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        async for chunk in self.slice.chunks():
            yield chunk


class TelegramDestination:
    """The chats of one bot. It follows the error table of the Bot API and keeps the bot's token out of every sentence.

    The bot is the caller's: nothing here opens or closes its session.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> None:
        """Every chat takes the volumes that are uploaded once and sent by file_id."""

    async def send_volume(
        self,
        recipient: Recipient,
        volume: Volume,
        *,
        caption: str,
        file_id: str | None,
        silent: bool,
        on_bytes: Callable[[int], None],
    ) -> Sent:
        """Send one document and return what Telegram confirmed.

        The time allowed grows with the bytes to send. A caption that Telegram can't use must not cost a backup: the
        volume is then sent once more with the caption's bare text.
        """

        async def send(text: str, parse_mode: ParseMode | None) -> Sent:
            upload = None if file_id else _Upload(volume, on_bytes)
            message = await self._ask(
                self._bot.send_document(
                    recipient.chat_id,
                    file_id or upload or "",
                    caption=text,
                    parse_mode=parse_mode,
                    disable_notification=silent,
                    protect_content=False,  # said outright: with it the archive could be neither saved nor forwarded
                    disable_content_type_detection=True,
                    message_thread_id=_thread(recipient),
                    request_timeout=ANSWER_SECONDS + (volume.bytes // SLOWEST_UPLOAD if upload else 0),
                ),
                upload,
                file_id,
            )
            sent_file_id = message.document.file_id if message.document else ""
            return Sent(
                message_id=message.message_id, file_id=sent_file_id, sha256=upload.slice.sha256 if upload else ""
            )

        try:
            return await send(caption, ParseMode.HTML)
        except Unfit:
            return await send(_bare(caption), None)

    async def send_notice(self, recipient: Recipient, notice: Notice) -> int:
        """Send a text with buttons, in answer to an older message where that is still there; raises an `Outcome`."""
        answers = ReplyParameters(message_id=notice.answers, allow_sending_without_reply=True)
        message = await self._ask(
            self._bot.send_message(
                recipient.chat_id,
                notice.html,
                parse_mode=ParseMode.HTML,
                disable_notification=notice.silent,
                message_thread_id=_thread(recipient),
                reply_markup=_keyboard(notice),
                reply_parameters=answers if notice.answers is not None else None,
                request_timeout=ANSWER_SECONDS,
            )
        )
        return message.message_id

    async def edit_notice(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        """Replace text and buttons of a message; one that is so already is no error. Raises an `Outcome`."""
        with suppress(NotModified):
            await self._ask(
                self._bot.edit_message_text(
                    notice.html,
                    chat_id=recipient.chat_id,
                    message_id=message_id,
                    parse_mode=ParseMode.HTML,
                    reply_markup=_keyboard(notice),
                    request_timeout=ANSWER_SECONDS,
                )
            )

    async def remove_notice(self, recipient: Recipient, message_id: int) -> None:
        """Delete a message, which Telegram allows for 48 hours; raises an `Outcome`."""
        await self._ask(self._bot.delete_message(recipient.chat_id, message_id, request_timeout=ANSWER_SECONDS))

    async def check_reachable(self, recipient: Recipient) -> None:
        """Show "sending a file…" for some seconds, which fails where the chat is shut; raises an `Outcome`.

        It says nothing of a topic, nor of the right to send files.
        """
        await self._ask(
            self._bot.send_chat_action(
                recipient.chat_id, ChatAction.UPLOAD_DOCUMENT, message_thread_id=_thread(recipient)
            )
        )

    async def probe(self, recipient: Recipient) -> Reachability:
        """Say whether the chat takes messages now, and what it is called; raises `Refused` only."""
        name = trouble = ""
        try:
            await self.check_reachable(recipient)
        except Refused:
            raise
        except Outcome as outcome:
            trouble = outcome.sentence
        try:
            name = (await self._ask(get_chat(self._bot, recipient.chat_id, request_timeout=ANSWER_SECONDS))).name
        except Refused:
            raise
        except Outcome as outcome:
            trouble = trouble or outcome.sentence
        # sendChatAction looks at the chat, not at the topic: it is content with one that was deleted.
        unchecked = TOPIC_UNCHECKED if _thread(recipient) is not None and not trouble else ""
        return Reachability(recipient=recipient, name=name, trouble=trouble, unchecked=unchecked)

    async def round_trip(self) -> float:
        """Seconds that `getMe` takes; raises an `Outcome`."""
        started = time.perf_counter()
        await self._ask(self._bot.get_me())
        return time.perf_counter() - started

    async def _ask(
        self, request: Awaitable[Result], upload: _Upload | None = None, file_id: str | None = None
    ) -> Result:
        outcome: Outcome
        try:
            return await request
        except Exception as error:  # a proxy's and a codec's own exceptions come through aiogram as they are
            outcome = self._read(error, upload, file_id)
        # Raised out here, where the original is no longer attached to it: its text and its URL can hold the token.
        raise outcome

    def _read(self, error: Exception, upload: _Upload | None, file_id: str | None) -> Outcome:
        outcome: Outcome
        match error:
            case _ if upload is not None and upload.slice.trouble:
                outcome = ArchiveGone(f"the archive can't be read: {upload.slice.trouble}")
            case TelegramRetryAfter():
                outcome = Wait(f"Telegram asks to wait {error.retry_after} s", seconds=error.retry_after)
            case TelegramMigrateToChat():
                outcome = Migrated("the group became a supergroup", new_chat_id=error.migrate_to_chat_id)
            case TelegramUnauthorizedError() | TelegramNotFound():
                # An unknown token answers 401, one that is no token at all 404.
                outcome = Refused("Telegram does not accept the bot's token")
            case TelegramEntityTooLarge():  # before its parent, the network error, which is worth a retry
                outcome = _too_large(upload)
            case TelegramForbiddenError() | TelegramBadRequest():
                outcome = self._read_refusal(error, upload, file_id)
            case ClientDecodeError():
                outcome = _read_undecodable(error, upload)
            case TelegramNetworkError():
                outcome = self._read_silence(error, upload)
            case TelegramAPIError():
                outcome = Transient(f"Telegram answers: {self._redact(str(error.message))}")
            case TypeError():
                # aiogram looks for "restart" in the description of a 5xx, also where there is none.
                outcome = Transient("Telegram answers with a server error")
            case _:
                outcome = Transient(f"Telegram can't be reached: {type(error).__name__}: {self._redact(str(error))}")
        return outcome

    def _read_refusal(self, error: TelegramAPIError, upload: _Upload | None, file_id: str | None) -> Outcome:
        text = str(error.message).casefold()
        if any(sign in text for sign in GONE_MESSAGES):
            return MessageGone("the message is no longer there")
        if "message is not modified" in text:
            return NotModified("nothing changed")
        if file_id and any(sign in text for sign in STALE_FILES):
            return StaleFile("Telegram no longer knows this file_id")
        if any(sign in text for sign in UNUSABLE_TEXTS):
            return Unfit(f"Telegram can't use the text: {self._redact(str(error.message))}")
        if "file is too big" in text:
            return _too_large(upload)
        if "logged out" in text:
            return Refused("this bot was logged out of this Bot API server")
        for sign, sentence in STANDING_REFUSALS:
            if sign in text:
                return Parked(sentence)
        words = f"Telegram answers: {self._redact(str(error.message))}"
        # A 403 is about who may write where, and lasts; a 400 nobody has listed may pass, or be about the file_id.
        if isinstance(error, TelegramForbiddenError):
            return Parked(words)
        return DoubtfulFile(words) if file_id else Transient(words)

    def _read_silence(self, error: TelegramNetworkError, upload: _Upload | None) -> Outcome:
        # Nothing can have arrived when no connection was made, or when bytes of the file were still to be sent.
        unsent = isinstance(error.__cause__, ClientConnectorError) or (upload is not None and not upload.slice.complete)
        if isinstance(error.__cause__, TimeoutError):
            return Transient("Telegram did not answer in time", ambiguous=not unsent)
        return Transient(f"the connection to Telegram broke: {self._redact(error.message)}", ambiguous=not unsent)

    def _redact(self, text: str) -> str:
        secret = self._bot.token.partition(":")[2] or self._bot.token
        return text.replace(self._bot.token, "<token>").replace(secret, "<token>")


def _read_undecodable(error: ClientDecodeError, upload: _Upload | None) -> Outcome:
    """A proxy's HTML page, or JSON that is no Bot API answer; the status code is lost, only the text is left."""
    page = str(error.data)
    if re.search(r"(Entity|Payload|Content) Too Large", page, re.IGNORECASE):
        return _too_large(upload)
    accepted = isinstance(error.data, dict) and bool(error.data.get("ok"))
    return Transient(
        "Telegram answers with something that is no Bot API answer",
        ambiguous=accepted or re.search(r"504|time-?out", page, re.IGNORECASE) is not None,
    )


def _too_large(upload: _Upload | None) -> TooLarge:
    name = f" {upload.filename}" if upload else ""
    return TooLarge(f"the volume{name} is too large for this Telegram server: set a smaller VOLUME_SIZE_MB")


def _thread(recipient: Recipient) -> int | None:
    return None if recipient.thread_id == GENERAL_TOPIC else recipient.thread_id


def _keyboard(notice: Notice) -> InlineKeyboardMarkup | None:
    if not notice.buttons:
        return None
    row = [InlineKeyboardButton(text=button.text, callback_data=button.data) for button in notice.buttons]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def _bare(caption: str) -> str:
    return unescape(re.sub(r"<[^<>]*>", "", caption))[: CAPTION_LIMIT // 2]  # halved: the limit counts UTF-16 units
