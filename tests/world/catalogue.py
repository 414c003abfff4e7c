"""The catalogue read and changed behind the service's back, by a connection of one's own."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import Archive, BackedUp, Backup, BackupState, Reason, SkippedRecord, Trigger
from bot.services.catalogue import Catalogue, Rebuilt, open_or_rebuild, schema
from bot.services.manager import Courier
from tests.world import values
from tests.world.databases import make_database, write_env


def run_sql(catalogue: Catalogue, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run one statement, as a transaction of its own; return its rows."""
    with closing(sqlite3.connect(catalogue.path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(sql, parameters).fetchall()


def archive_named(name: str, *, bytes: int = 1000, sha256: str = "ef" * 32, sealed: str = "") -> Archive:
    """What a run tells the catalogue of its archive; there need not be such a file."""
    return Archive(path=Path(name), bytes=bytes, sha256=sha256, sealed=sealed)


async def limit_pages(catalogue: Catalogue, pages: int) -> None:
    """Let the catalogue's file grow to so many pages: more fails as on a full disk. SQLite knows it per connection."""
    async with catalogue._db.lock:
        await catalogue._db.execute(f"PRAGMA max_page_count = {pages}")


class House:
    """A folder with two databases and room for two archives; every command opens it anew, as processes do."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 7, 13, 12, 0, tzinfo=UTC)
        self.x, self.y = make_database(folder / "live" / "x.db"), make_database(folder / "live" / "y.db")
        self.env = write_env(folder, [self.x, self.y], MAX_BACKUP_COUNT="2")
        self.store = folder / "backups"

    @asynccontextmanager
    async def courier(self) -> AsyncIterator[Courier]:
        settings = load_settings(self.env, need_telegram=False)
        async with open_courier(settings, deliver=False, clock=lambda: self.now) as courier:
            yield courier

    async def back_up(self) -> Backup:
        self.now += timedelta(hours=1)
        async with self.courier() as courier:
            return (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup

    async def backup(self, backup_id: int) -> Backup:
        async with self.courier() as courier:
            return await courier.catalogue.backups.get(backup_id)

    def archive(self, backup: Backup) -> Path:
        return self.store / backup.archive_name


def at_step_before(path: Path, step: tuple[str, ...]) -> sqlite3.Connection:
    """A catalogue as the version wrote it whose next step is this one."""
    version = schema.STEPS.index(step)
    connection = sqlite3.connect(path)
    for statement in (sql for one in schema.STEPS[:version] for sql in one):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    return connection


NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def backed_up(name: str = "shop.db", **changes: Any) -> BackedUp:
    """A database of which every column has something of its own."""
    facts: dict[str, Any] = {
        "sha256": "ab" * 32,
        "bytes": 8192,
        "page_count": 2,
        "application_id": 7,
        "user_version": 3,
        "taken_at": NOW - timedelta(microseconds=1),
        "messages": ("a line “quoted”",),
        "rows": (("order", 3), ("größe", -1)),
        "schema_sha256": "cd" * 32,
        "warnings": (Reason("left beside", (("file", "shop.db-shm"),)), Reason("recovered")),
    }
    return values.backed_up(name, **facts | changes)


async def stored(catalogue: Catalogue, at: datetime = NOW, *names: str, **changes: Any) -> Backup:
    trigger = changes.pop("trigger", Trigger.SCHEDULE)
    assert isinstance(trigger, Trigger)
    backup_id = await catalogue.backups.begin(trigger=trigger, requested_by="schedule", started_at=at)
    facts: dict[str, Any] = {
        "state": BackupState.STORED,
        "finished_at": at + timedelta(seconds=5),
        "archive": archive_named(f"database_backup_{at:%Y%m%d_%H%M%S}.zip"),
        "databases": tuple(backed_up(name) for name in names or ("shop.db",)),
    }
    return await catalogue.backups.finish(backup_id, **(facts | changes))


async def rebuild(path: Path, read_manifest: Callable[[Path], Any]) -> tuple[Catalogue, Rebuilt | None]:
    """Open the catalogue, made anew from the archives beside it where that is needed."""
    return await open_or_rebuild(path, path.parent, read_manifest=read_manifest, clock=lambda: NOW)


@dataclass(frozen=True)
class Told:
    """A manifest as the catalogue needs it."""

    created_at: datetime
    trigger: Trigger = Trigger.SCHEDULE
    databases: tuple[BackedUp, ...] = ()
    skipped: tuple[SkippedRecord, ...] = ()
