"""Reads from Telegram: files fetched by file_id, the pinned document, documents that people forward."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from aiogram.enums import ParseMode
from aiogram.types import BufferedInputFile, InputMediaDocument, Message, MessageOriginUser
from aiohttp import ClientError, ClientResponseError

from bot.models import OutcomeCode, StoredVolume
from bot.services.contracts.chats import ChatDescription, CutShort, Pinned, PostedDocument
from bot.services.contracts.destination import (
    ArchiveGone,
    CountBytes,
    DoubtfulFile,
    MessageGone,
    NoticeButton,
    Outcome,
    StaleFile,
    TooLarge,
    Transient,
    nothing,
)
from bot.services.files.slices import write_volume
from bot.services.telegram.answers import get_chat, get_updates
from bot.services.telegram.buttons import keyboard_of
from bot.services.telegram.requests import ANSWER_SECONDS, TelegramRequests

SLOWEST_DOWNLOAD = 32 * 1024  # bytes per second; aiogram's own limit is 30 s in total
PIECE = 1 << 20  # bytes gathered for one write and one piece of hashing, which go into a thread
POLL_SECONDS = 20


class TelegramChat(TelegramRequests):
    """The chats of one bot, for reading too. The bot's token, which stands in every download's URL, is in no error."""

    name = "Telegram"

    @property
    def bot_id(self) -> int:
        return self._bot.id

    # --- files ---------------------------------------------------------------------------------------------------

    async def fetch(self, volume: StoredVolume, into: Path, *, offset: int = 0, on_bytes: CountBytes = nothing) -> str:
        """Write exactly the volume's bytes into a file that exists, from `offset` on; return their SHA-256.

        Never more than that is written, whatever comes. The time allowed grows with the size. Raises `StaleFile`,
        `TooLarge`, `CutShort` and other outcomes; what was written until then is to be written over.
        """
        file_path = await self._locate(volume)
        local = self._bot.session.api.is_local
        async with aclosing(
            self._read_pieces(file_path) if local else self._download(file_path, volume.bytes)
        ) as content:
            return await write_volume(content, into, volume.bytes, offset=offset, on_bytes=on_bytes)

    async def require_readable(self, volume: StoredVolume) -> None:
        """Raise `ArchiveGone`, with the mend, where the file that a local Bot API server names can't be read here.

        Raises other outcomes where the server does not say where it is.
        """
        async with aclosing(self._read_pieces(await self._locate(volume))) as content:
            async for _ in content:
                return

    async def _locate(self, volume: StoredVolume) -> str:
        file_id, expected_bytes = volume.file_id, volume.bytes
        try:
            # Answered when the server holds the whole file: one of its own has to fetch it from Telegram first.
            request = self._bot.get_file(file_id, request_timeout=ANSWER_SECONDS + expected_bytes // SLOWEST_DOWNLOAD)
            file = await self._ask(request, file_id=file_id)
        except DoubtfulFile as outcome:
            raise Transient(outcome.code, **outcome.facts) from None
        except StaleFile:
            raise StaleFile(OutcomeCode.FILE_GONE) from None
        except TooLarge:
            raise TooLarge(OutcomeCode.FILE_TOO_LARGE) from None
        if file.file_path is None:
            raise Transient(OutcomeCode.FILE_NOWHERE)
        if file.file_size is not None and file.file_size != expected_bytes:
            raise CutShort(OutcomeCode.FILE_CUT, bytes=file.file_size, expected=expected_bytes)
        if not self._bot.session.api.is_local and file.file_path.startswith("/"):
            raise ArchiveGone(OutcomeCode.NO_DOWNLOADS)
        return file.file_path

    async def _read_pieces(self, file_path: str) -> AsyncGenerator[bytes, None]:
        """Read a file that a local Bot API server has put on this machine."""
        path, position = Path(self._bot.session.api.wrap_local_file.to_local(file_path)), 0
        while True:
            try:
                chunk = await asyncio.to_thread(_read_at, path, position)
            except OSError as error:
                raise unreadable_here(path, self._bot.id, error.strerror or type(error).__name__) from None
            if not chunk:
                return
            position += len(chunk)
            yield chunk

    async def _download(self, file_path: str, expected_bytes: int) -> AsyncGenerator[bytes, None]:
        session = self._bot.session
        stream = session.stream_content(
            session.api.file_url(self._bot.token, file_path),
            timeout=ANSWER_SECONDS + expected_bytes // SLOWEST_DOWNLOAD,
            chunk_size=PIECE,
            raise_for_status=True,
        )
        outcome: Outcome
        try:
            async with aclosing(stream):
                async for chunk in stream:
                    yield chunk
            return
        except ClientResponseError as error:
            outcome = Transient(OutcomeCode.DOWNLOAD_REFUSED, status=error.status)
        except TimeoutError:
            outcome = CutShort(OutcomeCode.DOWNLOAD_SLOW)
        except (ClientError, OSError) as error:
            outcome = CutShort(OutcomeCode.DOWNLOAD_BROKEN, said=type(error).__name__)
        # Raised out here, without the original: its text and its URL hold the token.
        raise outcome

    # --- the pinned document -------------------------------------------------------------------------------------

    async def pinned(self, chat_id: int) -> Pinned | None:
        """Return what getChat shows on top of the chat: the newest pinned message by the time it was sent."""
        chat = await self._ask(get_chat(self._bot, chat_id, request_timeout=ANSWER_SECONDS))
        if chat.pinned_id is None:
            return None
        return Pinned(message_id=chat.pinned_id, document=self._document(chat.pinned) if chat.pinned else None)

    async def describe(self, chat_id: int) -> ChatDescription:
        facts = await self._ask(get_chat(self._bot, chat_id, request_timeout=ANSWER_SECONDS))
        return ChatDescription(name=facts.name, auto_delete=facts.auto_delete)

    async def post(
        self, chat_id: int, name: str, content: bytes | str, caption: str, buttons: Sequence[NoticeButton] = ()
    ) -> PostedDocument:
        """Send a document silently; raises an `Outcome`."""
        message = await self._ask(
            self._bot.send_document(
                chat_id,
                content if isinstance(content, str) else BufferedInputFile(content, name),
                caption=caption,
                parse_mode=ParseMode.HTML,
                disable_notification=True,
                protect_content=False,
                disable_content_type_detection=True,
                reply_markup=keyboard_of(buttons),
                request_timeout=ANSWER_SECONDS,
            ),
            file_id=content if isinstance(content, str) else None,
        )
        return self._posted(message)

    async def replace(
        self,
        chat_id: int,
        message_id: int,
        name: str,
        content: bytes | str,
        caption: str,
        buttons: Sequence[NoticeButton] = (),
    ) -> PostedDocument:
        """Edit the message; raises `MessageGone` where it is gone, `NotModified` where nothing would change."""
        media = InputMediaDocument(
            media=content if isinstance(content, str) else BufferedInputFile(content, name),
            caption=caption,
            parse_mode=ParseMode.HTML,
            disable_content_type_detection=True,
        )
        message = await self._ask(
            self._bot.edit_message_media(
                media,
                chat_id=chat_id,
                message_id=message_id,
                reply_markup=keyboard_of(buttons),
                request_timeout=ANSWER_SECONDS,
            ),
            file_id=content if isinstance(content, str) else None,
        )
        if not isinstance(message, Message):
            raise Transient(OutcomeCode.NOT_SHOWN)
        return self._posted(message)

    async def pin(self, chat_id: int, message_id: int) -> None:
        """Pin the message; nobody's phone rings."""
        await self._ask(
            self._bot.pin_chat_message(chat_id, message_id, disable_notification=True, request_timeout=ANSWER_SECONDS)
        )

    async def remove(self, chat_id: int, message_id: int) -> None:
        """Unpin the message and delete it; after 48 hours Telegram keeps it, unpinned. Raises an `Outcome`.

        What Telegram refuses is as good as done; where it does not answer, nothing is.
        """
        for ask in (self._bot.unpin_chat_message, self._bot.delete_message):
            try:
                await self._ask(ask(chat_id, message_id=message_id, request_timeout=ANSWER_SECONDS))
            except MessageGone:
                continue
            except Transient as outcome:
                if outcome.code != OutcomeCode.ANSWERS:
                    raise

    # --- what people forward -------------------------------------------------------------------------------------

    async def forwarded(self, senders: frozenset[int], *, seconds: float) -> AsyncGenerator[PostedDocument, None]:
        """Poll for documents of these people until the time is over; everything else is read and passed over."""
        await self._ask(self._bot.delete_webhook(drop_pending_updates=False, request_timeout=ANSWER_SECONDS))
        end, offset = time.monotonic() + seconds, None
        while (left := end - time.monotonic()) > 0:
            wait = max(1, min(POLL_SECONDS, int(left)))
            asked = {"offset": offset, "timeout": wait, "allowed_updates": ["message"]}
            updates = await self._ask(get_updates(self._bot, **asked, request_timeout=wait + ANSWER_SECONDS))
            offset = updates.offset or offset
            for update in updates.readable:
                message = update.message
                if message is None or message.from_user is None or message.from_user.id not in senders:
                    continue
                if document := self._document(message):
                    yield document

    def _posted(self, message: Message) -> PostedDocument:
        document = self._document(message)
        if document is None:
            raise Transient(OutcomeCode.NO_DOCUMENT)
        return document

    def _document(self, message: Message) -> PostedDocument | None:
        return posted_document(message, self._bot.id)


def posted_document(message: Message, bot_id: int) -> PostedDocument | None:
    """Return the document of a message as it stands in the chat of that bot, None where it has none."""
    document, origin = message.document, message.forward_origin
    if document is None:
        return None
    sender = origin.sender_user if isinstance(origin, MessageOriginUser) else None if origin else message.from_user
    return PostedDocument(
        message_id=message.message_id,
        name=document.file_name or "",
        file_id=document.file_id,
        unique_id=document.file_unique_id,
        bytes=document.file_size or 0,
        ours=sender is not None and sender.id == bot_id,
        forwarded=origin is not None,
        caption=message.caption or "",
        mime=document.mime_type or "",
    )


def unreadable_here(path: Path, bot_id: int, why: str) -> ArchiveGone:
    """Return what is in the way of a file that a local Bot API server names; of the path, what comes before the token.

    The server keeps a bot's files in a folder that has its token for a name.
    """
    if not path.is_absolute():
        return ArchiveGone(OutcomeCode.NO_PATH)
    token = (f"{bot_id}:", f"{bot_id}~")  # a colon is in no name on Windows
    here = next(
        (path.parents[-1 - at] for at, part in enumerate(path.parts[1:]) if part.startswith(token)), path.parent
    )
    return ArchiveGone(OutcomeCode.FILE_UNREADABLE, said=why, folder=str(here))


def _read_at(path: Path, position: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(position)
        return file.read(PIECE)
