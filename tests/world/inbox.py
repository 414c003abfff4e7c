"""A running service whose admins send archives to it, and their phones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.demo.stand_in.state import Message
from bot.models import Backup
from tests.world.archives import cut
from tests.world.databases import change
from tests.world.phones import Person
from tests.world.service import Town, pressed, town_in


class House(Town):
    """A town whose admins send archives; Eve (66) is a stranger."""

    @property
    def eve(self) -> Person:
        return self.api.people[66]

    def archive(self, backup: Backup) -> Path:
        return self.settings.backup_dir / backup.archive_name

    def volumes(self, archive: Path, count: int, name: str = "{archive}.{number:03}") -> list[Path]:
        """The volumes of an archive on a phone."""
        folder = self.folder / "phone"
        folder.mkdir(exist_ok=True)
        return cut(archive, count, folder, name)

    async def made_volumes(self, count: int, name: str = "{archive}.{number:03}") -> list[Path]:
        """Those of a new backup."""
        return self.volumes(self.archive(await self.made()), count, name)

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
    change(path, "DELETE FROM entries", "UPDATE totals SET rows = 0")


async def confirmed(house: House, ready: Message) -> Message:
    """Press through choice, plan and both questions; the result."""
    choice = await pressed(house.ann, "Restore…", ready, "which databases", within=15)
    assert {"☑️ shop.db", "☑️ users.db"} <= set(choice.button_texts)
    plan = await pressed(house.ann, "Show the plan", choice, "the plan", within=15)
    return await consented(house, plan)


async def consented(house: House, before: Message) -> Message:
    """Press through both questions once the plan is there; the result."""
    plan = await house.ann.wait_for(
        lambda m: "Restore…" in str(m.button_texts) and ": the plan" in m.text, since=before.revision - 1, within=15
    )
    sure = await pressed(house.ann, "♻️ Restore", plan, "now?")
    await house.press("Yes, replace", sure)
    return await house.ann.wait_for(lambda m: "↩️ Undo" in m.button_texts, since=sure.revision, within=30)
