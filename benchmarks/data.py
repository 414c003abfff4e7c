"""The databases that are measured: one that compresses badly, one that compresses well, and the small set."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.demo.samples import make_samples

WORDS = ["backup", "restore", "premium", "monthly", "chart", "alert", "price", "volume", "signal", "channel", "invite"]


def indexed(path: Path, megabytes: int) -> Path:
    """A: random keys, three indexes (about half its size compressed)."""
    chance = random.Random(1)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
            CREATE TABLE items (id INTEGER PRIMARY KEY, key TEXT, owner INTEGER, score REAL, payload TEXT);
            """
        )
        rows = 0
        while path.stat().st_size < megabytes * 0.85e6:
            with connection:
                connection.executemany(
                    "INSERT INTO items (key, owner, score, payload) VALUES (?, ?, ?, ?)",
                    (
                        (
                            f"{chance.getrandbits(96):024x}",
                            chance.randrange(50_000),
                            chance.random(),
                            f"{chance.getrandbits(800):0200x} " + " ".join(chance.choice(WORDS) for _ in range(24)),
                        )
                        for _ in range(20_000)
                    ),
                )
            rows += 20_000
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.executescript(
            "CREATE INDEX by_key ON items (key); CREATE INDEX by_owner ON items (owner, score);"
            "CREATE INDEX by_score ON items (score); PRAGMA wal_checkpoint(TRUNCATE);"
        )
    return path


def texts(path: Path, megabytes: int) -> Path:
    """B: text-like rows, one index (about a third of its size compressed)."""
    chance = random.Random(2)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
            CREATE TABLE notes (id INTEGER PRIMARY KEY, author TEXT, at TEXT, body TEXT);
            CREATE INDEX by_author ON notes (author, at);
            """
        )
        number = 0
        while path.stat().st_size < megabytes * 1e6:
            with connection:
                connection.executemany(
                    "INSERT INTO notes (author, at, body) VALUES (?, ?, ?)",
                    (
                        (
                            f"user{chance.randrange(5000)}",
                            f"2026-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02} {number + n}",
                            " ".join(chance.choice(WORDS) + str(chance.randrange(300)) for _ in range(40)),
                        )
                        for n in range(10_000)
                    ),
                )
            number += 10_000
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def noise(path: Path, megabytes: int) -> Path:
    """C: random bytes (its archive is as large as itself)."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE noise (id INTEGER PRIMARY KEY, bytes BLOB)")
        connection.executemany("INSERT INTO noise (bytes) VALUES (randomblob(?))", [(1_000_000,)] * megabytes)
    return path


def small_set(folder: Path) -> tuple[Path, ...]:
    """The five databases of the demo, 3.2 MB together."""
    folder.mkdir(parents=True, exist_ok=True)
    return make_samples(folder)
