"""A small service to deliver from: archives on disk, a catalogue, a bot, and a clock that the test moves."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bot.models import Backup, Delivery, DeliveryState, Recipient, SkippedRecord, Volume
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.destination import ArchiveDestination, Caption, NoticeChannel
from bot.services.delivery.attempts import Attempts
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender
from bot.services.delivery.policy import DeliverySettings
from bot.services.delivery.router import Router
from bot.services.delivery.topics import Topics
from bot.services.telegram.destination import TelegramDestination
from bot.services.telegram.notices import TelegramNotices
from tests.world.catalogue import archive_named, stored
from tests.world.clock import StandingClock, until
from tests.world.faults import Gate
from tests.world.groups import Group
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import LoopbackSession
from tests.world.values import backed_up


@dataclass(frozen=True)
class Everybody:
    """Who receives, and who of them reads."""

    recipients: tuple[Recipient, ...]
    readers: tuple[Recipient, ...]


@dataclass
class House:
    """Everything a delivery needs. `open` and `close` are the start and the end of a process."""

    standin: StandIn
    folder: Path
    time: StandingClock = field(default_factory=StandingClock)
    recipients: tuple[Recipient, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    settled: list[Delivery] = field(default_factory=list)
    timeout: float = 20

    async def open(self, token: str | None = None) -> "House":
        self.catalogue = await Catalogue.open(self.folder / "catalogue.db", clock=self.time)
        session = LoopbackSession(api=TelegramAPIServer.from_base(self.standin.url), timeout=self.timeout)
        self.bot = Bot(token or self.standin.bot().token, session=session)
        self.ledger = self.make_ledger()
        return self

    def make_ledger(
        self,
        destinations: Router[ArchiveDestination] | None = None,
        channels: Router[NoticeChannel] | None = None,
        **changed: Any,
    ) -> Ledger:
        """A ledger with these settings, and who sends notices beside it; Telegram alone where nothing is given."""
        recipients = tuple(changed.get("recipients", self.recipients))
        usual: dict[str, Any] = {
            "people": Everybody(recipients, tuple(one for one in recipients if one.reads_notices)),
            "store_folder": self.folder,
            "volume_bytes": 1_000_000,
            "attempts": 3,
            "delay": 1.0,
            "owed": "newest",
        }
        chosen = usual | self.settings | changed
        words = chosen.pop("caption", caption)
        chosen.pop("recipients", None)
        settings, nursery = DeliverySettings(**chosen), Nursery(self.time.sleep)
        destinations = destinations or Router(TelegramDestination(self.bot))
        channels = channels or Router(TelegramNotices(self.bot))
        topics = Topics(self.catalogue, TelegramDestination(self.bot), TelegramNotices(self.bot), name="web-1")
        self.notices = NoticeSender(self.catalogue, channels, settings, nursery, topics=topics)
        attempts = Attempts(
            self.catalogue, destinations, channels, settings, nursery, topics=topics, caption=words, clock=self.time
        )
        return Ledger(attempts, settled=self.settled.append)

    async def close(self) -> None:
        await self.ledger.drain(0)
        await self.bot.session.close()
        await self.catalogue.close()

    async def restart(self, token: str | None = None) -> None:
        await self.close()
        await self.open(token)

    def choose(self, **settings: Any) -> None:
        """Change settings, for a new ledger."""
        self.settings |= settings
        self.ledger = self.make_ledger()

    async def nobody_is_parked(self) -> None:
        """Wait until everybody can be reached, as far as is known."""

        async def all_reached() -> bool:
            return not await self.catalogue.recipients.parked()

        await until(all_reached)

    def group(self, chat_id: int) -> Group:
        """Add a group of one person that becomes a recipient."""
        group = self.standin.add_group(chat_id, members=[self.standin.add_user(11)])
        self.receive(chat_id)
        return group

    async def people(self, count: int, *, started: bool = True) -> list[Person]:
        """Add people who become recipients, in this order."""
        people = [self.standin.add_user(11 + number, f"Admin {number}", started=started) for number in range(count)]
        self.receive(*(person.id for person in people))
        return people

    def receive(self, *recipients: int | Recipient) -> None:
        """Make these the recipients of a new ledger."""
        self.recipients += tuple(one if isinstance(one, Recipient) else Recipient(chat_id=one) for one in recipients)
        self.ledger = self.make_ledger()

    async def back_up(
        self, size: int = 300_000, *, databases: tuple[str, ...] = ("shop.db",), skipped: tuple[SkippedRecord, ...] = ()
    ) -> Backup:
        """Store a backup with an archive of random bytes; each one is an hour younger than the one before."""
        started_at = self.time()
        name = f"database_backup_{started_at:%Y%m%d_%H%M%S}.zip"
        content = random.Random(name).randbytes(size)
        (self.folder / name).write_bytes(content)
        archive = archive_named(name, bytes=size, sha256=sha256(content).hexdigest())
        held = tuple(backed_up(database, started_at) for database in databases)
        backup = await stored(
            self.catalogue, started_at, finished_at=started_at, archive=archive, databases=held, skipped=skipped
        )
        self.time.advance(3600)
        return backup

    async def tried(self, size: int = 300_000, **more: Any) -> Backup:
        """Store a backup and make its first pass, with retries as fast as they come."""
        backup = await self.back_up(size, **more)
        await self.delivered(backup)
        return backup

    async def delivering(self, gate: Gate, size: int = 300_000) -> "tuple[Backup, asyncio.Task[tuple[Delivery, ...]]]":
        """Store a backup and begin to deliver it; it has come to the gate."""
        backup = await self.back_up(size)
        task = self.deliver(backup)
        await gate.reached()
        return backup, task

    def archive(self, backup: Backup) -> Path:
        return self.folder / backup.archive_name

    def deliver(self, backup: Backup, **options: Any) -> "asyncio.Task[tuple[Delivery, ...]]":
        return asyncio.create_task(self.ledger.deliver(backup, **options))

    async def delivered(self, backup: Backup, **options: Any) -> dict[int, Delivery]:
        """Deliver, with retries as fast as they come; returns the rows by chat."""
        rows = await self.time.pass_until(self.deliver(backup, **options))
        return {row.recipient.chat_id: row for row in rows}

    async def row(self, backup: Backup, chat_id: int) -> Delivery:
        rows = await self.catalogue.deliveries.of(backup.id)
        return next(row for row in rows if row.recipient.chat_id == chat_id)

    async def states(self, backup: Backup) -> dict[int, DeliveryState]:
        return {row.recipient.chat_id: row.state for row in await self.catalogue.deliveries.of(backup.id)}

    def uploads(self) -> list[int | str | None]:
        """The chats into which bytes of files were sent, in order."""
        return [call.chat_id for call in self.standin.calls_of("sendDocument") if call.uploaded_bytes]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """The background work of the ledger, ended at the end."""
        task = asyncio.create_task(self.ledger.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def documents(chat: Person | Group) -> list[str]:
    """The names of the files in a chat."""
    return [message.document.name for message in chat.messages if message.document]


def joined(chat: Person | Group) -> bytes:
    """All files of a chat, one after the other."""
    return b"".join(message.document.path.read_bytes() for message in chat.messages if message.document)


async def caption(backup: Backup, volume: Volume, _: Recipient) -> Caption:
    return Caption(html=f"<b>{backup.archive_name}</b> {volume.number} of {volume.total}")


def volume_of(archive: Path, *, number: int = 1, total: int = 1, offset: int = 0, count: int | None = None) -> Volume:
    name = archive.name if total == 1 else f"{archive.name}.{number:03}"
    size = archive.stat().st_size if count is None else count
    return Volume(archive=archive, name=name, number=number, total=total, offset=offset, bytes=size)
