"""Delivers by e-mail, and classifies a mail server's answers; the only file that imports aiosmtplib."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bot.journal.redaction import redact
from bot.models import Reachability, Recipient, Volume
from bot.services.contracts.destination import ArchiveGone, Notice, Outcome, Parked, Sent, TooLarge, Transient
from bot.services.contracts.slices import ArchiveSlice
from bot.services.files.store import plan_volumes

if TYPE_CHECKING:
    from bot.services.mail.server import MailServer

MB = 1000 * 1000  # mail servers state their limits so
OVERHEAD = 16 * 1024  # bytes of headers and body text, at most, that go with an attachment
HERE = "the-attachment-goes-here"  # in the place of the base64 while the mail is written
LINE = 57  # bytes of a file become a line of 76 characters and its end: 78 for 57, 37 % more
ANSWER_SECONDS = 30.0
SLOWEST = 32 * 1024  # bytes per second
CERTIFICATE = "its certificate is not trusted: check the server's name in SMTP_URL"


class Words(Protocol):
    """The sentences of the mails, made by whoever talks to people."""

    def subject(self, volume: Volume) -> str: ...
    def notice_subject(self, html: str) -> str: ...
    def told_subject(self, volume: Volume) -> str: ...
    def body(self, caption: str) -> str: ...
    def whereabouts(self, caption: str, volume: Volume, *, largest: int, mails: int) -> str: ...
    def told(self, volume: Volume) -> str: ...


class MailDestination:
    """Mailboxes behind one mail server.

    A volume is one mail. Its message is whole in memory while it is sent, and only one at a time: never more than some
    six times `max_bytes`. An archive that needs more than `max_mails` mails is not attached; a mail says where it lies.
    """

    def __init__(
        self, server: MailServer, *, sender: str, max_bytes: int, max_mails: int, words: Words, tls: Any = None
    ) -> None:
        """`tls` is an SSL context; None trusts what the system trusts."""
        self._server, self._sender, self._words, self._tls = server, sender, words, tls
        self._max_bytes, self._max_mails = max_bytes, max_mails
        self._turn = asyncio.Lock()

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> tuple[Volume, ...]:
        """Slices that fit into a mail each; a single empty one where there would be too many."""
        volumes = plan_volumes(archive, archive_bytes, volume_bytes(self._max_bytes))
        if len(volumes) > self._max_mails:
            return (Volume(archive=archive, name="", number=1, total=1, offset=0, bytes=0),)
        return volumes

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
        """Send one mail with the volume attached; return when the server has accepted it. Raises an `Outcome`."""
        async with self._turn:
            if not volume.name:
                text = await asyncio.to_thread(
                    self._words.whereabouts, caption, volume, largest=self._max_bytes, mails=self._max_mails
                )
                message = self._message(recipient, self._words.told_subject(volume), text, silent=silent)
                await self._send(recipient, message.as_bytes())
                return Sent(remark=self._words.told(volume))
            message = self._message(recipient, self._words.subject(volume), self._words.body(caption), silent=silent)
            # The same for the same volume: a copy that was sent because an answer got lost can be told from a new one.
            seed = f"{volume.name}\n{volume.offset}\n{volume.bytes}\n{recipient.place}"
            domain = self._sender.rpartition("@")[2]
            message["Message-ID"] = f"<{hashlib.sha256(seed.encode()).hexdigest()[:32]}@{domain}>"
            wire, digest = await _with_attachment(message, volume)
            await self._send(recipient, wire)
            on_bytes(volume.bytes)
            return Sent(sha256=digest)

    async def send_notice(self, recipient: Recipient, notice: Notice) -> int:
        """Send its text, without the buttons; a mail has no number, so 0. Raises an `Outcome`."""
        subject, body = self._words.notice_subject(notice.html), self._words.body(notice.html)
        message = self._message(recipient, subject, body, silent=notice.silent)
        await self._send(recipient, message.as_bytes())
        return 0

    async def edit_notice(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        """Let a mail that was sent stand as it is: what it told was so then, and the end of it is a mail of its own."""

    async def remove_notice(self, recipient: Recipient, message_id: int) -> None:
        """Let a mail that was sent stand as it is."""

    async def check_reachable(self, recipient: Recipient) -> None:
        """Go as far as a mail would, and take it back before its text; raises an `Outcome`."""
        async with self._session() as smtp:
            await smtp.mail(self._sender)
            await smtp.rcpt(_address(recipient))
            await smtp.rset()

    async def probe(self, recipient: Recipient) -> Reachability:
        """Say whether the server lets us in and takes the address."""
        try:
            await self.check_reachable(recipient)
        except Outcome as outcome:
            return Reachability(recipient=recipient, name="", trouble=outcome.sentence)
        return Reachability(recipient=recipient, name="", trouble="")

    async def round_trip(self) -> float:
        """Seconds to be let in and out; raises an `Outcome`."""
        started = time.perf_counter()
        async with self._session():
            return time.perf_counter() - started

    def _message(self, recipient: Recipient, subject: str, text: str, *, silent: bool) -> EmailMessage:
        message = EmailMessage(policy=WIRE)
        message["From"], message["To"] = self._sender, _address(recipient)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(localtime=True)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answer
        if not silent:
            message["X-Priority"] = "1"
        message.set_content(text)
        return message

    async def _send(self, recipient: Recipient, wire: bytes | bytearray) -> None:
        async with self._session() as smtp:
            limit = smtp.esmtp_extensions.get("size", "")
            if limit.isdigit() and 0 < int(limit) < len(wire):
                raise TooLarge(f"the mail server takes {int(limit) / MB:.0f} MB at most: set a smaller EMAIL_MAX_MB")
            options = [f"SIZE={len(wire)}"] if "size" in smtp.esmtp_extensions else []
            await smtp.mail(self._sender, options=options)
            await smtp.rcpt(_address(recipient))
            try:
                await smtp.data(wire, timeout=ANSWER_SECONDS + len(wire) / SLOWEST)
            except Exception as error:
                # From here on the mail may have arrived: the answer alone is missing.
                raise _read(error, after_data=True) from None

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Any]:
        """Connect and log in; say goodbye at the end, whose failure is nobody's trouble."""
        import aiosmtplib  # noqa: PLC0415 - an extra

        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            tls_context=self._tls,
            timeout=ANSWER_SECONDS,
        )
        outcome: Outcome
        try:
            await smtp.connect()
            if server.user:
                await smtp.login(server.user, server.password)
            await smtp.ehlo()
            yield smtp
            try:
                await smtp.quit(timeout=2)
            except Exception:
                return
        except Outcome:
            raise
        except Exception as error:
            outcome = _read(error)
        else:
            return
        finally:
            smtp.close()
        raise outcome


def volume_bytes(mail_bytes: int) -> int:
    """The bytes of a file that fit into a mail of so many, with its headers, once they are base64 in lines."""
    return max(LINE, (mail_bytes - OVERHEAD) // (LINE // 3 * 4 + 2) * LINE)


async def _with_attachment(message: EmailMessage, volume: Volume) -> tuple[bytearray, str]:
    """Return the mail with the volume in it as it goes over the wire, and the volume's SHA-256. Raises `Gone`.

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
    wire, piece, rest = bytearray(head), ArchiveSlice(volume, lambda _: None), b""
    try:
        async for chunk in piece.chunks():
            block = rest + chunk
            whole = len(block) - len(block) % LINE
            wire += _lines(block[:whole])
            rest = block[whole:]
    except OSError:
        raise ArchiveGone(f"the archive can't be read: {piece.trouble}") from None
    wire += _lines(rest)
    wire += tail.removeprefix(b"\r\n")
    return wire, piece.sha256


def _lines(block: bytes) -> bytes:
    return base64.encodebytes(block).replace(b"\n", b"\r\n")


def _address(recipient: Recipient) -> str:
    return recipient.place.removeprefix("mail:")


def _read(error: Exception, *, after_data: bool = False) -> Outcome:  # noqa: PLR0912 - a table of cases
    """Turn what aiosmtplib raises into an `Outcome` without its text, which can repeat what we sent."""
    import aiosmtplib as smtp  # noqa: PLC0415

    code = getattr(error, "code", 0)
    if isinstance(error, smtp.SMTPRecipientsRefused):
        error = error.recipients[0]
        code = error.code
    said = redact(" ".join(str(getattr(error, "message", "")).split()))[:120]
    answer = f"the mail server answers {code} {said}".strip()
    match error:
        case Outcome():
            return error
        case smtp.SMTPAuthenticationError() if code >= 500:
            return Parked("the mail server does not accept the user or the password: check SMTP_URL and SMTP_PASSWORD")
        case _ if isinstance(error, smtp.SMTPNotSupported) or type(error) is smtp.SMTPException:
            # The bare exception is what a server without STARTTLS or AUTH ends in; no password was sent then.
            return Parked(
                "the mail server offers no such login or encryption: check the scheme and the port of SMTP_URL"
            )
        case ssl.SSLCertVerificationError():
            return Parked(CERTIFICATE)
        # Enhanced codes (RFC 3463) come first: Gmail says 552 for a full mailbox and for blocked contents too.
        case smtp.SMTPResponseException() if re.search(r"\b[45]\.2\.2\b", said):
            full = f"{answer}: the mailbox is full, make room in it"
            return Transient(full) if code < 500 else Parked(full)
        case smtp.SMTPDataError() if re.search(r"\b5\.7\.\d", said):
            return Parked(f"{answer}: the content is refused, as some servers do with ZIPs; deliver elsewhere")
        case smtp.SMTPResponseException() if code == 552 or re.search(r"\b(5\.2\.3|[45]\.3\.4)\b", said):
            return TooLarge(f"{answer}: the mail is too large there, set a smaller EMAIL_MAX_MB")
        case smtp.SMTPResponseException() if code == 530:
            return Parked(f"{answer}: it wants a user and a password, or encryption (smtp+starttls://)")
        case smtp.SMTPRecipientRefused() if code >= 500:
            return Parked(f"{answer}: check EMAIL_TO")
        case smtp.SMTPSenderRefused() if code >= 500:
            return Parked(f"{answer}: check EMAIL_FROM")
        case smtp.SMTPResponseException() if code >= 500:
            return Parked(answer)
        case smtp.SMTPResponseException() if code > 0:
            return Transient(answer)
        case smtp.SMTPTimeoutError() | TimeoutError():
            return Transient("the mail server did not answer in time", ambiguous=after_data)
        case smtp.SMTPServerDisconnected() | ConnectionError():
            cause = error.__cause__ or error.__context__
            if isinstance(cause, ssl.SSLCertVerificationError):
                return Parked(CERTIFICATE)
            return Transient("the connection to the mail server broke", ambiguous=after_data)
        case smtp.SMTPConnectError() | OSError():
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return Parked(CERTIFICATE)
            return Transient("the mail server can't be reached")
        case _:
            return Transient(f"the mail server can't be used: {type(error).__name__}", ambiguous=after_data)
