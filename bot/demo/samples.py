"""Creates the five databases of a small bot, about 3.2 MB together, in both journal modes."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from bot.services.snapshot.source import uri_of

FIRST_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - sample data, in nobody's time zone
WORDS = [
    "backup",
    "restore",
    "premium",
    "monthly",
    "chart",
    "alert",
    "price",
    "volume",
    "signal",
    "channel",
    "invite",
    "refund",
    "trial",
    "upgrade",
]

REQUESTS = "user_requests.db"


def make_samples(folder: Path) -> tuple[Path, ...]:
    """Create the five databases in `folder`, the same bytes of content every time; return their paths."""
    chance = random.Random(5)
    made = []
    for name, wal, fill in (
        (REQUESTS, True, _requests),
        ("analytics.db", True, _analytics),
        ("premium_system.db", False, _premium),
        ("historical_prices.db", False, _prices),
        ("bypass_stats.db", True, _bypasses),
    ):
        path = folder / name
        with closing(sqlite3.connect(path)) as connection:
            if wal:
                connection.execute("PRAGMA journal_mode=WAL")
            with connection:
                fill(connection, chance)
        made.append(path)
    return tuple(made)


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[tuple[object, ...]]) -> None:
    rows = iter(list(rows))
    first = next(rows)
    places = ", ".join("?" * len(first))
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", [first, *rows])  # noqa: S608 - names are ours


def _sentence(chance: random.Random, length: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(length))


def _requests(connection: sqlite3.Connection, chance: random.Random) -> None:
    """Every request is counted in the same transaction: a torn copy would show."""
    connection.executescript(
        """
        CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, joined TEXT NOT NULL);
        CREATE TABLE requests (
            id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id), text TEXT NOT NULL, at TEXT NOT NULL
        );
        CREATE INDEX requests_by_user ON requests (user_id, at);
        CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
        """
    )
    _insert(connection, "users", ((n, f"user{n}", str(FIRST_DAY + timedelta(hours=n))) for n in range(1, 601)))
    requests = 6000
    _insert(
        connection,
        "requests",
        (
            (n, chance.randint(1, 600), _sentence(chance, 12), str(FIRST_DAY + timedelta(minutes=7 * n)))
            for n in range(1, requests + 1)
        ),
    )
    connection.execute("INSERT INTO totals VALUES ('requests', ?)", (requests,))


def _analytics(connection: sqlite3.Connection, chance: random.Random) -> None:
    connection.executescript(
        """
        CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, user_id INTEGER, at TEXT NOT NULL, data TEXT);
        CREATE INDEX events_by_kind ON events (kind, at);
        """
    )
    kinds = ("start", "command", "button", "payment", "error")
    _insert(
        connection,
        "events",
        (
            (
                n,
                chance.choice(kinds),
                chance.randint(1, 600),
                str(FIRST_DAY + timedelta(minutes=3 * n)),
                f'{{"session": "{chance.getrandbits(64):016x}", "ms": {chance.randint(1, 900)}}}',
            )
            for n in range(1, 8001)
        ),
    )


def _premium(connection: sqlite3.Connection, chance: random.Random) -> None:
    connection.executescript(
        """
        CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL CHECK (cents >= 0));
        CREATE TABLE subscriptions (
            id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, plan_id INTEGER NOT NULL REFERENCES plans (id),
            until TEXT NOT NULL, token BLOB NOT NULL UNIQUE
        );
        """
    )
    _insert(connection, "plans", iter([(1, "monthly", 499), (2, "yearly", 4990), (3, "trial", 0)]))
    _insert(
        connection,
        "subscriptions",
        (
            (n, n, chance.randint(1, 3), str(FIRST_DAY + timedelta(days=n % 365)), chance.randbytes(24))
            for n in range(1, 2501)
        ),
    )


def _prices(connection: sqlite3.Connection, chance: random.Random) -> None:
    connection.executescript(
        """
        CREATE TABLE prices (
            symbol TEXT NOT NULL, at TEXT NOT NULL, open REAL, high REAL, low REAL, close REAL, volume REAL,
            PRIMARY KEY (symbol, at)
        ) WITHOUT ROWID;
        """
    )

    def bars() -> Iterator[tuple[object, ...]]:
        for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
            price = chance.uniform(50, 60_000)
            for hour in range(3700):
                price *= chance.uniform(0.99, 1.01)
                high, low = price * chance.uniform(1, 1.01), price * chance.uniform(0.99, 1)
                at = str(FIRST_DAY + timedelta(hours=hour))
                yield symbol, at, price, high, low, chance.uniform(low, high), chance.uniform(0, 1e4)

    _insert(connection, "prices", bars())


def _bypasses(connection: sqlite3.Connection, chance: random.Random) -> None:
    connection.execute("CREATE TABLE stats (day TEXT PRIMARY KEY, tried INTEGER, passed INTEGER, note TEXT)")
    _insert(
        connection,
        "stats",
        (
            (str((FIRST_DAY + timedelta(days=n)).date()), chance.randint(0, 500), chance.randint(0, 300), "auto")
            for n in range(700)
        ),
    )


def requests_and_total(path: Path) -> tuple[int, int]:
    """The number of requests, counted and as its own transaction recorded it: equal in every consistent copy."""
    with closing(sqlite3.connect(uri_of(path, mode="ro"), uri=True)) as connection:
        (counted,) = connection.execute("SELECT count(*) FROM requests").fetchone()
        (recorded,) = connection.execute("SELECT value FROM totals WHERE name = 'requests'").fetchone()
    return counted, recorded
