"""Sends notices by e-mail: their text without the buttons; what was sent stands as it is."""

from __future__ import annotations

from typing import Protocol

from bot.models import Recipient
from bot.services.contracts.destination import Notice
from bot.services.mail.client import MailClient


class NoticeMailWords(Protocol):
    """The sentences of a notice's mail, made by whoever talks to people."""

    def notice_subject(self, html: str) -> str: ...
    def body(self, caption: str) -> str: ...


class MailNotices:
    """Mailboxes behind one mail server, for notices."""

    def __init__(self, client: MailClient, words: NoticeMailWords) -> None:
        self._client, self._words = client, words

    async def send(self, recipient: Recipient, notice: Notice) -> int:
        """Send its text; a mail has no number, so 0. Raises an `Outcome`."""
        subject, body = self._words.notice_subject(notice.html), self._words.body(notice.html)
        message = self._client.message(recipient, subject, body, silent=notice.silent)
        await self._client.send(recipient, message.as_bytes())
        return 0

    async def edit(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        """Let a mail that was sent stand: what it told was so then, and the end of it is a mail of its own."""

    async def delete(self, recipient: Recipient, message_id: int) -> None:
        """Let a mail that was sent stand as it is."""
