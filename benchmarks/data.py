"""Makes the databases that are measured."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

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


def full_text(path: Path, megabytes: int) -> Path:
    """D: a full-text index (FTS5) with its documents."""
    chance = random.Random(3)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA synchronous=OFF; CREATE VIRTUAL TABLE documents USING fts5(title, body);")
        while path.stat().st_size < megabytes * 1e6:
            with connection:
                connection.executemany(
                    "INSERT INTO documents VALUES (?, ?)",
                    (
                        (
                            f"{chance.choice(WORDS)} {chance.randrange(10_000)}",
                            " ".join(chance.choice(WORDS) + str(chance.randrange(3000)) for _ in range(60)),
                        )
                        for _ in range(5_000)
                    ),
                )
    return path


def forty_tables(path: Path, megabytes: int) -> Path:
    """E: forty small tables, each with an index."""
    chance = random.Random(4)
    rows = max(10, megabytes * 1_000_000 // 40 // 60)
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(40):
            connection.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, at INTEGER, word TEXT)")
            connection.execute(f"CREATE INDEX at{number} ON t{number} (at)")
            connection.executemany(
                f"INSERT INTO t{number} (at, word) VALUES (?, ?)",
                ((chance.randrange(2**31), chance.choice(WORDS) * 3) for _ in range(rows)),
            )
    return path
