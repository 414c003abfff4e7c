"""Restoring in the chat: the real service, real databases, and people who press the right and the wrong buttons."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.app import Service
from bot.clock import utc_now
from bot.config import Settings, load_settings
from bot.demo.phones import Person
from bot.demo.standin import StandIn
from bot.demo.state import Message
from bot.models import Trigger
from tests.samples import make_database, rows_in, write_env

RED, YES = "♻️ Restore", "Yes, replace"


class MovedClock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Town:
    """A running service with two databases and two admins, Ann (11) and Ben (12)."""

    api: StandIn
    ann: Person
    ben: Person
    users: Path
    notes: Path
    env: Path
    settings: Settings
    clock: MovedClock
    service: Service

    @asynccontextmanager
    async def restarted(self) -> AsyncIterator[Service]:
        """The service of the same folder once more; the first one has to be stopped."""
        async with Service.started(self.settings, clock=self.clock) as service:
            self.service = service
            yield service

    async def back_up(self) -> int:
        result = await self.service.manager.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        return result.backup.id

    @property
    def rooms(self) -> list[Path]:
        """The private folders that hold copies for a restore."""
        work = self.settings.backup_dir / ".work"
        return [path for path in work.iterdir() if path.is_dir()] if work.exists() else []


@asynccontextmanager
async def town_in(folder: Path, **more: str) -> AsyncIterator[Town]:
    users, notes = make_database(folder / "live" / "users.db"), make_database(folder / "live" / "notes.db", wal=False)
    async with StandIn() as api:
        token = api.create_bot_token()
        ann, ben = api.add_user(11, "Ann"), api.add_user(12, "Ben")
        env = write_env(
            folder,
            [users, notes],
            **{
                "BOT_TOKEN": token,
                "TELEGRAM_API": api.url,
                "ADMIN_IDS": "11,12",
                "SCHEDULE": "0 0 1 1 *",
                "DRILL_SCHEDULE": "off",
                "RETRY_DELAY": "0.05",
                **more,
            },
        )
        settings, clock = load_settings(env), MovedClock()
        async with Service.started(settings, clock=clock) as service:
            yield Town(api, ann, ben, users, notes, env, settings, clock, service)
        assert api.violations == []


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with town_in(tmp_path) as there:
        yield there


def add_rows(path: Path, number: int) -> None:
    """Let the application write that many rows more."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO entries (text) VALUES (?)", (("later",) for _ in range(number)))
        connection.execute("UPDATE totals SET rows = rows + ?", (number,))


async def opened(person: Person, *path: str) -> Message:
    """Open the menu anew and press one button after the other; the screen that the last one leads to."""
    await person.send("/admin")
    screen = await person.wait_for(lambda m: bool(m.buttons))
    for button in path:
        screen = await pressed(person, button, screen)
    return screen


async def pressed(person: Person, button: str, on: Message, sees: str = "") -> Message:
    """Press a button; the next version of the message, or the first with these words."""
    before = on.revision
    await (await person.press(button, message=on)).answered()
    return await person.wait_for(lambda m: m.id == on.id and m.revision > before and sees in m.text)


async def refused(person: Person, button: str, on: Message) -> str:
    """Press a button that does nothing; what the alert says."""
    answer = await (await person.press(button, message=on)).answered()
    assert answer.show_alert
    return answer.text


async def history_of(person: Person, backup_id: int) -> Message:
    """Open the screen of a backup."""
    history = await opened(person, "Database Backup", "History")
    return await pressed(person, f"bk:open:{backup_id}:0", history, f"Backup {backup_id}")


async def planned(person: Person, backup_id: int, *, without: str = "") -> Message:
    """Go as far as the plan, with the red button under it."""
    choice = await pressed(person, "♻️ Restore", await history_of(person, backup_id), "which databases")
    if without:
        choice = await pressed(person, without, choice, "ticked")
    return await pressed(person, "Show the plan", choice, ": the plan")


async def restored(person: Person, plan: Message) -> Message:
    """Confirm a plan twice; the result."""
    sure = await pressed(person, RED, plan, "now?")
    await (await person.press(YES, message=sure)).answered()
    return await person.wait_for(lambda m: "Restored" in m.text, within=20)


async def test_from_a_backups_screen_to_the_restored_database_and_back(town: Town) -> None:
    """Choice, plan, two questions, result, undo; the other admin is told, loudly, of both."""
    backup_id = await town.back_up()
    add_rows(town.users, 37)
    add_rows(town.notes, 5)
    plan = await planned(town.ann, backup_id, without="notes.db")
    assert "users.db" in plan.text and "notes.db" not in plan.text
    assert "entries: 87 rows → 50 rows" in plan.text
    assert "the target has 37 rows newer than the backup" in plan.text
    (red,) = [button for row in plan.buttons for button in row if button.text == RED]
    assert red.style == "danger"
    sure = await pressed(town.ann, RED, plan, "now?")
    assert rows_in(town.users) == (87, 87)
    await (await town.ann.press(YES, message=sure)).answered()
    result = await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)
    assert result.id == plan.id
    assert rows_in(town.users) == (50, 50)
    assert rows_in(town.notes) == (55, 55)
    told = await town.ben.wait_for(lambda m: "restored databases" in m.text, since=0)
    assert not told.silent
    assert "Ann (11)" in told.text and "users.db" in told.text
    assert town.rooms == []

    undo = await pressed(town.ann, "Undo", result, "Undo: the plan")
    sure = await pressed(town.ann, "Undo the restore", undo, "now?")
    await (await town.ann.press(YES, message=sure)).answered()
    await town.ann.wait_for(lambda m: "is undone" in m.text, within=20)
    assert rows_in(town.users) == (87, 87)
    await town.ben.wait_for(lambda m: "undid a restore" in m.text, since=0)
    audits = [(entry.actor, entry.action) for entry in await town.service.manager.catalogue.audits()]
    assert audits[:4] == [
        ("Ann (11)", "undid a restore"),
        ("Ann (11)", "confirmed a restore"),
        ("Ann (11)", "restored"),
        ("Ann (11)", "confirmed a restore"),
    ]
    again = await town.service.manager.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    assert {database.name for database in again.backup.databases} == {"users.db", "notes.db"}
