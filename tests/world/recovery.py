"""A bot with its catalogue and backups that lie in its chats, and a machine that can be lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bot.config.settings import Settings
from bot.demo.stand_in.state import Message, StoredFile
from bot.models import Backup, BackupState, RestorePoint
from bot.services.catalogue import Catalogue
from bot.services.people.people import People
from bot.services.recovery.document import DOCUMENT_NAME, Document, read_document
from bot.services.recovery.pin import PinKeeper, PinnedWords
from bot.services.telegram.chat import TelegramChat
from bot.texts.restore_points import pinned_buttons
from tests.world.catalogue import archive_named, stored
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import LoopbackSession
from tests.world.values import NOON, backed_up


async def no_time(_seconds: float) -> None:
    """Sleep without waiting."""


@dataclass
class Scene:
    """One machine with one bot. `lose_the_machine` starts another one, of which nothing is known but the token."""

    standin: StandIn
    folder: Path
    now: datetime = NOON
    machines: int = 1
    ann: Person = field(init=False)
    settings: dict[str, str] = field(default_factory=lambda: {"ADMIN_IDS": "11"})
    slept: list[float] = field(default_factory=list)

    async def open(self) -> Scene:
        if 11 not in self.standin.people:
            self.standin.add_user(11, "Ann")
        self.ann = self.standin.people[11]
        home = self.folder / f"machine{self.machines}"
        self.catalogue = await Catalogue.open(home / "catalogue.db", clock=self.clock)
        session = LoopbackSession(api=TelegramAPIServer.from_base(self.standin.url), timeout=20)
        self.bot = Bot(self.standin.bot().token, session=session)
        self.chats = TelegramChat(self.bot)
        self.keeper = self.keep(11)
        return self

    def keep(self, *admins: int, server: str = "") -> PinKeeper:
        """Make these the admins whose chats are kept up to date."""

        async def caption(points: tuple[RestorePoint, ...], others: tuple[str, ...]) -> str:
            also = f", also {', '.join(others)}" if others else ""
            return f"{len(points)} restore points, as of {self.now:%H:%M:%S}{also}"

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        async def settings() -> dict[str, str]:
            return self.settings

        people = People(Settings(admin_ids=admins), self.catalogue)
        self.keeper = PinKeeper(
            self.catalogue,
            self.chats,
            people=people,
            server=server,
            words=PinnedWords(caption=caption, buttons=pinned_buttons),
            settings=settings,
            clock=self.clock,
            sleep=sleep,
        )
        return self.keeper

    def clock(self) -> datetime:
        return self.now

    async def close(self) -> None:
        await self.bot.session.close()
        await self.catalogue.close()

    async def restart(self) -> None:
        await self.close()
        await self.open()

    async def lose_the_machine(self) -> None:
        await self.close()
        self.machines += 1
        await self.open()

    async def refresh(self) -> float:
        """Bring the pinned messages up to date, a minute later than the last time."""
        self.now += timedelta(minutes=1)
        return await self.keeper.refresh()

    async def back_up(
        self, size: int = 30_000, *, volume: int = 1_000_000, names: tuple[str, ...] = ("shop.db",)
    ) -> Backup:
        """Store a backup of random bytes in Ann's chat, an hour after the one before."""
        self.now += timedelta(hours=1)
        name = f"database_backup_{self.now:%Y%m%d_%H%M%S}.zip"
        content = random.Random(name).randbytes(size)
        archive = archive_named(name, bytes=size, sha256=sha256(content).hexdigest())
        held = tuple(backed_up(database, self.now) for database in names)
        backup = await stored(
            self.catalogue, self.now, state=BackupState.DELIVERED, finished_at=self.now, archive=archive, databases=held
        )
        for number, offset in enumerate(range(0, size, volume), start=1):
            part = content[offset : offset + volume]
            sent = await self.chats.post(11, f"{name}.{number:03}", part, "")
            await self.catalogue.volumes.set_file_id(
                backup.id, number, sent.file_id, bytes=len(part), sha256=sha256(part).hexdigest()
            )
        return backup

    async def publish(self, size: int = 30_000, **more: Any) -> Backup:
        """Store a backup, and pin that it is there."""
        backup = await self.back_up(size, **more)
        await self.refresh()
        return backup

    def archives(self) -> list[StoredFile]:
        """The files of all volumes in Ann's chat."""
        return [m.document for m in self.ann.messages if m.document and m.document.name != DOCUMENT_NAME]

    def pins(self, person: Person | None = None) -> list[Message]:
        """All pinned messages of a chat, whoever pinned them."""
        chat = (person or self.ann).conversation()
        return [message for message in chat if message.id in message.chat.pinned]

    def pinned_document(self, person: Person | None = None) -> Document:
        """What is found by who asks for the newest pinned message."""
        message = (person or self.ann).newest_pinned()
        assert message is not None
        assert message.document is not None
        return read_document(message.document.path.read_bytes(), bot_id=self.bot.id)


@contextmanager
def changed(stored: StoredFile, at: int = 1000) -> Iterator[None]:
    """Flip a bit of a file on the server's disk, for a while."""
    good = stored.path.read_bytes()
    bad = bytearray(good)
    bad[at] ^= 1
    stored.path.write_bytes(bad)
    yield
    stored.path.write_bytes(good)


def pin_by_hand(message: Message) -> None:
    """Pin a message as its owner does with a long press."""
    message.chat.pinned.add(message.id)


def unpin_by_hand(message: Message) -> None:
    message.chat.pinned.discard(message.id)
