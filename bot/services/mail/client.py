"""Talks to a mail server and classifies its answers; the only file that imports aiosmtplib."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from bot.journal.redaction import redact
from bot.models import OutcomeCode, Recipient
from bot.services.contracts.destination import Outcome, Parked, TooLarge, Transient

if TYPE_CHECKING:
    from bot.services.mail.server import MailServer

MB = 1000 * 1000  # mail servers state their limits so
ANSWER_SECONDS = 30.0
SLOWEST = 32 * 1024  # bytes per second


class MailClient:
    """Sends mails from one address, each over a connection of its own."""

    def __init__(self, server: MailServer, *, sender: str, tls: Any = None) -> None:
        """`tls` is an SSL context; None trusts what the system trusts."""
        self.sender = sender
        self._server, self._tls = server, tls

    def message(self, recipient: Recipient, subject: str, text: str, *, silent: bool) -> EmailMessage:
        """Write a mail; one that is not silent is marked as important."""
        message = EmailMessage(policy=WIRE)
        message["From"], message["To"] = self.sender, _address(recipient)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(localtime=True)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answer
        if not silent:
            message["X-Priority"] = "1"
        message.set_content(text)
        return message

    async def send(self, recipient: Recipient, wire: bytes | bytearray) -> None:
        """Return when the server has accepted a whole mail for the recipient; raises an `Outcome`."""
        async with self.session() as smtp:
            limit = smtp.esmtp_extensions.get("size", "")
            if limit.isdigit() and 0 < int(limit) < len(wire):
                raise TooLarge(OutcomeCode.MAIL_LIMIT, megabytes=round(int(limit) / MB))
            options = [f"SIZE={len(wire)}"] if "size" in smtp.esmtp_extensions else []
            await smtp.mail(self.sender, options=options)
            await smtp.rcpt(_address(recipient))
            try:
                await smtp.data(wire, timeout=ANSWER_SECONDS + len(wire) / SLOWEST)
            except Exception as error:
                # From here on the mail may have arrived: the answer alone is missing.
                raise _read(error, after_data=True) from None

    async def offer(self, recipient: Recipient) -> None:
        """Go as far as a mail would, and take it back before its text; raises an `Outcome`."""
        async with self.session() as smtp:
            await smtp.mail(self.sender)
            await smtp.rcpt(_address(recipient))
            await smtp.rset()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
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
    answer = f"{code} {said}".strip()
    match error:
        case Outcome():
            return error
        case smtp.SMTPAuthenticationError() if code >= 500:
            return Parked(OutcomeCode.MAIL_LOGIN)
        case _ if isinstance(error, smtp.SMTPNotSupported) or type(error) is smtp.SMTPException:
            # The bare exception is what a server without STARTTLS or AUTH ends in; no password was sent then.
            return Parked(OutcomeCode.MAIL_NO_LOGIN)
        case ssl.SSLCertVerificationError():
            return Parked(OutcomeCode.MAIL_CERTIFICATE)
        # Enhanced codes (RFC 3463) come first: Gmail says 552 for a full mailbox and for blocked contents too.
        case smtp.SMTPResponseException() if re.search(r"\b[45]\.2\.2\b", said):
            return (Transient if code < 500 else Parked)(OutcomeCode.MAIL_FULL, said=answer)
        case smtp.SMTPDataError() if re.search(r"\b5\.7\.\d", said):
            return Parked(OutcomeCode.MAIL_CONTENT, said=answer)
        case smtp.SMTPResponseException() if code == 552 or re.search(r"\b(5\.2\.3|[45]\.3\.4)\b", said):
            return TooLarge(OutcomeCode.MAIL_TOO_LARGE, said=answer)
        case smtp.SMTPResponseException() if code == 530:
            return Parked(OutcomeCode.MAIL_WANTS_LOGIN, said=answer)
        case smtp.SMTPRecipientRefused() if code >= 500:
            return Parked(OutcomeCode.MAIL_RECIPIENT, said=answer)
        case smtp.SMTPSenderRefused() if code >= 500:
            return Parked(OutcomeCode.MAIL_SENDER, said=answer)
        case smtp.SMTPResponseException() if code >= 500:
            return Parked(OutcomeCode.MAIL_ANSWERS, said=answer)
        case smtp.SMTPResponseException() if code > 0:
            return Transient(OutcomeCode.MAIL_ANSWERS, said=answer)
        case smtp.SMTPTimeoutError() | TimeoutError():
            return Transient(OutcomeCode.MAIL_SILENT, ambiguous=after_data)
        case smtp.SMTPServerDisconnected() | ConnectionError():
            cause = error.__cause__ or error.__context__
            if isinstance(cause, ssl.SSLCertVerificationError):
                return Parked(OutcomeCode.MAIL_CERTIFICATE)
            return Transient(OutcomeCode.MAIL_BROKEN, ambiguous=after_data)
        case smtp.SMTPConnectError() | OSError():
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return Parked(OutcomeCode.MAIL_CERTIFICATE)
            return Transient(OutcomeCode.MAIL_UNREACHABLE)
        case _:
            return Transient(OutcomeCode.MAIL_FAULT, said=type(error).__name__, ambiguous=after_data)
