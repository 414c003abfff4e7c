"""Looks at the live databases of the demo while somebody writes to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.services.snapshot.source import uri_of


@dataclass(frozen=True, slots=True)
class LiveDatabase:
    """A database as it is now; `rows` of all its tables together, None where it can't be read."""

    name: str
    rows: int | None
    bytes: int


def look_at(databases: Iterable[Path]) -> tuple[LiveDatabase, ...]:
    """Count the rows of each database, read-only. Blocks for as long as that takes."""
    return tuple(_look_at(path) for path in databases)


def _look_at(path: Path) -> LiveDatabase:
    try:
        with closing(sqlite3.connect(uri_of(path, mode="ro"), uri=True, timeout=1)) as connection:
            tables = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            counts = [
                connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - of our own samples
                for (name,) in tables.fetchall()
            ]
        return LiveDatabase(path.name, sum(counts), path.stat().st_size)
    except (sqlite3.Error, OSError):  # gone, or just being replaced
        return LiveDatabase(path.name, None, 0)
