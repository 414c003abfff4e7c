"""Archives sent and forwarded to the real service in a private chat, seen as the admin sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.app import Service
from bot.config import Settings, load_settings
from bot.demo.phones import Person
from bot.demo.standin import StandIn
from bot.demo.state import Message
from bot.models import Backup, Trigger
from tests.samples import make_database, write_env


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

    async def back_up(self) -> Backup:
        """Make a backup; it is in Ann's chat when this returns."""
        manager = self.service.manager
        made = await manager.back_up(trigger=Trigger.COMMAND, requested_by="a test")
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


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    sources = [make_database(tmp_path / "live" / "shop.db", 3000), make_database(tmp_path / "live" / "users.db", 7)]
    async with StandIn() as api:
        token = api.create_bot_token()
        people = [api.add_user(11, "Ann"), api.add_user(12, "Ben"), api.add_user(66, "Eve")]
        env = write_env(
            tmp_path, sources, BOT_TOKEN=token, TELEGRAM_API=api.url, ADMIN_IDS="11,12", SCHEDULE="0 0 1 1 *"
        )
        there = House(tmp_path, api, load_settings(env), *people)
        async with Service.started(there.settings) as there.service:
            yield there
        assert there.rooms() == []
        assert api.violations == []


async def test_an_archive_is_received_checked_and_described(house: House) -> None:
    """One message tells what came, then what is in it, and offers to restore it or to forget it."""
    backup = await house.back_up()
    await house.ann.send_document(house.archive(backup))
    ready = await house.shows("whole and sound")
    assert f"backup {backup.id}" in ready.text
    assert "shop.db" in ready.text
    assert "3,000" in ready.text or "3,001" in ready.text
    assert ready.button_texts == ["♻️ Restore…", "🗑 Forget"]
    assert all(room.stat().st_mode & 0o777 == 0o700 for room in house.rooms() if room.is_dir())
    await (await house.ann.press("Forget", message=ready)).answered()
    await house.shows("Forgotten")
    assert house.rooms() == []
