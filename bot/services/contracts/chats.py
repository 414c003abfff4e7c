"""Defines the interface of a chat: files fetched by file_id, one pinned document, documents that people forward."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.models import StoredVolume
from bot.services.contracts.destination import CountBytes, NoticeButton, Outcome, nothing


class CutShort(Outcome):
    """A download ended early, or brought more than was announced; the next one may be whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedDocument:
    """A document as it stands in a chat.

    `unique_id` is the same for the same bytes, whoever asks; `ours` says that this very bot sent it, or that a person
    forwarded what it had sent: with `forwarded` it is a copy, which can be read and is not ours to edit.
    """

    message_id: int
    name: str
    file_id: str
    unique_id: str
    bytes: int
    ours: bool
    forwarded: bool = False
    caption: str = ""
    mime: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What getChat shows on top of a chat: the newest pinned message, with its document if it has one."""

    message_id: int
    document: PostedDocument | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatDescription:
    """What getChat says of a chat: `auto_delete` are the seconds after which its timer deletes a message, or 0."""

    name: str
    auto_delete: int = 0


class Files(Protocol):
    """Where volumes are fetched back from. Raises an `Outcome`; `StaleFile` where a file_id means nothing any more.

    `name` is what the place is called in a sentence.
    """

    @property
    def name(self) -> str: ...

    async def fetch(self, volume: StoredVolume, into: Path, *, offset: int = 0, on_bytes: CountBytes = nothing) -> str:
        """Write exactly the volume's bytes into a file that exists, from `offset` on; return their SHA-256."""
        ...


class Chats(Files, Protocol):
    """The chats of one bot. Every method raises an `Outcome` when it fails."""

    @property
    def bot_id(self) -> int: ...

    async def pinned(self, chat_id: int) -> Pinned | None:
        """Return what is pinned on top; None when nothing is."""
        ...

    async def post(
        self, chat_id: int, name: str, content: bytes | str, caption: str, buttons: Sequence[NoticeButton] = ()
    ) -> PostedDocument:
        """Send a document silently, its bytes or (text) its file_id. `caption` is HTML."""
        ...

    async def replace(
        self,
        chat_id: int,
        message_id: int,
        name: str,
        content: bytes | str,
        caption: str,
        buttons: Sequence[NoticeButton] = (),
    ) -> PostedDocument:
        """Put another document in the place of one; raises `MessageGone` where that message can't be edited."""
        ...

    async def describe(self, chat_id: int) -> ChatDescription:
        """Return what the chat is called, and whether it deletes messages by itself."""
        ...

    async def pin(self, chat_id: int, message_id: int) -> None:
        """Pin a message without a notification."""
        ...

    async def remove(self, chat_id: int, message_id: int) -> None:
        """Unpin a message and, where Telegram still allows it, delete it."""
        ...

    def forwarded(self, senders: frozenset[int], *, seconds: float) -> AsyncGenerator[PostedDocument, None]:
        """Give the documents that these people send or forward within the time, in order."""
        ...
