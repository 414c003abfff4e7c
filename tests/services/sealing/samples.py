"""Databases that don't compress, so that their archives are large."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def noisy_database(path: Path, size: int) -> Path:
    """Make a database of some `size` bytes of noise, with a table as those of `make_database`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, text BLOB)")
        connection.execute("CREATE TABLE totals (rows INTEGER)")
        rows = size // 4000
        connection.executemany("INSERT INTO entries (text) VALUES (randomblob(?))", [(4000,)] * rows)
        connection.execute("INSERT INTO totals VALUES (?)", (rows,))
    return path
