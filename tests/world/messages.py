"""A service whose clock the test turns: real databases, real runs, the stand-in's chats, and restarts in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.demo.stand_in.state import Message
from bot.models import Backup, DeliveryState, Recipient, Trigger
from bot.services.manager import Courier
from bot.services.messages.maintenance import ChatMaintenance
from bot.words.outcomes import reason_words
from tests.world.databases import change, make_database, write_env
from tests.world.groups import Group
from tests.world.phones import Person
from tests.world.stand_in import StandIn


class House:
    """Ann (11) and Ben (12) are admins; `now` is theirs, the bot's and Telegram's.

    What is changed of `sources` and `settings` counts from the next start on.
    """

    courier: Courier
    upkeep: ChatMaintenance

    def __init__(self, standin: StandIn, folder: Path, now: datetime, *, rows: int = 50, **settings: str) -> None:
        self.standin, self.folder, self.now = standin, folder, now
        self.ann, self.ben = standin.add_user(11, "Ann"), standin.add_user(12, "Ben")
        self.users = make_database(folder / "live" / "users.db", rows)
        self.shop = make_database(folder / "live" / "shop.db", wal=False)
        self.sources = [self.users, self.shop]
        self.settings = {
            "ADMIN_IDS": "11,12", "RETRY_DELAY": "0.01", "COMPRESSION": "fast",
            "BOT_TOKEN": standin.bot().token, "TELEGRAM_API": standin.url, **settings,
        }  # fmt: skip
        self.slept: list[float] = []
        self._open = AsyncExitStack()

    def clock(self) -> datetime:
        return self.now

    async def open(self) -> House:
        """The start of a process."""
        settings = load_settings(write_env(self.folder, self.sources, **self.settings))
        opened = open_courier(settings, deliver=True, clock=self.clock, sleep=self._sleep)
        self.courier = await self._open.enter_async_context(opened)
        self.upkeep = self.courier.maintenance
        return self

    async def close(self) -> None:
        await self._open.aclose()

    async def restart(self) -> None:
        await self.close()
        self._open = AsyncExitStack()
        await self.open()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def pass_to(self, at: datetime) -> None:
        """Make it that late, here and at Telegram."""
        self.standin.clock.advance((at - self.now).total_seconds())
        self.now = at

    def pass_by(self, **time: float) -> None:
        self.pass_to(self.now + timedelta(**time))

    async def run(self, trigger: Trigger = Trigger.SCHEDULE, **more: Any) -> Backup:
        """One run, and what follows from it in the chats."""
        try:
            result = await self.courier.runs.back_up(trigger=trigger, requested_by="a test", **more)
        finally:
            await self.courier.alarm_loop.deliver()
        await self.upkeep.refresh()
        return result.backup

    async def hours(self, *changes: Path | None) -> list[Backup]:
        """A planned run an hour for each entry, after a change of that database or none."""
        made = []
        for changed in changes:
            if changed is not None:
                self.change(changed)
            made.append(await self.run())
            self.pass_by(hours=1)
        return made

    def change(self, path: Path) -> None:
        """Let the application write a row."""
        change(path, "INSERT INTO entries (text) VALUES ('more')", "UPDATE totals SET rows = rows + 1")

    async def rows(self, backup: Backup) -> dict[int, tuple[DeliveryState, str]]:
        """What the ledger says of a backup, by chat."""
        rows = await self.courier.catalogue.deliveries.of(backup.id)
        return {row.recipient.chat_id: (row.state, reason_words(row.reason)) for row in rows}

    async def owes(self, person: Person) -> int:
        return len(await self.courier.catalogue.deliveries.owed(recipient=Recipient(chat_id=person.id)))

    def on_disk(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "backups").glob("*.zip"))


def archives(chat: Person | Group) -> list[Message]:
    """The archives in a chat, oldest first."""
    return [m for m in chat.messages if m.document is not None and m.document.name.startswith("database_backup_")]


def texts(chat: Person | Group) -> list[Message]:
    """The messages of the bot without a file."""
    return [m for m in chat.messages if m.file is None]


MORNING = datetime(2027, 1, 12, 5, 0, tzinfo=UTC)  # 06:00 in Berlin

MakeHouse = Callable[..., Awaitable[House]]
