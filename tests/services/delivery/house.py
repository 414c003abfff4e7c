"""A small service to deliver from: archives on disk, a catalogue, a bot, and a clock that the test moves."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bot.demo.phones import Person
from bot.demo.stand_in.groups import Group
from bot.demo.stand_in.standin import StandIn
from bot.models import (
    BackedUp,
    Backup,
    BackupState,
    CheckMethod,
    Delivery,
    DeliveryState,
    Recipient,
    SkippedRecord,
    Trigger,
    Verdict,
    Volume,
)
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.destination import ArchiveDestination, NoticeChannel
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender
from bot.services.delivery.policy import DeliverySettings
from bot.services.delivery.router import Router
from bot.services.delivery.upload import PATIENCE
from bot.services.telegram.destination import TelegramDestination
from bot.services.telegram.notices import TelegramNotices
from tests.demo.conftest import LoopbackSession
from tests.world.catalogue import archive_named

SHORT = PATIENCE  # seconds; retries in these tests are shorter, the patience with an upload is longer


class Time:
    """A clock and a sleep that only move when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 13, 5, 0, tzinfo=UTC)
        self.sleepers: dict[asyncio.Future[None], tuple[datetime, float]] = {}
        self._changed = asyncio.Event()

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleepers[waking] = (self.now + timedelta(seconds=seconds), seconds)
        self._changed.set()
        try:
            await waking
        finally:
            self.sleepers.pop(waking, None)

    def advance(self, seconds: float) -> None:
        """Make it later, and wake everybody whose time has come."""
        self.now += timedelta(seconds=seconds)
        for waking, (at, _) in list(self.sleepers.items()):
            if at <= self.now and not waking.done():
                waking.set_result(None)

    async def asleep(self, matches: Callable[[float], bool], *, within: float = 5) -> float:
        """Wait until somebody sleeps for a time that matches; returns the seconds left of it."""
        async with asyncio.timeout(within):
            while True:
                for waking, (at, seconds) in self.sleepers.items():
                    if matches(seconds) and not waking.done():
                        return (at - self.now).total_seconds()
                self._changed.clear()
                await self._changed.wait()

    async def stall(self) -> float:
        """Let time pass until a second upload is begun beside a held one; returns the patience it took, in seconds.

        An upload that is held in mid-body still fills the sockets for a while, which is progress.
        """
        patience = 0.0
        while len(watches := [seconds for _, seconds in self.sleepers.values() if seconds >= PATIENCE]) < 2:
            await self.asleep(lambda seconds: seconds >= PATIENCE)
            patience = patience or watches[0] if watches else 0.0
            self.advance(max(watches, default=0))
            for _ in range(20):  # turns of the loop, not time: nothing between here and the next watch waits for more
                await asyncio.sleep(0)
        return patience

    async def pass_until(self, task: "asyncio.Task[Any]") -> Any:
        """Let short sleeps go by, in order, until the task is done; returns its result."""
        while not task.done():
            looking = asyncio.create_task(self.asleep(lambda seconds: seconds < SHORT, within=20))
            await asyncio.wait({task, looking}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done() and not task.done():
                self.advance(max(looking.result(), 0))
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        return await task


@dataclass
class House:
    """Everything a delivery needs. `open` and `close` are the start and the end of a process."""

    standin: StandIn
    folder: Path
    time: Time = field(default_factory=Time)
    recipients: tuple[Recipient, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    settled: list[Delivery] = field(default_factory=list)
    timeout: float = 20

    async def open(self, token: str | None = None) -> "House":
        self.catalogue = await Catalogue.open(self.folder / "catalogue.db", clock=self.time.clock)
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
            "recipients": recipients,
            "notice_recipients": tuple(one for one in recipients if one.reads_notices),
            "store_folder": self.folder,
            "volume_bytes": 1_000_000,
            "attempts": 3,
            "delay": 1.0,
            "owed": "newest",
        }
        chosen = usual | self.settings | changed
        words = chosen.pop("caption", caption)
        settings, nursery = DeliverySettings(**chosen), Nursery(self.time.sleep)
        destinations = destinations or Router(TelegramDestination(self.bot))
        channels = channels or Router(TelegramNotices(self.bot))
        self.notices = NoticeSender(self.catalogue, channels, settings, nursery)
        return Ledger(
            self.catalogue, destinations, channels, settings, nursery,
            caption=words, clock=self.time.clock, settled=self.settled.append,
        )  # fmt: skip

    async def close(self) -> None:
        await self.ledger.drain(0)
        await self.bot.session.close()
        await self.catalogue.close()

    async def restart(self, token: str | None = None) -> None:
        await self.close()
        await self.open(token)

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
        started_at = self.time.clock()
        name = f"database_backup_{started_at:%Y%m%d_%H%M%S}.zip"
        content = random.Random(name).randbytes(size)
        (self.folder / name).write_bytes(content)
        backup_id = await self.catalogue.backups.begin(
            trigger=Trigger.SCHEDULE, requested_by="scheduler", started_at=started_at
        )
        backup = await self.catalogue.backups.finish(
            backup_id,
            state=BackupState.STORED,
            finished_at=started_at,
            archive=archive_named(name, bytes=size, sha256=sha256(content).hexdigest()),
            databases=tuple(backed_up(database, started_at) for database in databases),
            skipped=skipped,
        )
        self.time.advance(3600)
        return backup

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


async def caption(backup: Backup, volume: Volume, _: Recipient) -> str:
    return f"<b>{backup.archive_name}</b> {volume.number} of {volume.total}"


def backed_up(name: str, taken_at: datetime) -> BackedUp:
    return BackedUp(
        name=name,
        path=f"/srv/{name}",
        sha256="0" * 64,
        bytes=4096,
        compressed_bytes=900,
        page_size=4096,
        page_count=1,
        journal_mode="wal",
        application_id=0,
        user_version=0,
        sqlite_version="3.45.0",
        taken_at=taken_at,
        verdict=Verdict.OK,
        method=CheckMethod.FULL,
    )


def volume_of(archive: Path, *, number: int = 1, total: int = 1, offset: int = 0, count: int | None = None) -> Volume:
    name = archive.name if total == 1 else f"{archive.name}.{number:03}"
    size = archive.stat().st_size if count is None else count
    return Volume(archive=archive, name=name, number=number, total=total, offset=offset, bytes=size)
