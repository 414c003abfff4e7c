"""Real servers for every kind of destination, each behind a wire that the test can cut, slow down or silence."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.server import ThreadedMotoServer

from bot.services.catalogue import Catalogue
from bot.services.mail.client import MB, MailClient
from bot.services.mail.destination import MailDestination
from bot.services.mail.server import MailServer
from bot.services.objects.archives import BucketArchives
from bot.services.objects.bucket import Bucket, BucketAccess
from bot.services.objects.destination import ObjectDestination
from bot.texts.mail import MailWords

BUCKET = "backups"
URL = f"s3://{BUCKET}/server/one"
MAILBOX = "mail:ops@example.org"


class Wire:
    """A TCP line to a server. `cut_after` bytes of a request it breaks; `silent` it takes all and answers nothing."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self.cut_after: int | None = None
        self.silent = False
        self.answer: bytes | None = None  # in place of the server's
        self.slow = 0.0  # seconds per piece that goes there
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """From here on connections are refused."""
        if self._server is not None:
            self._server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def mend(self) -> None:
        self.cut_after, self.silent, self.answer, self.slow = None, False, None, 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        with suppress(OSError, asyncio.CancelledError):
            async with _aborted(writer):
                await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.answer is not None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._to)
        async with _aborted(there_writer), asyncio.TaskGroup() as group:
            forth = group.create_task(self._forth(reader, there_writer))
            back = group.create_task(self._back(there_reader, writer))
            await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
            forth.cancel()
            back.cancel()

    async def _forth(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        carried = 0
        while piece := await reader.read(16384):
            carried += len(piece)
            if self.cut_after is not None and carried > self.cut_after:
                return
            if self.slow:
                await asyncio.sleep(self.slow)
            if not self.silent:
                there.write(piece)
                await there.drain()

    async def _back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await there.read(65536):
            if not self.silent:
                writer.write(piece)
                await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def _aborted(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Cut the connection at the end, whatever happened."""
    try:
        yield
    finally:
        writer.transport.abort()


@contextmanager
def running_s3() -> Iterator[str]:
    """moto's S3 over HTTP, with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def s3_client(url: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
    )


def empty_bucket(url: str) -> None:
    """Make the bucket, or make it empty."""
    client = s3_client(url)
    client.create_bucket(Bucket=BUCKET)
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])


@dataclass
class Post:
    """What a mail server got, and how it shall answer."""

    mails: list[bytes] = field(default_factory=list)
    at_data: str = ""
    at_rcpt: str = ""
    password: str = "pass-word-of-mail"
    logins: list[str] = field(default_factory=list)

    def parsed(self) -> list[Message]:
        return [message_from_bytes(mail) for mail in self.mails]

    def attachments(self) -> bytes:
        """All attachments, one after the other."""
        return b"".join(
            base64.b64decode(str(part.get_payload()))
            for mail in self.parsed()
            for part in mail.walk()
            if part.get_content_disposition() == "attachment"
        )

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_rcpt:
            return self.at_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.at_data:
            return self.at_data
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 Accepted"

    def check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        # Not handled: the server itself shall answer 535.
        return AuthResult(success=data.password.decode() == self.password, handled=False)


@asynccontextmanager
async def running_mail(
    post: Post, *, tls: ssl.SSLContext | None = None, auth: bool = False, size: int = 40 * MB
) -> AsyncIterator[int]:
    """A real SMTP server; with `tls` it wants STARTTLS, with `auth` a login. Gives the port."""

    def make() -> SMTP:
        return SMTP(
            post,
            hostname="mail.example.org",
            data_size_limit=size,
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=post.check if auth else None,
            auth_required=auth,
            auth_require_tls=tls is not None,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for 127.0.0.1 made just now, and a client's that trusts it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(secret, hashes.SHA256())
    )
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))


def s3_bucket(endpoint: str, url: str = URL, part: int = 5 << 20) -> Bucket:
    access = BucketAccess(
        config={"endpoint": endpoint, "region": "us-east-1", "access_key_id": "key", "secret_access_key": "secret"},
        allow_http=True,
    )
    return Bucket(url, access, part=part)


def object_destination(
    catalogue: Catalogue, endpoint: str, *, clock: Callable[[], Any], **limits: Any
) -> ObjectDestination:
    limits = {"max_age": timedelta(days=30), "max_count": 200, **limits}
    return ObjectDestination(BucketArchives(s3_bucket(endpoint)), catalogue, clock=clock, **limits)


WORDS = MailWords(host="box", folder="/srv/backups", places=["11"])


def mail_client(port: int, *, server: dict[str, Any] | None = None, tls: Any = None) -> MailClient:
    reached = {"host": "127.0.0.1", "port": port, "tls": "none", **(server or {})}
    return MailClient(MailServer(**reached), sender="courier@example.org", tls=tls)


def mail_destination(
    port: int, *, server: dict[str, Any] | None = None, tls: Any = None, **limits: Any
) -> MailDestination:
    limits = {"max_bytes": 2 * MB, "max_mails": 5, **limits}
    return MailDestination(mail_client(port, server=server, tls=tls), words=WORDS, **limits)


STORE = f"s3://{BUCKET}/box"
KEYS = {"S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "a-secret-of-s3"}
MAIL = {"EMAIL_TO": "ops@example.org", "EMAIL_FROM": "courier@example.org"}
