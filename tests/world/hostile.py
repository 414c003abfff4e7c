"""Databases whose schema asks for more than anybody has: time, or memory."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

SLOW = " + ".join(["instr(zeroblob(900000), zeroblob(450000) || x'01')"] * 50)
"""Minutes in which SQLite looks for no interrupt, with values that a small database may have."""

UNSTOPPABLE = "instr(zeroblob(20000000), zeroblob(10000000) || x'01')"
LARGE = "length(hex(zeroblob(400000000)))"

PLACES = {
    "a constraint": ("CREATE TABLE t(a CHECK ({} < 9e99))", "CREATE INDEX i ON t(a)"),
    "an index": ("CREATE TABLE t(a)", "CREATE INDEX i ON t({})"),
    "a partial index": ("CREATE TABLE t(a)", "CREATE INDEX i ON t(a) WHERE {} < 9e99"),
    "a column": ("CREATE TABLE t(a, b AS ({}) NOT NULL)", "CREATE INDEX i ON t(a)"),
}


def hostile_database(path: Path, place: str, expression: str, *, rows: int = 100) -> Path:
    """Make a database that was never asked to evaluate what its schema says."""
    table, index = (sql.format(expression) for sql in PLACES[place])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE t(a)")
        db.execute("CREATE INDEX i ON t(a)")
        db.execute("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
                   f" LIMIT {rows}")  # fmt: skip
        db.execute("PRAGMA writable_schema=ON")
        db.executemany("UPDATE sqlite_master SET sql = ? WHERE name = ?", [(table, "t"), (index, "i")])
    return path


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    told = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    processes = [line.split() for line in told.stdout.splitlines()]
    return [int(own) for own, parent, state in processes if int(parent) == pid and not state.startswith("Z")]


def examiners(pid: int | None = None) -> list[int]:
    """The processes that check a file for the process `pid`, or for this one."""
    return [child for child in children_of(pid or os.getpid()) if "bot.services.snapshot.examiner" in _command(child)]


def _command(pid: int) -> str:
    told = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout


def is_deep_in(pid: int) -> bool:
    """Whether a process has worked for longer than all but an endless expression takes; a guess where none can tell."""
    if not Path("/proc/self/stat").exists():
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
        return False
    return int(stat.rpartition(")")[2].split()[11]) > 30
