"""Delivers archives to Telegram: each volume a document, uploaded once and then sent by its file_id."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path

from aiogram.enums import ChatAction, ParseMode

from bot.models import NO_REASON, OutcomeCode, Reachability, Reason, Recipient
from bot.services.contracts.destination import Outcome, OutgoingVolume, Refused, Sent, Unfit
from bot.services.telegram.answers import get_chat
from bot.services.telegram.buttons import keyboard_of
from bot.services.telegram.requests import ANSWER_SECONDS, ArchiveUpload, TelegramRequests, thread_of

SLOWEST_UPLOAD = 32 * 1024  # bytes per second; aiogram's own limit of 60 s in total would need 6.7 Mbit/s for 50 MB
CAPTION_LIMIT = 1024


class TelegramDestination(TelegramRequests):
    """The chats of one bot, as places for archives."""

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> None:
        """Every chat takes the volumes that are uploaded once and sent by file_id."""

    async def send_volume(self, recipient: Recipient, outgoing: OutgoingVolume) -> Sent:
        """Send one document and return what Telegram confirmed.

        The time allowed grows with the bytes to send. A caption that Telegram can't use must not cost a backup: the
        volume is then sent once more with the caption's bare text.
        """
        volume, file_id = outgoing.volume, outgoing.file_id

        async def send(text: str, parse_mode: ParseMode | None) -> Sent:
            upload = None if file_id else ArchiveUpload(volume, outgoing.on_bytes)
            message = await self._ask(
                self._bot.send_document(
                    recipient.chat_id,
                    file_id or upload or "",
                    caption=text,
                    parse_mode=parse_mode,
                    disable_notification=outgoing.silent,
                    protect_content=False,  # said outright: with it the archive could be neither saved nor forwarded
                    disable_content_type_detection=True,
                    message_thread_id=thread_of(recipient),
                    reply_markup=keyboard_of(outgoing.buttons),
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
            return await send(outgoing.caption, ParseMode.HTML)
        except Unfit:
            return await send(_bare(outgoing.caption), None)

    async def check_reachable(self, recipient: Recipient) -> None:
        """Show "sending a file…" for some seconds, which fails where the chat is shut; raises an `Outcome`.

        It says nothing of a topic, nor of the right to send files.
        """
        await self._ask(
            self._bot.send_chat_action(
                recipient.chat_id, ChatAction.UPLOAD_DOCUMENT, message_thread_id=thread_of(recipient)
            )
        )

    async def probe(self, recipient: Recipient) -> Reachability:
        """Say whether the chat takes messages now, and what it is called; raises `Refused` only."""
        name, trouble = "", NO_REASON
        try:
            await self.check_reachable(recipient)
        except Refused:
            raise
        except Outcome as outcome:
            trouble = outcome.reason
        try:
            name = (await self._ask(get_chat(self._bot, recipient.chat_id, request_timeout=ANSWER_SECONDS))).name
        except Refused:
            raise
        except Outcome as outcome:
            trouble = trouble or outcome.reason
        # sendChatAction looks at the chat, not at the topic: it is content with one that was deleted.
        unchecked = (
            Reason(OutcomeCode.TOPIC_UNCHECKED) if thread_of(recipient) is not None and not trouble else NO_REASON
        )
        return Reachability(recipient=recipient, name=name, trouble=trouble, unchecked=unchecked)

    async def create_topic(self, chat_id: int, name: str) -> int:
        """Make a topic in a group, which takes an administrator who may; return its number. Raises an `Outcome`."""
        topic = await self._ask(self._bot.create_forum_topic(chat_id, name, request_timeout=ANSWER_SECONDS))
        return topic.message_thread_id

    async def round_trip(self) -> float:
        """Seconds that `getMe` takes; raises an `Outcome`."""
        started = time.perf_counter()
        await self._ask(self._bot.get_me())
        return time.perf_counter() - started


def _bare(caption: str) -> str:
    return unescape(re.sub(r"<[^<>]*>", "", caption))[: CAPTION_LIMIT // 2]  # halved: the limit counts UTF-16 units
