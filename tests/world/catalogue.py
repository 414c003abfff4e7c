"""The catalogue read and changed behind the service's back, by a connection of one's own."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.models import Archive
from bot.services.catalogue import Catalogue


def run_sql(catalogue: Catalogue, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run one statement, as a transaction of its own; return its rows."""
    with closing(sqlite3.connect(catalogue.path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(sql, parameters).fetchall()


def archive_named(name: str, *, bytes: int = 1000, sha256: str = "ef" * 32, sealed: str = "") -> Archive:
    """What a run tells the catalogue of its archive; there need not be such a file."""
    at = datetime(2026, 7, 13, tzinfo=UTC)
    return Archive(path=Path(name), bytes=bytes, sha256=sha256, members=(), created_at=at, sealed=sealed)


async def limit_pages(catalogue: Catalogue, pages: int) -> None:
    """Let the catalogue's file grow to so many pages: more fails as on a full disk. SQLite knows it per connection."""
    async with catalogue._db.lock:
        await catalogue._db.execute(f"PRAGMA max_page_count = {pages}")
