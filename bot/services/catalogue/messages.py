"""Stores the messages that are edited in place: digests, notes, and the pinned list of restore points."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from bot.models import Recipient
from bot.services.catalogue.backup_rows import AMONG
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import columns_of

FORGET_AFTER = timedelta(days=4)
"""Messages written longer ago are not edited any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message that is edited in place.

    `shown` is the hash of what stands there; of a message that follows work, what says which (see `LiveMessages`).
    """

    recipient: Recipient
    kind: str
    subject: str
    message_id: int
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedMessage:
    """The message we keep pinned in a chat, and the `unique_id` of the document that we last put there."""

    chat_id: int
    message_id: int
    unique_id: str


class MessageTable(CatalogueTable):
    """The rows of kept_messages and pinned_messages."""

    @reading
    async def kept(self, recipient: Recipient, kind: str, subject: str) -> KeptMessage | None:
        return await self._db.model(
            KeptMessage,
            "SELECT * FROM kept_messages WHERE address = ? AND kind = ? AND subject = ?",
            recipient,
            kind,
            subject,
        )

    @writing
    async def keep(self, kept: KeptMessage) -> None:
        """Remember a message in the place of the one before, and forget those nobody edits any more."""
        now = self._db.clock()
        await self._db.upsert("kept_messages", "address, kind, subject", **columns_of(kept), written_at=now)
        await self._db.execute("DELETE FROM kept_messages WHERE written_at < ?", now - FORGET_AFTER)

    @reading
    async def of_kinds(self, kinds: Collection[str]) -> tuple[KeptMessage, ...]:
        return await self._db.models(
            KeptMessage, f"SELECT * FROM kept_messages WHERE kind {AMONG} ORDER BY written_at", kinds
        )

    @writing
    async def forget(self, recipient: Recipient, kind: str, subject: str) -> None:
        await self._db.execute(
            "DELETE FROM kept_messages WHERE address = ? AND kind = ? AND subject = ?", recipient, kind, subject
        )

    @reading
    async def other_servers(self) -> str:
        """Return what other servers with this bot said of themselves in the pinned list; empty where nobody did."""
        return await self._db.meta(str, "other_servers") or ""

    @reading
    async def other_server_names(self) -> tuple[str, ...]:
        """Return the names of those servers, empty ones left out."""
        parts = json.loads(await self._db.meta(str, "other_servers") or "[]")
        return tuple(part["server"] for part in parts if part["server"])

    @writing
    async def set_other_servers(self, parts: str) -> None:
        await self._db.set_meta("other_servers", parts)

    @reading
    async def all_pinned(self) -> tuple[PinnedMessage, ...]:
        return await self._db.models(PinnedMessage, "SELECT * FROM pinned_messages ORDER BY chat_id")

    @writing
    async def forget_pinned(self, chat_id: int) -> None:
        await self._db.execute("DELETE FROM pinned_messages WHERE chat_id = ?", chat_id)

    @reading
    async def pinned(self, chat_id: int) -> PinnedMessage | None:
        """Return the message that we keep pinned in a chat."""
        return await self._db.model(PinnedMessage, "SELECT * FROM pinned_messages WHERE chat_id = ?", chat_id)

    @writing
    async def set_pinned(self, pinned: PinnedMessage) -> None:
        """Remember the message, in the place of the one before."""
        await self._db.upsert("pinned_messages", "chat_id", **columns_of(pinned))
