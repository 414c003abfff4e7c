"""Classifies SQLite's errors: the source's, those of its pages, and those of this machine."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from bot.errors import SnapshotError
from bot.models import Cause
from bot.services.concurrency.threads import require_descriptors
from bot.services.files.space import is_full
from bot.services.snapshot.sqlite_faults import error_code, proves_damage, said

MAGIC = b"SQLite format 3\0"
_VERSION = 2  # the newest that any SQLite reads and writes: 1 is for a rollback journal, 2 for a write-ahead log
_SCHEMA_FORMAT = 4

_WRITING = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_FSYNC}
WAITING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
FLICKERING = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


def is_hot_journal(error: BaseException) -> bool:
    return error_code(error) == sqlite3.SQLITE_READONLY_ROLLBACK


def is_of_writing(error: BaseException) -> bool:
    """Tell whether a write failed, which is never one to a source."""
    return error_code(error) & 0xFF == sqlite3.SQLITE_FULL or error_code(error) in _WRITING


def refusal(path: Path, error: BaseException, *, waited: float) -> SnapshotError:
    """Return the error that says in people's words why SQLite could not read the source at `path`. Blocking."""
    primary = error_code(error) & 0xFF
    if is_hot_journal(error):
        return SnapshotError.because(Cause.HOT_JOURNAL, path=path)
    if primary in WAITING and _without_shared_memory(path):
        return SnapshotError.because(Cause.EXCLUSIVE, path=path)
    if primary in WAITING:
        return SnapshotError.because(Cause.LOCKED, path=path, waited=f"{waited:g}")
    if primary == sqlite3.SQLITE_NOTADB:
        return _no_database(path)
    if proves_damage(error):
        return SnapshotError.because(Cause.DAMAGED, path=path, said=said(error))
    if primary in {*FLICKERING, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return _not_opened(path, error)
    return SnapshotError.because(Cause.NOT_READ, path=path, said=said(error))


def _without_shared_memory(path: Path) -> bool:
    """Tell whether a database in WAL mode has its log beside it without the memory that its readers would share.

    Whoever has it open like that keeps it from everybody else: https://www.sqlite.org/wal.html#noshm
    """
    with suppress(OSError, RuntimeError):
        real = path.resolve(strict=True)
        log, memory = (real.with_name(real.name + suffix) for suffix in ("-wal", "-shm"))
        return log.exists() and not memory.exists() and _header(real)[18:20] == bytes([_VERSION, _VERSION])
    return False


def _no_database(path: Path) -> SnapshotError:
    header = _header(path)
    if header.startswith(MAGIC) and header[19:20] > bytes([_VERSION]):
        return unknown_format(path)
    return SnapshotError.because(Cause.WRONG_HEADER if header.startswith(MAGIC) else Cause.NO_SQLITE, path=path)


def _header(path: Path) -> bytes:
    """Read the header of a live file, in a process of its own where closing it here would drop this process's locks."""
    with suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "win32":
            with path.open("rb") as file:
                return file.read(100)
        script = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read(100))"
        command = [sys.executable, "-I", "-S", "-c", script, os.fspath(path)]
        return subprocess.run(command, capture_output=True, check=False, timeout=10).stdout  # noqa: S603 - our own words
    return b""


def _not_opened(path: Path, error: BaseException) -> SnapshotError:
    """Tell a file that may not be read from a machine that may open no more files."""
    try:
        require_descriptors()
    except OSError as none_left:
        return SnapshotError.because(Cause.NOT_OPENED, path=path, said=str(none_left.strerror))
    may_read = os.access(path, os.R_OK) and os.access(path.parent, os.W_OK)
    if may_read and error_code(error) & 0xFF == sqlite3.SQLITE_CANTOPEN:
        return SnapshotError.because(Cause.NOT_OPENED_BY_SQLITE, path=path, said=said(error))
    return SnapshotError.because(Cause.NO_PERMISSION, path=path, said=said(error))


def not_copied(path: Path, folder: Path, error: BaseException) -> SnapshotError:
    """Return the error that says what this machine did to the copy of `path` in the private `folder`, not the data."""
    if isinstance(error, OSError) and is_full(error):
        return SnapshotError.because(Cause.DISK_FULL, folder=folder.parent, path=path, said=str(error.strerror))
    if error_code(error) & 0xFF == sqlite3.SQLITE_FULL:
        return SnapshotError.because(Cause.DISK_FULL, folder=folder.parent, path=path)
    return SnapshotError.because(Cause.NOT_COPIED_INTO, path=path, folder=folder, said=said(error))


def unforeseen(path: Path, error: Exception) -> SnapshotError:
    """Return the report of a database to which something happened that nobody thought of."""
    if isinstance(error, (OSError, MemoryError)):
        why = error.strerror if isinstance(error, OSError) and error.strerror else said(error)
        return SnapshotError.because(Cause.NOT_COPIED, path=path, said=why)
    return SnapshotError.because(Cause.UNFORESEEN, path=path, kind=type(error).__name__, said=said(error))


def is_known_format(copy: Path) -> bool:
    """Tell whether this SQLite can read and write the format that a private copy says it has. Opens the file.

    https://www.sqlite.org/fileformat.html#the_database_header
    """
    with suppress(OSError), copy.open("rb") as file:
        header = file.read(48)
        if len(header) == 48 and header.startswith(MAGIC):
            return max(header[18:20]) <= _VERSION and int.from_bytes(header[44:48]) <= _SCHEMA_FORMAT
    return True  # it is something else that is amiss


def unknown_format(path: Path) -> SnapshotError:
    return SnapshotError.because(Cause.UNKNOWN_FORMAT, path=path, version=sqlite3.sqlite_version)
