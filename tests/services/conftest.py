"""Databases that several rooms of the services are tested with."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def small_databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Five databases of 3 MB together: random keys with indexes, and rows of text."""
    folder, rng = tmp_path_factory.mktemp("small"), random.Random(1)
    words = [rng.randbytes(rng.randint(1, 4)).hex() for _ in range(2000)]
    for number, rows in enumerate((1500, 3500, 2500, 4500, 500)):
        with closing(sqlite3.connect(folder / f"app{number}.db")) as connection, connection:
            connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, key TEXT, number INTEGER, body TEXT)")
            connection.executemany(
                "INSERT INTO items (key, number, body) VALUES (?, ?, ?)",
                (
                    (rng.randbytes(12).hex(), rng.getrandbits(48), " ".join(rng.choices(words, k=rng.randint(5, 25))))
                    for _ in range(rows)
                ),
            )
            connection.execute("CREATE INDEX by_key ON items (key)")
            connection.execute("CREATE INDEX by_number ON items (number)")
    return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
