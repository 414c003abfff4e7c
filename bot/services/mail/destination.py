"""Delivers archives by e-mail: a mail for each volume, or one that says where the archive lies."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from pathlib import Path
from typing import Protocol

from bot.models import DeliveryReason, OutcomeCode, Reason, Recipient, Volume
from bot.services.contracts.destination import ArchiveDestination, ArchiveGone, OutgoingVolume, Sent, nothing
from bot.services.files.slices import ArchiveSlice
from bot.services.files.store import plan_volumes
from bot.services.mail.client import MailClient

OVERHEAD = 16 * 1024  # bytes of headers and body text, at most, that go with an attachment
HERE = "the-attachment-goes-here"  # in the place of the base64 while the mail is written
LINE = 57  # bytes of a file become a line of 76 characters and its end: 78 for 57, 37 % more


class ArchiveMailWords(Protocol):
    """The sentences of the mails, made by whoever talks to people."""

    def subject(self, volume: Volume) -> str: ...
    def told_subject(self, volume: Volume) -> str: ...
    def body(self, caption: str) -> str: ...
    def whereabouts(self, caption: str, volume: Volume, *, largest: int, mails: int) -> str: ...


class MailDestination(ArchiveDestination):
    """Mailboxes behind one mail server.

    A volume is one mail. Its message is whole in memory while it is sent, and only one at a time: never more than some
    six times `max_bytes`. An archive that needs more than `max_mails` mails is not attached; a mail says where it lies.
    """

    def __init__(self, client: MailClient, *, max_bytes: int, max_mails: int, words: ArchiveMailWords) -> None:
        self._client, self._words = client, words
        self._max_bytes, self._max_mails = max_bytes, max_mails
        self._turn = asyncio.Lock()

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> tuple[Volume, ...]:
        """Slices that fit into a mail each; a single empty one where there would be too many."""
        volumes = plan_volumes(archive, archive_bytes, volume_bytes(self._max_bytes))
        if len(volumes) > self._max_mails:
            return (Volume(archive=archive, name="", number=1, total=1, offset=0, bytes=0),)
        return volumes

    async def send_volume(self, recipient: Recipient, outgoing: OutgoingVolume) -> Sent:
        """Send one mail with the volume attached; return when the server has accepted it. Raises an `Outcome`."""
        volume, words, silent = outgoing.volume, self._words, outgoing.silent
        async with self._turn:
            if not volume.name:
                text = await asyncio.to_thread(
                    words.whereabouts, outgoing.caption, volume, largest=self._max_bytes, mails=self._max_mails
                )
                message = self._client.message(recipient, words.told_subject(volume), text, silent=silent)
                await self._client.send(recipient, message.as_bytes())
                return Sent(remark=Reason(DeliveryReason.TOLD_ONLY))
            body = words.body(outgoing.caption)
            message = self._client.message(recipient, words.subject(volume), body, silent=silent)
            # The same for the same volume: a copy that was sent because an answer got lost can be told from a new one.
            seed = f"{volume.name}\n{volume.offset}\n{volume.bytes}\n{recipient.place}"
            domain = self._client.sender.rpartition("@")[2]
            message["Message-ID"] = f"<{hashlib.sha256(seed.encode()).hexdigest()[:32]}@{domain}>"
            wire, digest = await _with_attachment(message, volume)
            await self._client.send(recipient, wire)
            outgoing.on_bytes(volume.bytes)
            return Sent(sha256=digest)

    async def check_reachable(self, recipient: Recipient) -> None:
        """Go as far as a mail would, and take it back before its text; raises an `Outcome`."""
        await self._client.offer(recipient)


def volume_bytes(mail_bytes: int) -> int:
    """The bytes of a file that fit into a mail of so many, with its headers, once they are base64 in lines."""
    return max(LINE, (mail_bytes - OVERHEAD) // (LINE // 3 * 4 + 2) * LINE)


async def _with_attachment(message: EmailMessage, volume: Volume) -> tuple[bytearray, str]:
    """Return the mail with the volume in it as it goes over the wire, and its SHA-256. Raises `ArchiveGone`.

    The base64 is put into the finished mail piece by piece: the standard library would hold it five times over.
    """
    message.make_mixed()
    part = EmailMessage(policy=WIRE)
    part["Content-Type"] = "application/octet-stream"
    part["Content-Disposition"] = "attachment"
    part.set_param("filename", volume.name, header="Content-Disposition")
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(HERE)
    message.attach(part)
    head, _, tail = message.as_bytes().rpartition(HERE.encode())
    wire, piece, rest = bytearray(head), ArchiveSlice(volume, nothing), b""
    try:
        async for chunk in piece.chunks():
            block = rest + chunk
            whole = len(block) - len(block) % LINE
            wire += _lines(block[:whole])
            rest = block[whole:]
    except OSError:
        raise ArchiveGone(OutcomeCode.ARCHIVE_UNREADABLE, said=piece.trouble) from None
    wire += _lines(rest)
    wire += tail.removeprefix(b"\r\n")
    return wire, piece.sha256


def _lines(block: bytes) -> bytes:
    return base64.encodebytes(block).replace(b"\n", b"\r\n")
