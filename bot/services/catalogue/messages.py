"""Stores the messages that are edited in place: digests, notes, and the pinned list of restore points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.models import Recipient
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_text

FORGET_AFTER = timedelta(days=4)
"""Messages written longer ago are not edited any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message that is edited in place. `shown` is the hash of what stands there."""

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
        row = await self._db.row(
            "SELECT * FROM kept_messages WHERE address = ? AND kind = ? AND subject = ?",
            (recipient.address, kind, subject),
        )
        if row is None:
            return None
        return KeptMessage(
            recipient=recipient, kind=kind, subject=subject, message_id=row["message_id"], shown=row["shown"]
        )

    @writing
    async def keep(self, kept: KeptMessage) -> None:
        """Remember a message in the place of the one before, and forget those nobody edits any more."""
        now = self._db.clock()
        await self._db.execute(
            "INSERT OR REPLACE INTO kept_messages (address, kind, subject, message_id, shown, written_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (kept.recipient.address, kept.kind, kept.subject, kept.message_id, kept.shown, as_text(now)),
        )
        await self._db.execute("DELETE FROM kept_messages WHERE written_at < ?", (as_text(now - FORGET_AFTER),))

    @reading
    async def pinned(self, chat_id: int) -> PinnedMessage | None:
        """Return the message that we keep pinned in a chat."""
        row = await self._db.row("SELECT * FROM pinned_messages WHERE chat_id = ?", (chat_id,))
        if row is None:
            return None
        return PinnedMessage(chat_id=row["chat_id"], message_id=row["message_id"], unique_id=row["unique_id"])

    @writing
    async def set_pinned(self, pinned: PinnedMessage) -> None:
        """Remember the message, in the place of the one before."""
        await self._db.execute(
            "INSERT OR REPLACE INTO pinned_messages (chat_id, message_id, unique_id) VALUES (?, ?, ?)",
            (pinned.chat_id, pinned.message_id, pinned.unique_id),
        )
