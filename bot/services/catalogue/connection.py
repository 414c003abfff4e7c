"""Opens the catalogue's one connection: a private file, migrated, with transactions that a cancellation can't cut."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite

from bot.clock import Clock
from bot.errors import CatalogueError
from bot.services.catalogue import schema
from bot.services.catalogue.faults import broken, explain, explained
from bot.services.catalogue.place import OpenedFile, begin_anew, make_private, put_in_place
from bot.services.catalogue.values import as_column, from_row
from bot.services.concurrency.nursery import settled
from bot.services.snapshot.source import open_connection, uri_of

BUSY_SECONDS = 10.0
_PRAGMAS = (
    # WAL: `status` and `list` read from other processes while a run writes (https://www.sqlite.org/wal.html).
    "journal_mode = WAL",
    # A delivery that was written down survives a power cut, or it would be sent twice.
    "synchronous = FULL",
    "foreign_keys = ON",
)

T = TypeVar("T")
P = ParamSpec("P")
Table = TypeVar("Table", bound="CatalogueTable")


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
        self.opened: OpenedFile | None = None
        """The file as it was when it was opened to be written."""
        self._database = database
        self._closed = False

    async def close(self) -> None:
        """Close after what is queued is done; a second call does nothing."""
        async with self.lock:
            if not self._closed:
                self._closed = True
                await settled(self._database.close())

    async def put_back(self) -> tuple[Path, ...] | None:
        """Write all that is known into a new file where ours was deleted or replaced; None where it is in its place.

        Returns what had its name meanwhile, and where that is now. Raises CatalogueError, NoSpaceError; then the
        connection is as it was.
        """
        async with self.lock:
            return await settled(self._put_back())

    async def _put_back(self) -> tuple[Path, ...] | None:
        if self._closed or self.opened is None:
            return None
        with explained(self.path):
            if await asyncio.to_thread(self.opened.is_kept):
                return None
            new = await asyncio.to_thread(begin_anew, self.path)
            await self.execute("VACUUM INTO ?", str(new))
            set_aside = await asyncio.to_thread(put_in_place, new, self.path, self.clock())
            database, self.opened = await _database(self.path, "rw"), await asyncio.to_thread(OpenedFile.of, self.path)
        # Closed last: SQLite sees that the file has another name now, and leaves the log of the new one alone.
        former, self._database = self._database, database
        await former.close()
        return set_aside

    @asynccontextmanager
    async def transaction(self, begin: str) -> AsyncIterator[None]:
        """Begin, then commit or roll back. Raises CatalogueError or NoSpaceError for what SQLite refuses."""
        if self._closed:
            raise CatalogueError(f"The catalogue {self.path.name} is closed.")
        try:
            await self.rows(begin)  # as a question: a cursor would be closed in one more way to its thread and back
            yield
            await self.rows("COMMIT")
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
    with explained(path):
        if not read_only:
            await asyncio.to_thread(make_private, path)
        return await settled(_connect(path, clock, read_only), unclaimed=CatalogueConnection.close)


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
            await _migrate(db)
            db.opened = await asyncio.to_thread(OpenedFile.of, path)
    except BaseException:
        await db.close()
        raise
    return db


async def _open(path: Path, clock: Clock, mode: str) -> CatalogueConnection:
    return CatalogueConnection(path, await _database(path, mode), clock)


async def _database(path: Path, mode: str) -> aiosqlite.Connection:
    database = await open_connection(uri_of(path, mode=mode), patience=BUSY_SECONDS)
    database.row_factory = sqlite3.Row
    try:
        for pragma in _PRAGMAS if mode == "rw" else ():
            await database.execute(f"PRAGMA {pragma}")
    except BaseException:
        await database.close()
        raise
    return database


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
        raise broken(db.path, found[0])
    if version == schema.VERSION and (missing := schema.TABLES - tables):
        raise broken(db.path, f"it has no table {min(missing)}")
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
