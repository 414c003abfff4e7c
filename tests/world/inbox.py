"""A running service whose admins send archives to it, and their phones."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from bot.app.service import Service
from bot.config.settings import Settings, load_settings
from bot.demo.stand_in.state import Message
from bot.models import Backup, Trigger
from tests.world.databases import make_database, write_env
from tests.world.phones import Person
from tests.world.shell import ROOT
from tests.world.stand_in import StandIn


@dataclass
class House:
    """A running service with two databases, its admins Ann (11) and Ben (12), and Eve, a stranger."""

    folder: Path
    api: StandIn
    settings: Settings
    ann: Person
    ben: Person
    eve: Person
    service: Service = field(init=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Start the service, as after a restart of the machine."""
        self.service = await self._stack.enter_async_context(Service.started(self.settings))

    async def stop(self) -> None:
        """Stop it in order."""
        await self._stack.aclose()

    async def back_up(self) -> Backup:
        """Make a backup; it is in Ann's chat when this returns."""
        courier = self.service.courier
        made = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        return made.backup

    def archive(self, backup: Backup) -> Path:
        return self.settings.backup_dir / backup.archive_name

    def volumes(self, archive: Path, count: int, name: str = "{archive}.{number:03}") -> list[Path]:
        """Cut an archive as the service would, under names of choice."""
        content = archive.read_bytes()
        size = -(-len(content) // count)
        folder = self.folder / "phone"
        folder.mkdir(exist_ok=True)
        paths = []
        for number in range(1, count + 1):
            paths.append(folder / name.format(archive=archive.name, number=number))
            paths[-1].write_bytes(content[(number - 1) * size : number * size])
        return paths

    def rooms(self) -> list[Path]:
        """What lies in the private work area."""
        return sorted(self.settings.backup_dir.glob(".work/restore-*"))

    async def shows(self, *words: str, who: Person | None = None, since: int | None = 0, within: float = 15) -> Message:
        """Wait for a message that holds all these words."""
        person = who or self.ann
        return await person.wait_for(lambda m: all(word in m.text for word in words), since=since, within=within)

    def said(self, *words: str, who: Person | None = None) -> list[Message]:
        """The bot's messages that hold all these words now."""
        person = who or self.ann
        return [m for m in person.messages if m.sender_id != person.id and all(word in m.text for word in words)]

    async def heard_everything(self, who: Person | None = None) -> None:
        """Wait until the bot has heard all that was sent before: it answers what was sent after it."""
        person = who or self.ben
        await person.send("/admin")
        await person.wait_for(lambda m: "Admin menu" in m.text)

    async def press(self, button: str, on: Message, who: Person | None = None) -> None:
        await (await (who or self.ann).press(button, message=on)).answered()


@asynccontextmanager
async def open_house(folder: Path, *, local: bool = False, **more: str) -> AsyncIterator[House]:
    """Start the service; at the end nothing of what was sent may be left, and no call have broken the contract."""
    sources = [make_database(folder / "live" / "shop.db", 3000), make_database(folder / "live" / "users.db", 7)]
    async with StandIn(local=local) as api:
        token = api.create_bot_token()
        people = api.add_user(11, "Ann"), api.add_user(12, "Ben"), api.add_user(66, "Eve")
        more = {"ADMIN_IDS": "11,12", "SCHEDULE": "0 0 1 1 *", "TELEGRAM_LOCAL": str(local).lower(), **more}
        env = write_env(folder, sources, BOT_TOKEN=token, TELEGRAM_API=api.url, **more)
        there = House(folder, api, load_settings(env), *people)
        await there.start()
        try:
            yield there
        finally:
            await there.stop()
        assert api.violations == []
        assert there.rooms() == []


def lose_rows(path: Path) -> None:
    """Let the application do what it should not have done."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM entries")
        connection.execute("UPDATE totals SET rows = 0")


async def confirmed(house: House, ready: Message) -> Message:
    """Press through choice, plan and both questions; the result."""
    await house.press("Restore…", ready)
    choice = await house.shows("which databases", since=ready.revision)
    assert {"☑️ shop.db", "☑️ users.db"} <= set(choice.button_texts)
    await house.press("Show the plan", choice)
    plan = await house.shows("the plan", since=choice.revision)
    assert plan.id == ready.id
    plan = await house.ann.wait_for(lambda m: "♻️ Restore" in m.button_texts, since=choice.revision, within=15)
    await house.press("♻️ Restore", plan)
    sure = await house.ann.wait_for(lambda m: "⚠️ Yes, replace" in m.button_texts, since=plan.revision)
    await house.press("Yes, replace", sure)
    return await house.ann.wait_for(lambda m: "↩️ Undo" in m.button_texts, since=sure.revision, within=30)


async def started(folder: Path, api: StandIn) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", "--env-file", str(folder / ".env"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    await api.polled(within=30)
    return process
