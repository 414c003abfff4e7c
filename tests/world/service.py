"""A running service with two admins and two databases, and the way through its screens to a restore."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.app.service import Service
from bot.clock import Clock
from bot.config.settings import Settings, load_settings
from bot.demo.stand_in.state import Message
from bot.models import Backup, BackupState, Trigger
from tests.world.clock import MovedClock
from tests.world.databases import make_database, write_env
from tests.world.phones import Person
from tests.world.stand_in import StandIn

RED, YES = "♻️ Restore…", "Yes, replace"


@dataclass
class Town:
    """A service with two databases and two admins, Ann (11) and Ben (12); `start` and `stop` are those of a process."""

    folder: Path
    api: StandIn
    ann: Person
    ben: Person
    users: Path
    notes: Path
    env: Path
    clock: Clock
    running: AsyncExitStack = field(default_factory=AsyncExitStack)
    service: Service = field(init=False)

    @property
    def settings(self) -> Settings:
        return load_settings(self.env)

    async def start(self) -> None:
        self.service = await self.running.enter_async_context(Service.started(self.settings, clock=self.clock))

    async def stop(self) -> None:
        await self.running.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def made(self) -> Backup:
        """Make a backup; it is in Ann's chat when this returns."""
        runs = self.service.courier.runs
        return (await runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup

    async def back_up(self) -> int:
        return (await self.made()).id

    @property
    def rooms(self) -> list[Path]:
        """The private folders that hold copies for a restore."""
        work = self.settings.backup_dir / ".work"
        return [path for path in work.iterdir() if path.is_dir()] if work.exists() else []


@asynccontextmanager
async def town_in(
    folder: Path,
    *,
    kind: type[Any] = Town,
    names: tuple[str, str] = ("users.db", "notes.db"),
    rows: tuple[int, int] = (50, 50),
    clock: Clock | None = None,
    local: bool = False,
    start: bool = True,
    **more: str,
) -> AsyncIterator[Any]:
    """A town, or a `kind` of it, whose service is started unless a test has to do something before."""
    users = make_database(folder / "live" / names[0], rows[0])
    notes = make_database(folder / "live" / names[1], rows[1], wal=False)
    async with StandIn(local=local) as api:
        token = api.create_bot_token()
        ann, ben = api.add_user(11, "Ann"), api.add_user(12, "Ben")
        usual = {
            "BOT_TOKEN": token,
            "TELEGRAM_API": api.url,
            "TELEGRAM_LOCAL": str(local).lower(),
            "ADMIN_IDS": "11,12",
            "SCHEDULE": "0 0 1 1 *",
            "DRILL_SCHEDULE": "off",
            "RETRY_DELAY": "0.05",
        }
        env = write_env(folder, [users, notes], **usual | more)
        there = kind(folder, api, ann, ben, users, notes, env, clock or MovedClock())
        try:
            if start:
                await there.start()
            yield there
        finally:
            await there.stop()
        assert api.violations == []


def add_rows(path: Path, number: int) -> None:
    """Let the application write that many rows more."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO entries (text) VALUES (?)", (("later",) for _ in range(number)))
        connection.execute("UPDATE totals SET rows = rows + ?", (number,))


async def overtaken(town: Town) -> int:
    """Make a backup, after which users.db gets seven rows more."""
    backup_id = await town.back_up()
    add_rows(town.users, 7)
    return backup_id


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Be an application in the middle of a write: a restore into its database waits."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("ROLLBACK")


async def has(service: Service, state: BackupState) -> bool:
    """Whether there is a backup in this state."""
    return any(backup.state is state for backup in await service.courier.catalogue.backups.select())


async def restores_of(town: Town) -> list[str]:
    """What the record says about restores, oldest first."""
    audits = await town.service.courier.catalogue.service.audits()
    return [entry.action for entry in reversed(audits) if "restore" in entry.action]


async def opened(person: Person, *path: str) -> Message:
    """Open the menu anew and press one button after the other; the screen that the last one leads to."""
    await person.send("/admin")
    first = path[0] if path else "Database Backup"
    # An archive may come in between, with buttons of its own.
    screen = await person.wait_for(lambda m: any(first in text for text in m.button_texts))
    for button in path:
        screen = await pressed(person, button, screen)
    return screen


async def pressed(person: Person, button: str, on: Message, sees: str = "", *, within: float = 5) -> Message:
    """Press a button; the next version of the message, or the first with these words."""
    before = on.revision
    await (await person.press(button, message=on)).answered()
    return await person.wait_for(lambda m: m.id == on.id and m.revision > before and sees in m.text, within=within)


async def refused(person: Person, button: str, on: Message) -> str:
    """Press a button that does nothing; what the alert says."""
    answer = await (await person.press(button, message=on)).answered()
    assert answer.show_alert
    return answer.text


async def history_of(person: Person, backup_id: int) -> Message:
    """Open the screen of a backup."""
    history = await opened(person, "Database Backup", "History")
    return await pressed(person, f"bk:open:{backup_id}:0", history, f"Backup {backup_id}")


async def choosing(person: Person, backup_id: int) -> Message:
    """Go as far as the choice of databases."""
    return await pressed(person, "♻️ Restore", await history_of(person, backup_id), "which databases")


async def planned(person: Person, backup_id: int, *, without: str = "") -> Message:
    """Go as far as the plan, with the red button under it; it may wait for who writes, as long as BUSY_TIMEOUT says."""
    choice = await choosing(person, backup_id)
    if without:
        choice = await pressed(person, without, choice, "ticked")
    return await pressed(person, "Show the plan", choice, ": the plan", within=60)


async def confirmed(person: Person, plan: Message, sees: str = "Restored", *, red: str = RED) -> Message:
    """Confirm a plan twice; the message that then says these words."""
    sure = await pressed(person, red, plan, "now?")
    await (await person.press(YES, message=sure)).answered()
    return await person.wait_for(lambda m: sees in m.text, within=60)


def settings_for(folder: Path, api: StandIn, *sources: Path, **more: str) -> Settings:
    more = {"ADMIN_IDS": "11", "RETRY_DELAY": "0.05", **more}
    env = write_env(folder, sources, BOT_TOKEN=api.bot().token, TELEGRAM_API=api.url, **more)
    return load_settings(env)
