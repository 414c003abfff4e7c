"""Snapshots in tests: taken, refused, and the live files that they must leave as they are."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.clock import utc_now
from bot.errors import SnapshotError
from bot.models import CheckMethod, CheckReport, Database, Skipped, Snapshot
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import take_snapshot, take_snapshots
from tests.world.bank import Writer
from tests.world.processes import ROOT

Write = Callable[[Path], Writer]
Holder = Callable[..., subprocess.Popen[str]]
both_modes = pytest.mark.parametrize("mode", ["wal", "delete"])
as_nobody = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become nobody")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and limits")

NOBODY = 65534


async def snap(path: Path, into: Path, **options: Any) -> Snapshot:
    options = {"busy_timeout": 20.0, "abort": Abort(), **options}
    return await take_snapshot(Database(path=path, name=path.name), into, **options)


async def snap_all(paths: Iterable[Path], into: Path, **options: Any) -> tuple[Sequence[Snapshot], Sequence[Skipped]]:
    options = {"busy_timeout": 5.0, "abort": Abort(), **options}
    return await take_snapshots(sources(*paths), into, **options)


async def checked(file: Path, **options: Any) -> CheckReport:
    """Check a file in full as if it were a snapshot, whatever is in it."""
    return await check_snapshot(as_snapshot(file), CheckMethod.FULL, **{"abort": Abort()} | options)


async def refused(path: Path, into: Path, **options: Any) -> SnapshotError:
    """Return the refusal, having seen that it left no file."""
    with pytest.raises(SnapshotError) as caught:
        await snap(path, into, **options)
    assert files_in(into) == []
    assert str(path) in caught.value.sentence
    assert caught.value.sentence.endswith(".")
    return caught.value


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def ask(path: Path, sql: str) -> Any:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchone()[0]


def sources(*paths: Path) -> list[Database]:
    return [Database(path=path, name=path.name) for path in paths]


def in_process(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT)


@contextlib.contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Fail unless every file keeps its bytes, owner, mode and times, and no file comes or goes."""

    def look() -> dict[str, tuple[object, ...]]:
        return {
            file.name: (file.read_bytes(), found.st_mtime_ns, found.st_uid, found.st_mode, found.st_ino)
            for file in files_in(folder)
            for found in [file.stat()]
        }

    before = look()
    yield
    assert look() == before


def as_snapshot(file: Path) -> Snapshot:
    """Return `file` as a snapshot, whatever is in it: damage is done behind the back of the snapshot's own tests."""
    return Snapshot(
        database=Database(path=file, name=file.name),
        file=file,
        bytes=file.stat().st_size,
        page_size=4096,
        page_count=file.stat().st_size // 4096,
        journal_mode="delete",
        application_id=0,
        user_version=0,
        sqlite_version=sqlite3.sqlite_version,
        taken_at=utc_now(),
    )


def build(path: Path, script: str, *, before: str = "") -> Path:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.create_collation("app_order", lambda a, b: (a > b) - (a < b))
        db.create_function("app_code", 1, lambda value: f"code {value}", deterministic=True)
        db.executescript(before)
        db.executescript(f"BEGIN; {script}; COMMIT;")
    return path


NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"


def flip(file: Path, offset: int, count: int) -> None:
    content = bytearray(file.read_bytes())
    content[offset : offset + count] = bytes(byte ^ 0xA5 for byte in content[offset : offset + count])
    file.write_bytes(content)


def write_at(file: Path, offset: int, byte: int) -> None:
    content = bytearray(file.read_bytes())
    content[offset] = byte
    file.write_bytes(content)


def run_sql(file: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def schema(file: Path, sql: str) -> None:
    """Write to the schema what this SQLite would not."""
    run_sql(file, "PRAGMA writable_schema=ON", sql)
