"""Snapshots in tests: taken, refused, and the live files that they must leave as they are."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.errors import SnapshotError
from bot.models import Database, Snapshot
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.snapshot import take_snapshot
from tests.services.conftest import Writer

Write = Callable[[Path], Writer]
both_modes = pytest.mark.parametrize("mode", ["wal", "delete"])
as_nobody = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become nobody")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and limits")

NOBODY = 65534


async def snap(path: Path, into: Path, **options: Any) -> Snapshot:
    options = {"busy_timeout": 20.0, "abort": Abort(), **options}
    return await take_snapshot(Database(path=path, name=path.name), into, **options)


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


def in_process(script: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], check=False, text=True, timeout=120, **options
    )


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
