"""The check of a snapshot: is it whole, what is in it, and in which shape."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiosqlite

from bot.errors import AbortedError
from bot.models import CheckMethod, CheckReport, Snapshot, Verdict
from bot.services.abort import Abort
from bot.services.source import connected, error_code
from bot.services.threads import run_to_end

MAX_MESSAGES = 20
_MOST_MESSAGES = 100_000

# A NOT NULL, CHECK or type rule that older rows break: integrity_check reports them beside real damage. Skipping such
# a database would mean that it is never backed up. https://sqlite.org/pragma.html#pragma_integrity_check
_RULE = re.compile(r"(NULL value in|CHECK constraint failed in|(TEXT|NUMERIC|non-\w+) value in) ")

# Measured on 222 MB of random keys with three indexes: of all caches within 36 MB of memory, 4 MB is as fast as any
# (larger ones miss the processor's own cache more often than they save a read from the system's), and mmap gains only
# where it may take as much memory as the database has bytes.
_CACHE_KIB = 4096
_LOOK_EVERY = 0.05  # seconds between two looks at the abort flag

_PRAGMAS = {CheckMethod.FULL: "integrity_check", CheckMethod.QUICK: "quick_check"}
_UNKNOWN = re.compile(r"no such (collation|function|module|tokenizer)|unknown (function|tokenizer)|unsafe use of")
_HEADING = "*** in database main ***"
_FAULTS = (sqlite3.Error, UnicodeError)  # what SQLite says of a damaged database need not be valid UTF-8


async def check_snapshot(snapshot: Snapshot, method: CheckMethod, *, abort: Abort) -> CheckReport:
    """Return what a check of the private copy found; its bytes stay as they are, and nothing is left beside it.

    FULL compares every index with its table, QUICK does not. DAMAGED is what SQLite finds wrong or fails on; rows that
    break a NOT NULL, CHECK or type rule of their own table are no damage, and named in the messages of an OK. UNCHECKED
    is a database whose schema needs collations, functions or modules of its own application, and in which all that can
    be checked without them is right. Violated foreign keys are counted and change no verdict. Raises `AbortedError`
    only.
    """
    own_abort = Abort()  # a cancellation stops this check, not everything that holds the caller's flag

    def check() -> None:
        abort.check()
        own_abort.check()

    return await run_to_end(lambda: asyncio.run(_check(snapshot, method, check)), stop=own_abort.set)


async def _check(snapshot: Snapshot, method: CheckMethod, check: Callable[[], None]) -> CheckReport:
    started = time.monotonic()
    verdict = Verdict.DAMAGED
    messages: tuple[str, ...] = ()
    violations = 0
    rows: tuple[tuple[str, int], ...] = ()
    schema = ""
    try:
        async with _opened(snapshot, check) as copy:
            verdict, messages = await _judge(copy, method)
            with suppress(*_FAULTS):  # of a damaged database, what can still be told
                tables = await _tables(copy)
                rows = tuple([(name, await _count_rows(copy, name)) for name in tables])
                violations = await _count_violations(copy)
                schema = await _hash_schema(copy)
    except _FAULTS as error:
        verdict, messages = Verdict.DAMAGED, (str(error),)
    return CheckReport(
        verdict=verdict,
        method=method,
        messages=messages,
        foreign_key_violations=violations,
        rows=rows,
        schema_sha256=schema,
        seconds=time.monotonic() - started,
    )


class _Copy:
    """The private copy under check: questions to it end with `AbortedError` once `check` raises."""

    def __init__(self, connection: aiosqlite.Connection, check: Callable[[], None]) -> None:
        self._connection = connection
        self._check = check

    async def rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        self._check()
        try:
            return [tuple(row) for row in await self._connection.execute_fetchall(sql, values)]
        except sqlite3.Error:
            self._check()  # it may have been interrupted
            raise

    async def interrupt_when_aborted(self) -> None:
        """Look at the flag until cancelled. SQLite calls no progress handler while it walks the pages; it looks for an
        interrupt at each of them.
        """
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                self._check()
            except AbortedError:
                await self._connection.interrupt()


@asynccontextmanager
async def _opened(snapshot: Snapshot, check: Callable[[], None]) -> AsyncIterator[_Copy]:
    # For writing: on a read-only connection SQLite passes over violated CHECK constraints in silence.
    async with connected(snapshot.file, mode="rw") as connection:
        connection.text_factory = _lenient
        copy = _Copy(connection, check)
        await copy.rows("PRAGMA locking_mode=EXCLUSIVE")  # nobody else reads it: no shared memory beside it
        await copy.rows(f"PRAGMA cache_size=-{_CACHE_KIB}")
        watch = asyncio.create_task(copy.interrupt_when_aborted())
        try:
            yield copy
        finally:
            watch.cancel()
            await asyncio.wait((watch,))


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _judge(copy: _Copy, method: CheckMethod) -> tuple[Verdict, tuple[str, ...]]:
    pragma = _PRAGMAS[method]
    try:
        lines = await _faults(copy, f"PRAGMA {pragma}({MAX_MESSAGES})")
        if len(lines) >= MAX_MESSAGES and _break_rules(lines):
            lines = await _faults(copy, f"PRAGMA {pragma}({_MOST_MESSAGES})")  # is there damage behind them?
    except _FAULTS as error:
        if not _is_unknown(error):
            return Verdict.DAMAGED, (str(error),)
        unknown = str(error)
    else:
        if not _break_rules(lines):
            damage = tuple(line for line in lines if not _RULE.match(line))
            return Verdict.DAMAGED, (damage or lines)[:MAX_MESSAGES]
        return (Verdict.OK if len(lines) < _MOST_MESSAGES else Verdict.UNCHECKED), lines[:MAX_MESSAGES]
    for table in await _tables(copy):
        try:
            lines = await _faults(copy, f"PRAGMA {pragma}({_quoted(table)})")
        except _FAULTS as error:
            if not _is_unknown(error):
                return Verdict.DAMAGED, (str(error),)
        else:
            if not _break_rules(lines):
                return Verdict.DAMAGED, lines[:MAX_MESSAGES]
    return Verdict.UNCHECKED, (unknown,)


async def _faults(copy: _Copy, pragma: str) -> tuple[str, ...]:
    lines = [line for (text,) in await copy.rows(pragma) for line in str(text).splitlines()]
    return () if lines == ["ok"] else tuple(line for line in lines if line != _HEADING)


def _break_rules(lines: tuple[str, ...]) -> bool:
    """Tell whether every line is about a row that its own table's rules forbid: nothing is torn."""
    return all(_RULE.match(line) for line in lines)


def _is_unknown(error: Exception) -> bool:
    """Tell whether SQLite lacks something that only the database's own application has."""
    return (
        isinstance(error, sqlite3.Error)
        and error_code(error) & 0xFF == sqlite3.SQLITE_ERROR
        and _UNKNOWN.search(str(error)) is not None
    )


async def _tables(copy: _Copy) -> list[str]:
    """Return the tables that people know, in schema order: not SQLite's own, nor the inner ones of virtual tables."""
    tables = [
        (str(name), str(sql))
        for name, sql in await copy.rows("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
        if not str(name).lower().startswith("sqlite_")
    ]
    try:
        inner = {name for (name,) in await copy.rows("SELECT name FROM pragma_table_list WHERE type = 'shadow'")}
    except sqlite3.OperationalError:  # before SQLite 3.37
        virtual = tuple(f"{name}_" for name, sql in tables if sql.upper().startswith("CREATE VIRTUAL"))
        inner = {name for name, _ in tables if name.startswith(virtual)}
    return [name for name, _ in tables if name not in inner]


async def _count_rows(copy: _Copy, table: str) -> int:
    return await _count(copy, f"SELECT count(*) FROM {_quoted(table)}")  # noqa: S608 - a name can be no parameter


async def _count(copy: _Copy, query: str, *values: str) -> int:
    try:
        return int((await copy.rows(query, *values))[0][0])
    except _FAULTS:
        return -1


async def _count_violations(copy: _Copy) -> int:
    """Return how many rows refer to a row that is not there; a key that refers to no unique column can't be checked."""
    referring = await copy.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%references%'")
    counts = [await _count(copy, "SELECT count(*) FROM pragma_foreign_key_check(?)", name) for (name,) in referring]
    return sum(count for count in counts if count > 0)


async def _hash_schema(copy: _Copy) -> str:
    """Return a hash that is equal where the schema is, however it is laid out on pages and in white space."""
    entries = await copy.rows(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    lines = sorted("\x1f".join(" ".join(str(part).split()) for part in entry) for entry in entries)
    return hashlib.sha256("\x1e".join(lines).encode()).hexdigest()
