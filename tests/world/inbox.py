"""A running service whose admins send archives to it, and their phones."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from bot.demo.stand_in.state import Message
from bot.models import Backup
from tests.world.phones import Person
from tests.world.service import Town, town_in
from tests.world.shell import ROOT
from tests.world.stand_in import StandIn


class House(Town):
    """A town whose admins send archives; Eve (66) is a stranger."""

    @property
    def eve(self) -> Person:
        return self.api.people[66]

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

    def left(self) -> list[Path]:
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
async def open_house(folder: Path, **more: Any) -> AsyncIterator[House]:
    """Start the service; at the end nothing of what was sent may be left."""
    town = town_in(folder, kind=House, names=("shop.db", "users.db"), rows=(3000, 7), start=False, **more)
    async with town as there:
        there.api.add_user(66, "Eve")
        await there.start()
        yield there
    assert there.left() == []


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
