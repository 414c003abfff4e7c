"""Opens a live SQLite database of another application, without leaving a trace.

Only `os.stat` and SQLite itself ever touch a source: where locks belong to the process (POSIX), opening and closing the
file by hand would drop the locks of every SQLite connection that this process has on it
(https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite

from bot.errors import SnapshotError
from bot.models import Cause
from bot.services.snapshot.sqlite_errors import FLICKERING, WAITING
from bot.services.snapshot.sqlite_faults import FAULTS, error_code, proves_damage

WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
SIDECARS = (WAL, SHM, JOURNAL)

# How long one attempt at a lock lasts (seconds): between two of them an abort is looked at.
_ATTEMPT = 0.25
_PAUSE = 0.02
# A writer between two transactions, or an application that is just opening or closing the database, can make SQLite
# report for a moment what otherwise means a crashed writer or a missing permission; what lasts is true (seconds).
_FLICKER = 0.5


@dataclass(frozen=True, slots=True)
class FileState:
    """What `os.stat` tells of a source: its file's identity, size and times, and the sidecars beside it (name: size).

    Two equal sights with `settled` before the first mean that the file was not written between them.
    """

    path: Path
    device: int
    inode: int
    bytes: int
    modified_ns: int
    changed_ns: int
    links: int
    owner: int
    group: int
    mode: int
    sidecars: tuple[tuple[str, int], ...]

    @property
    def identity(self) -> tuple[int, int]:
        """What stays while a file is written, and changes when another one takes its place."""
        return self.device, self.inode

    def has(self, *suffixes: str) -> bool:
        """Tell whether all these sidecars exist."""
        return {*suffixes} <= {suffix for suffix, _ in self.sidecars}

    def sidecar_bytes(self, suffix: str) -> int:
        return dict(self.sidecars).get(suffix, 0)

    def ambiguous_for(self, now_ns: int) -> float:
        """Return for how many more seconds a write could go unnoticed because it carries the same time stamp.

        File systems stamp in ticks: most in ten milliseconds or less, some (FAT, HFS+, ext3) in one or two seconds,
        and those never show a fraction. A stamp in the future never settles within reason.
        """
        tick = 0.1 if self.modified_ns % 1_000_000_000 else 3.0
        return tick - (now_ns - self.modified_ns) / 1_000_000_000


def read_state(path: Path) -> FileState:
    """Return what can be known of the source at `path` without opening it.

    Raises `SnapshotError`: MISSING, EMPTY, NOT_A_DATABASE (no regular file) or NO_PERMISSION.
    """
    try:
        real = path.resolve(strict=True)
        found = real.stat()
        sidecars = tuple((suffix, size) for suffix in SIDECARS if (size := _size(real, suffix)) is not None)
    except (FileNotFoundError, NotADirectoryError):
        raise SnapshotError.because(Cause.VANISHED, path=path, **link_of(path)) from None
    except PermissionError:
        raise SnapshotError.because(Cause.NO_PERMISSION, path=path) from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise SnapshotError.because(Cause.NOT_LOOKED_AT, path=path, said=str(error)) from error
    if not stat.S_ISREG(found.st_mode):
        raise SnapshotError.because(Cause.NO_FILE, path=path)
    if found.st_size == 0:
        raise SnapshotError.because(Cause.EMPTY, path=path)
    return FileState(
        path=real,
        device=found.st_dev,
        inode=found.st_ino,
        bytes=found.st_size,
        modified_ns=found.st_mtime_ns,
        changed_ns=found.st_ctime_ns,
        links=found.st_nlink,
        owner=found.st_uid,
        group=found.st_gid,
        mode=found.st_mode,
        sidecars=sidecars,
    )


def link_of(path: Path) -> dict[str, Path]:
    """Return as the fact `target` where a link leads; nothing for what is none, or gone meanwhile."""
    with suppress(OSError, ValueError):
        return {"target": path.readlink()}
    return {}


def _size(path: Path, suffix: str) -> int | None:
    try:
        return path.with_name(path.name + suffix).stat().st_size
    except FileNotFoundError:
        return None


@asynccontextmanager
async def connected(path: Path, *, mode: str, **query: str) -> AsyncIterator[aiosqlite.Connection]:
    """Hold a connection to `path`, which it never creates; it begins no transaction by itself.

    Its thread has ended when this is left, however it is left. Raises `sqlite3.Error` where `path` can't be opened.
    """
    connection = await open_connection(uri_of(path, mode=mode, **query), patience=_ATTEMPT)
    try:
        yield connection
    finally:
        await connection.close()


async def open_connection(uri: str, *, patience: float) -> aiosqlite.Connection:
    """Return a connection that waits `patience` seconds for a lock and begins no transaction by itself; to be closed.

    Its thread has ended where this fails or is cancelled. Raises `sqlite3.Error` where `uri` can't be opened.
    """
    connection = aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=patience)
    try:
        return await connection
    except BaseException:
        connection._thread.join()  # aiosqlite lets it end by itself, maybe after the event loop that it reports to
        raise


def uri_of(path: Path, **query: str) -> str:
    """Return the address by which SQLite opens a file of whatever name."""
    uri = path.absolute().as_uri()  # percent-quoted: ?, # and % are part of the name
    if path.drive.startswith("\\\\"):
        uri = uri.replace("file://", "file:////", 1)  # a Windows share: SQLite takes no host but localhost
    return f"{uri}?{'&'.join(f'{key}={value}' for key, value in query.items())}"


async def ask(connection: aiosqlite.Connection, sql: str) -> Any:
    """Return the first value of the first row."""
    return next(iter(await connection.execute_fetchall(sql)))[0]


async def begin_reading(source: aiosqlite.Connection, *, deadline: float, check: Callable[[], None]) -> None:
    """Open a read transaction that really holds its lock, waiting until `deadline` (of `time.monotonic`) for it.

    A schema that this SQLite can't read is no hindrance. `check` is called several times a second and raises to give
    up. Raises `sqlite3.Error` as SQLite gave it.
    """
    flicker_ends = time.monotonic() + _FLICKER
    while True:
        check()
        await source.execute_fetchall("BEGIN")
        try:
            await source.execute_fetchall("PRAGMA user_version")  # of the header: no schema is read
        except sqlite3.Error as error:
            if source.in_transaction:  # some faults end it by themselves
                await source.execute_fetchall("ROLLBACK")
            primary = error_code(error) & 0xFF
            until = deadline if primary in WAITING else flicker_ends if primary in FLICKERING else 0.0
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(_PAUSE)
        else:
            return


async def uses_wal(path: Path, *, deadline: float, check: Callable[[], None]) -> bool:
    """Tell whether the database is in WAL mode, without creating the `-wal` and `-shm` that reading it would create.

    In exclusive locking mode SQLite needs an exclusive lock before it touches a write-ahead log, and on a descriptor
    that is open for reading the system refuses to give one, at once; in the other journal modes the mode changes
    nothing for a reader. Where SQLite would get the lock, on Windows, closing a file drops nobody's locks, so the two
    bytes of the header can be read. Raises `sqlite3.Error` where the database can't be read at all.
    """
    if sys.platform == "win32":
        return says_wal(path)
    async with connected(path, mode="ro") as source:
        await source.execute_fetchall("PRAGMA locking_mode=EXCLUSIVE")
        try:
            await begin_reading(source, deadline=deadline, check=check)
        except sqlite3.OperationalError as error:
            if error_code(error) == sqlite3.SQLITE_IOERR_LOCK:
                return True
            raise
        try:
            return bool(await ask(source, "PRAGMA journal_mode") == "wal")
        except FAULTS as error:
            if proves_damage(error):
                raise
            return False  # its schema can't be read, and in WAL mode SQLite would have wanted its lock before that


def says_wal(copy: Path) -> bool:
    """Tell whether the header of a private copy says WAL. Opens the file: not for live sources, but on Windows."""
    with copy.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


def may_create_files_beside(state: FileState) -> bool:
    """Tell whether this process may create files in the source's folder."""
    return os.access(state.path.parent, os.W_OK | os.X_OK)


def require_own_sidecars(state: FileState) -> None:
    """Raise `SnapshotError` FOREIGN_OWNER where a `-wal` or `-shm` of ours would lock the database's owner out.

    SQLite creates them with the database's own mode, and as root with its owner too; anybody else's would be ours, and
    an application that may not write them can't write its database.
    """
    if sys.platform == "win32" or os.geteuid() in (0, state.owner) or state.mode & stat.S_IWOTH:
        return
    folder = state.path.parent.stat()
    group = folder.st_gid if folder.st_mode & stat.S_ISGID or sys.platform == "darwin" else os.getegid()
    if state.mode & stat.S_IWGRP and group == state.group:
        return
    raise SnapshotError.because(Cause.FOREIGN_OWNER, path=state.path)


def require_whole(state: FileState, *, page_size: int, page_count: int) -> None:
    """Raise `SnapshotError` DAMAGED where the file is too short for its pages; call it inside the read transaction.

    Pages that the file has not yet may wait in a write-ahead log, so only what exceeds the log's frames is missing.
    """
    frames = max(0, state.sidecar_bytes(WAL) - 32) // (page_size + 24)
    missing = page_size * page_count - state.bytes
    if missing > frames * page_size:
        raise SnapshotError.because(
            Cause.CUT_SHORT, path=state.path, bytes=state.bytes, pages=page_count, expected=page_size * page_count
        )


def new_sidecars(before: FileState) -> tuple[str, ...]:
    """Return the names of the write-ahead log's files that were not there `before` and are now."""
    name = before.path.name
    return tuple(name + each for each in (WAL, SHM) if not before.has(each) and _size(before.path, each) is not None)
