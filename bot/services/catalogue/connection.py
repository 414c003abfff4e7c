"""Opens the catalogue's one connection: a private file, migrated, with transactions that a cancellation can't cut."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite

from bot.clock import Clock
from bot.errors import CatalogueError, CourierError, NoSpaceError
from bot.services.catalogue import schema
from bot.services.catalogue.values import as_column, from_row
from bot.services.concurrency.nursery import settled
from bot.services.files.private_file import create_private
from bot.services.files.store import create_private_folder
from bot.services.snapshot.source import uri_of

BUSY_SECONDS = 10.0
SIDECARS = ("-wal", "-shm", "-journal")

T = TypeVar("T")
P = ParamSpec("P")
Table = TypeVar("Table", bound="CatalogueTable")


class BrokenCatalogueError(CatalogueError):
    """The file is damaged, truncated or no database at all: it can be set aside and rebuilt."""


def explain(path: Path, error: sqlite3.Error) -> CourierError:
    """Return what SQLite's error means for people and what they can do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended code's low byte is the primary one
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _broken(path, error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CatalogueError(
            f"The catalogue {path.name} is locked by another program.", hint=f"Close what has {path} open."
        )
    if code == sqlite3.SQLITE_FULL:
        return NoSpaceError(
            f"The catalogue {path.name} can't be written: the disk is full.", hint=f"Free space at {path.parent}."
        )
    return CatalogueError(
        f"The catalogue {path.name} can't be used: {error}.",
        hint=f"See that {path} is a file that this user may read and write, in a folder that it may write.",
    )


def _broken(path: Path, why: object) -> BrokenCatalogueError:
    return BrokenCatalogueError(
        f"The catalogue {path.name} is damaged: {why}.",
        hint=f"Start the service: it sets {path} aside and rebuilds it from the archives on disk.",
    )


def reading(
    method: Callable[Concatenate[Table, P], Awaitable[T]],
) -> Callable[Concatenate[Table, P], Coroutine[Any, Any, T]]:
    """Run a method in one read transaction: all its statements see the same instant."""
    return _transaction(method, "BEGIN")


def writing(
    method: Callable[Concatenate[Table, P], Awaitable[T]],
) -> Callable[Concatenate[Table, P], Coroutine[Any, Any, T]]:
    """Run a method in one write transaction: all of it is on the disk when it returns, or none of it ever is."""
    # IMMEDIATE: a transaction that reads first and writes later can't wait for a lock, it fails at once.
    return _transaction(method, "BEGIN IMMEDIATE")


def _transaction(
    method: Callable[Concatenate[Table, P], Awaitable[T]], begin: str
) -> Callable[Concatenate[Table, P], Coroutine[Any, Any, T]]:
    @wraps(method)
    async def call(self: Table, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def work() -> T:
            async with self._db.transaction(begin):
                return await method(self, *args, **kwargs)

        # To its end, although the caller is cancelled: a half-done row would be worse than a shutdown that takes a few
        # milliseconds longer. A volume that Telegram has confirmed but nobody wrote down is sent twice.
        async with self._db.lock:
            return await settled(work())

    return call


class CatalogueConnection:
    """Statements on the one connection, which the tables share; `lock` is held for as long as a transaction."""

    def __init__(self, path: Path, database: aiosqlite.Connection, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.lock = asyncio.Lock()
        self._database = database
        self._closed = False

    async def close(self) -> None:
        """Close after what is queued is done; a second call does nothing."""
        async with self.lock:
            if not self._closed:
                self._closed = True
                await settled(self._database.close())

    @asynccontextmanager
    async def transaction(self, begin: str) -> AsyncIterator[None]:
        """Begin, then commit or roll back. Raises CatalogueError or NoSpaceError for what SQLite refuses."""
        if self._closed:
            raise CatalogueError(f"The catalogue {self.path.name} is closed.")
        try:
            await self.execute(begin)
            yield
            await self.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):  # SQLite rolled back by itself, or never began
                await self.execute("ROLLBACK")
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise  # ours to mend, not the reader's
            if isinstance(error, sqlite3.Error):
                raise explain(self.path, error) from error
            raise

    async def execute(self, sql: str, *parameters: object) -> int:
        """Run one statement; return how many rows it changed."""
        async with self._database.execute(sql, [as_column(each) for each in parameters]) as cursor:
            return cursor.rowcount

    async def insert(self, table: str, **columns: object) -> int:
        """Insert one row; return its id."""
        return await self._insert(table, columns, "")

    async def upsert(self, table: str, key: str, /, **columns: object) -> None:
        """Insert one row, or change these columns of the one that has the key (its columns, separated by commas)."""
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key.split(", "))
        await self._insert(table, columns, f"ON CONFLICT ({key}) DO UPDATE SET {changed}")

    async def _insert(self, table: str, columns: Mapping[str, object], then: str) -> int:
        places = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) {then}"
        async with self._database.execute(sql, [as_column(each) for each in columns.values()]) as cursor:
            return cursor.lastrowid or 0

    async def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        return list(await self._database.execute_fetchall(sql, [as_column(each) for each in parameters]))

    async def row(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        return next(iter(await self.rows(sql, *parameters)), None)

    async def column(self, sql: str, *parameters: object) -> list[Any]:
        """Return the first column of every row."""
        return [row[0] for row in await self.rows(sql, *parameters)]

    async def value(self, read: Callable[[Any], T], sql: str, *parameters: object) -> T | None:
        """Return what is read of the first column of the first row, None without a row and for NULL."""
        row = await self.row(sql, *parameters)
        return None if row is None or row[0] is None else read(row[0])

    async def model(self, model: Callable[..., T], sql: str, *parameters: object) -> T | None:
        """Return the first row as a model whose fields are all columns, None without a row."""
        return next(iter(await self.models(model, sql, *parameters)), None)

    async def models(self, model: Callable[..., T], sql: str, *parameters: object) -> tuple[T, ...]:
        """Return the rows as models whose fields are all columns."""
        return tuple(from_row(model, row) for row in await self.rows(sql, *parameters))

    async def grouped(
        self, model: Callable[..., T], by: Callable[[sqlite3.Row], Any], sql: str, *parameters: object
    ) -> defaultdict[Any, tuple[T, ...]]:
        """Return the rows as models, in their order, by what belongs together; () for what has none."""
        groups: defaultdict[Any, tuple[T, ...]] = defaultdict(tuple)
        for row in await self.rows(sql, *parameters):
            groups[by(row)] += (from_row(model, row),)
        return groups

    async def meta(self, read: Callable[[Any], T], key: str) -> T | None:
        """Return what is remembered under a key of the table meta."""
        return await self.value(read, "SELECT value FROM meta WHERE key = ?", key)

    async def set_meta(self, key: str, value: object) -> None:
        await self.upsert("meta", "key", key=key, value=value)


class CatalogueTable:
    """One subject of the catalogue. Every method is one transaction, and they queue."""

    def __init__(self, db: CatalogueConnection) -> None:
        self._db = db


async def connect(path: Path, *, clock: Clock, read_only: bool) -> CatalogueConnection:
    """Open a catalogue that is whole and of our version; create or migrate it when we may write.

    The file and its sidecars are the owner's alone (0600; SQLite gives the sidecars the mode of the file). Raises
    BrokenCatalogueError when the file is damaged, CatalogueError when it is of a newer version, somebody else's, locked
    or missing (read_only), NoSpaceError.
    """
    if read_only and not await asyncio.to_thread(path.exists):
        message = f"There is no catalogue at {path} yet."
        raise CatalogueError(message, hint="Start the service or make a backup: the first run creates it.")
    try:
        if not read_only:
            await asyncio.to_thread(_make_private, path)
        return await settled(_connect(path, clock, read_only), unclaimed=CatalogueConnection.close)
    except sqlite3.Error as error:
        raise explain(path, error) from error
    except OSError as error:
        message = f"The catalogue {path} can't be opened: {error.strerror or error}."
        raise CatalogueError(message, hint="See that this user may write that folder.") from error


async def _connect(path: Path, clock: Clock, read_only: bool) -> CatalogueConnection:
    if not read_only and (await asyncio.to_thread(path.stat)).st_size:
        # Looked at through a connection that can't write: closing one that can folds the log into a damaged file, or
        # deletes it, and with it what could still be saved by hand.
        looking = await _open(path, clock, "ro")
        try:
            await _examine(looking)
        finally:
            await looking.close()
    db = await _open(path, clock, "ro" if read_only else "rw")
    try:
        if read_only:
            version = await _examine(db)
            if version < schema.VERSION:
                message = f"The catalogue {path.name} is of version {version}, older than {schema.VERSION}."
                raise CatalogueError(message, hint="Start the service once: it brings the catalogue up to date.")
        else:
            # WAL: `status` and `list` read from other processes while a run writes (https://www.sqlite.org/wal.html).
            # FULL: a delivery that was written down survives a power cut, or it would be sent twice.
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                await db.execute(f"PRAGMA {pragma}")
            await _migrate(db)
    except BaseException:
        await db.close()
        raise
    return db


async def _open(path: Path, clock: Clock, mode: str) -> CatalogueConnection:
    database = await aiosqlite.connect(uri_of(path, mode=mode), uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    database.row_factory = sqlite3.Row
    return CatalogueConnection(path, database, clock)


def _make_private(path: Path) -> None:
    create_private_folder(path.parent)
    try:
        # Created before SQLite sees it, so that not even an empty file is readable by others for an instant.
        create_private(path).close()
    except FileExistsError:
        # Never opened here: closing it would drop the locks that SQLite holds for this process.
        for file in (path, *(path.with_name(path.name + sidecar) for sidecar in SIDECARS)):
            with suppress(OSError):  # no such sidecar, or another owner's file
                if stat.S_IMODE(file.stat().st_mode) & 0o077:
                    file.chmod(0o600)


async def _examine(db: CatalogueConnection) -> int:
    """Return the version of a catalogue that is whole and ours; raises what is wrong with it."""
    version, ours, tables = await _identity(db)
    if version > schema.VERSION:
        message = f"The catalogue {db.path.name} is of version {version}; this program knows {schema.VERSION}."
        raise CatalogueError(message, hint="A newer SQLite Courier wrote it. Install that version, or a newer one.")
    if not ours and (version or tables):
        message = f"{db.path} is another application's database, not a catalogue."
        raise CatalogueError(message, hint="Move it away, or point BACKUP_DIR at another folder.")
    found = await db.column("PRAGMA quick_check(5)")
    if found != ["ok"]:
        raise _broken(db.path, found[0])
    if version == schema.VERSION and (missing := schema.TABLES - tables):
        raise _broken(db.path, f"it has no table {min(missing)}")
    return version


async def _identity(db: CatalogueConnection) -> tuple[int, bool, frozenset[str]]:
    version = await db.value(int, "PRAGMA user_version") or 0
    ours = await db.value(int, "PRAGMA application_id") == schema.APPLICATION_ID
    tables = await db.column("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
    return version, ours, frozenset(tables)


async def _migrate(db: CatalogueConnection) -> None:
    async with db.transaction("BEGIN IMMEDIATE"):
        # Asked again under the lock: a second process may have come first.
        version, _, _ = await _identity(db)
        for number, step in enumerate(schema.STEPS[version:], start=version + 1):
            for statement in (*step, f"PRAGMA user_version = {number}"):
                await db.execute(statement)
        if version < schema.VERSION:
            await db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
