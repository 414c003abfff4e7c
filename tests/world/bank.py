"""Live databases for the tests of the services: real files, written by real processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

ACCOUNTS, TOTAL = 50, 50_000

_WRITER = """
import sqlite3, sys
path, = sys.argv[1:]
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute("PRAGMA synchronous=OFF")
db.execute("PRAGMA wal_autocheckpoint=60")
(n,) = db.execute("SELECT coalesce(max(n), 0) FROM log").fetchone()
while True:
    n += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE accounts SET balance = balance - 7 WHERE id = ?", (n % 50,))
    db.execute("INSERT INTO pairs VALUES (?, ?)", (n, n))
    db.execute("UPDATE filler SET text = hex(randomblob(300)) WHERE id = ?", (n * 37 % 10000,))
    db.execute("UPDATE accounts SET balance = balance + 7 WHERE id = ?", (n * 3 % 50,))
    db.execute("INSERT INTO pairs VALUES (?, ?)", (n, -n))
    db.execute("INSERT INTO log VALUES (?)", (n,))
    db.execute("COMMIT")
    print(n, flush=True)
"""


class Writer:
    """A process that commits transactions one after the other; `committed` is the newest one known to be committed."""

    def __init__(self, path: Path) -> None:
        self.committed = 0
        self._grown = threading.Condition()
        self._process = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):
                with self._grown:
                    self.committed = int(line)
                    self._grown.notify_all()

    def wait_for_more(self, transactions: int = 5) -> None:
        """Return when so many more transactions are committed."""
        with self._grown:
            goal = self.committed + transactions
            assert self._grown.wait_for(lambda: self.committed >= goal, timeout=60)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


def make_bank(path: Path, journal_mode: str, *, filler: int = 10_000) -> Path:
    """Create a database whose accounts sum up to TOTAL and whose pairs sum up to nothing; `filler` rows of 600 bytes.

    It looks an hour old: nobody need wait until it is settled.
    """
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA journal_mode={journal_mode}")
    db.execute("PRAGMA synchronous=OFF")
    db.executescript(
        """
        BEGIN;
        CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER);
        CREATE TABLE pairs (n INTEGER, value INTEGER);
        CREATE TABLE log (n INTEGER PRIMARY KEY);
        CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT);
        """
    )
    db.executemany("INSERT INTO accounts VALUES (?, ?)", [(n, TOTAL // ACCOUNTS) for n in range(ACCOUNTS)])
    db.executemany("INSERT INTO filler VALUES (?, ?)", [(n, f"{n:0600}") for n in range(filler)])
    db.execute("COMMIT")
    db.close()
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def let_go(process: subprocess.Popen[str]) -> None:
    """Return when the process has closed its database."""
    process.communicate()
