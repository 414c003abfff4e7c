"""The check of a snapshot: is it whole, what is in it, and in which shape."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import aiosqlite

from bot.errors import AbortedError
from bot.models import CheckMethod, CheckReport, Snapshot, Verdict
from bot.services.abort import Abort
from bot.services.source import connected
from bot.services.sqlite_errors import FAULTS, is_known_format, is_of_schema, proves_damage, said
from bot.services.threads import run_in_loop

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
_HEADING = "*** in database main ***\n"
# What integrity_check says of the pages of a table whose schema could not be read, and of nothing else that is amiss.
_OF_UNREAD_TABLES = re.compile(r"Page \d+(:| is) never used$|max rootpage \(\d+\) disagrees with header")


async def check_snapshot(snapshot: Snapshot, method: CheckMethod, *, abort: Abort) -> CheckReport:
    """Return what a check of the private copy found; its bytes stay as they are, and nothing is left beside it.

    FULL compares every index with its table, QUICK does not. DAMAGED is proof: pages that contradict one another, or of
    which SQLite can make no sense. Rows that break a NOT NULL, CHECK or type rule of their own table are no damage, and
    named in the messages of an OK. UNCHECKED is whatever else kept the check from its end, with all right that could be
    checked: a schema that this SQLite can't read, or that needs functions of its own application; a machine without
    memory, without files to open or with a disk that can't be read. Violated foreign keys are counted and change no
    verdict. Raises `AbortedError` only.
    """
    own_abort = Abort()  # a cancellation stops this check, not everything that holds the caller's flag

    def check() -> None:
        abort.check()
        own_abort.check()

    started = time.monotonic()
    try:
        report = await run_in_loop(lambda: _check(snapshot, method, check), stop=own_abort.set)
    except AbortedError:
        raise
    except Exception as error:  # of opening the copy, or of a machine that may not even give us an event loop
        if proves_damage(error):
            report = _report(Verdict.DAMAGED, (said(error),), method)
        else:
            report = _report(Verdict.UNCHECKED, (f"This machine could not read the copy: {said(error)}",), method)
    return replace(report, seconds=time.monotonic() - started)


async def _check(snapshot: Snapshot, method: CheckMethod, check: Callable[[], None]) -> CheckReport:
    if not is_known_format(snapshot.file):
        return _report(Verdict.UNCHECKED, (f"SQLite {sqlite3.sqlite_version} does not know its format",), method)
    async with _opened(snapshot, check) as copy:
        report = _report(*await _judge(copy, method), method)
        with suppress(*FAULTS):  # of a damaged database, what can still be told
            tables = await _tables(copy)
            report = replace(report, rows=tuple([(name, await _count_rows(copy, name)) for name in tables]))
            report = replace(report, foreign_key_violations=await _count_violations(copy))
            report = replace(report, schema_sha256=await _hash_schema(copy))
    return report


def _report(verdict: Verdict, messages: tuple[str, ...], method: CheckMethod) -> CheckReport:
    return CheckReport(
        verdict=verdict,
        method=method,
        messages=messages,
        foreign_key_violations=0,
        rows=(),
        schema_sha256="",
        seconds=0.0,
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
        with suppress(*FAULTS):  # it reads the schema
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
        lines = await _findings(copy, f"{pragma}({MAX_MESSAGES})")
        if len(lines) >= MAX_MESSAGES and not _damage_in(lines):
            lines = await _findings(copy, f"{pragma}({_MOST_MESSAGES})")  # is there damage behind the broken rules?
    except FAULTS as error:
        if proves_damage(error):
            return Verdict.DAMAGED, (said(error),)
        unread = said(error)
    else:
        if damage := _damage_in(lines):
            return Verdict.DAMAGED, damage[:MAX_MESSAGES]
        return (Verdict.OK if len(lines) < _MOST_MESSAGES else Verdict.UNCHECKED), lines[:MAX_MESSAGES]
    with suppress(*FAULTS):
        look = _damage_past_schema if is_of_schema(unread) else _damage_in_tables
        if damage := await look(copy, pragma):
            return Verdict.DAMAGED, damage[:MAX_MESSAGES]
    return Verdict.UNCHECKED, (unread,)


async def _damage_past_schema(copy: _Copy, pragma: str) -> tuple[str, ...]:
    """Return what is wrong with the pages of a database whose schema holds what this SQLite can't read."""
    await copy.rows(
        "PRAGMA writable_schema=ON"
    )  # it then takes what it can read, though its next statement still fails
    with suppress(*FAULTS):
        await copy.rows("SELECT 1 FROM sqlite_master")
    outside = await copy.rows(
        "SELECT rootpage FROM sqlite_master, pragma_page_count"
        " WHERE type IN ('table', 'index') AND rootpage > page_count"
    )
    if outside:
        return tuple(f"A table or index begins on page {page}, which is not there" for (page,) in outside)
    try:
        lines = await _findings(copy, f"{pragma}({_MOST_MESSAGES})")
    except FAULTS as error:
        return (said(error),) if proves_damage(error) else await _damage_in_tables(copy, pragma)
    return tuple(line for line in _damage_in(lines) if not _OF_UNREAD_TABLES.match(line))


async def _damage_in_tables(copy: _Copy, pragma: str) -> tuple[str, ...]:
    """Return what is wrong with the first damaged table, passing over those that can't be checked."""
    for table in await _tables(copy):
        try:
            if damage := _damage_in(await _findings(copy, f"{pragma}({_quoted(table)})")):
                return damage
        except FAULTS as error:
            if proves_damage(error):
                return (said(error),)
    return ()


async def _findings(copy: _Copy, pragma: str) -> tuple[str, ...]:
    """Return what SQLite finds wrong, one finding each, which may hold any line break that a name holds.

    What it says of pages comes in one piece under a heading, a line for each; that names nothing.
    """
    lines: list[str] = []
    for (text,) in await copy.rows(f"PRAGMA {pragma}"):
        pages = str(text).removeprefix(_HEADING)
        lines.extend([text] if pages == text else pages.split("\n"))
    return () if lines == ["ok"] else tuple(" ".join(line.split()) for line in lines if line)


def _damage_in(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is not about a row that its own table's rules forbid: that is torn."""
    return tuple(line for line in lines if not _RULE.match(line))


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
    except FAULTS:
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
