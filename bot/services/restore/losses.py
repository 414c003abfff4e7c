"""Finds what a restore would lose: rows, columns and tables that only the present database holds. Blocking.

Nothing of either schema is evaluated: no trigger, view, index or generated column takes part, and both copies are
opened so that SQLite can't write to them. So this needs no process of its own: what a stranger brought was opened, and
its schema read, in the one that checked it.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.models import LossCode, Reason
from bot.services.restore.facts import only_tables
from bot.services.snapshot.source import uri_of
from bot.services.snapshot.sqlite_faults import FAULTS

MOST_BYTES = 2 << 30
"""Bytes of all copies together up to which rows are compared."""

WITHIN = 20.0
"""Seconds after which the comparison of one database is given up."""

MOST_WITHOUT_KEY = 200_000
"""Rows without a key, different at their place, up to which a table is compared: they are counted in memory."""

_LOOK_EVERY = 20_000  # steps of SQLite's virtual machine: a millisecond or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """`lost` holds what is lost, each with a `LossCode`; `uncounted` are tables whose changed rows could not be
    counted.
    """

    lost: tuple[Reason, ...] = ()
    uncounted: tuple[str, ...] = ()


class _NotComparedError(Exception):
    """These two tables can't be compared row by row."""


@dataclass(frozen=True, slots=True)
class _Table:
    columns: tuple[str, ...]  # without generated ones
    key: tuple[str, ...]  # the columns of its primary key
    rowid: str  # the name under which its rowid can be read; empty where there is none
    by_rowid: bool  # the key is the rowid


def losses_of(
    now: Path,
    then: Path,
    tables: Mapping[str, int],
    *,
    kept: Path | None = None,
    most_bytes: int = MOST_BYTES,
    check: Callable[[], None] = lambda: None,
) -> Losses:
    """Compare the tables of `now` (with their numbers of rows, -1 where unknown) with those of `then`, by key and
    content; what `kept` holds too is not called lost.

    A row is newer where its key is in neither, else changed. Raises what `check` raises.
    """
    files = [now, then, *([kept] if kept else [])]
    lost: list[Reason] = []
    uncounted: list[str] = []
    deadline = time.monotonic() + WITHIN
    small = sum(file.stat().st_size for file in files) <= most_bytes
    try:
        with _attached(files, deadline, check) as connection:
            comparison = _Comparison(connection, others=("old", "kept") if kept else ("old",))
            for table, rows in tables.items():
                check()
                try:
                    lost.extend(comparison.not_in_schema(table, rows))
                    if not small:
                        raise _NotComparedError
                    lost.extend(comparison.rows_lost(table))
                except (_NotComparedError, *FAULTS):
                    check()
                    uncounted.append(table)
    except FAULTS:  # they can't be opened together: another text encoding, or a schema that SQLite can't read
        check()
        lost, uncounted = [], list(tables)
    return Losses(lost=tuple(lost), uncounted=tuple(uncounted))


@contextmanager
def _attached(files: list[Path], deadline: float, check: Callable[[], None]) -> Iterator[sqlite3.Connection]:
    # Immutable: no lock, no log, no file beside it; they are private, and nobody writes to them.
    uris = [uri_of(file, immutable="1") for file in files]

    def stop() -> bool:
        try:
            check()
        except BaseException:
            return True
        return time.monotonic() > deadline

    with closing(sqlite3.connect(uris[0], uri=True, isolation_level=None)) as connection:
        connection.text_factory = bytes
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA query_only=ON")
        for name, uri in zip(("old", "kept"), uris[1:], strict=False):
            connection.execute(f"ATTACH ? AS {name}", (uri,))
        connection.set_authorizer(only_tables)
        connection.set_progress_handler(stop, _LOOK_EVERY)
        yield connection


class _Comparison:
    """Compares tables of `main` with those of `others`; a row that one of those holds is not lost."""

    def __init__(self, connection: sqlite3.Connection, others: tuple[str, ...]) -> None:
        self._connection = connection
        self._others = others
        self._virtual = self._tables("main", virtual=True)
        self._virtual_then = [name for other in others for name in self._tables(other, virtual=True)]
        self._plain = {schema: self._tables(schema, virtual=False) for schema in ("main", *others)}

    def not_in_schema(self, table: str, rows: int) -> list[Reason]:
        """Return the table, or the columns of it, that none of the others has."""
        holders = [other for other in self._others if table in self._plain[other]]
        if table in self._virtual or not holders:
            there = table in self._virtual_then or holders
            return [] if there or not rows else [loss(LossCode.TABLE, table, rows=rows)]
        held = {column.lower() for other in holders for column in self._describe(other, table).columns}
        columns = [name for name in self._describe("main", table).columns if name.lower() not in held]
        return [loss(LossCode.COLUMN, table, column=column) for column in columns]

    def rows_lost(self, table: str) -> list[Reason]:
        """Count the rows of a table that are lost. Raises `_NotComparedError`, `sqlite3.Error`."""
        if table in self._virtual:
            inner = [name for name in self._plain["main"] if name.startswith(f"{table}_")]
            if table in self._virtual_then and any(self._rows_lost(name) for name in inner):
                raise _NotComparedError  # what they hold is known to their module alone
            return []
        return self._rows_lost(table)

    def _rows_lost(self, table: str) -> list[Reason]:
        now = self._describe("main", table)
        others = self._holders(table, now)
        if not others:
            return []
        if not now.key:
            count = self._without_key(table, now, others)
            return [loss(LossCode.LOOSE_ROWS, table, rows=count)] if count else []
        base = others[-1]
        absent = " AND ".join(f"NOT {self._found(table, now, other, content=True)}" for other in others)
        newer, lost = self._one(
            f"SELECT coalesce(sum(NOT {self._found(table, now, base, content=False)}), 0), count(*)"  # noqa: S608
            f" FROM main.{_quoted(table)} AS n NOT INDEXED WHERE {absent}"
        )
        return [loss(LossCode.ROWS, table, newer=newer, changed=lost - newer)] if lost else []

    def _holders(self, table: str, now: _Table) -> list[str]:
        """Return which of the others have the table, with as many of its columns as any of them has."""
        shared = {
            other: len(_shared(now, self._describe(other, table)))
            for other in self._others
            if table in self._plain[other]
        }
        return [other for other, columns in shared.items() if columns == max(shared.values())]

    def _found(self, table: str, now: _Table, other: str, *, content: bool) -> str:
        """The condition that the row `n` is in the other table under its key, with the same content if asked."""
        there = self._describe(other, table)
        if [name.lower() for name in there.key] != [name.lower() for name in now.key]:
            raise _NotComparedError  # there is no index to look it up with
        if now.by_rowid != there.by_rowid:
            raise _NotComparedError
        terms = [f"o.{_quoted(key)} IS n.{_quoted(key)}" for key in now.key]
        if content:
            terms += _same(now, there)
        return f"EXISTS (SELECT 1 FROM {other}.{_quoted(table)} AS o WHERE {' AND '.join(terms)})"  # noqa: S608

    def _without_key(self, table: str, now: _Table, others: list[str]) -> int:
        """Count rows of which an equal one is nowhere else, wherever it lies."""
        lost: Counter[int] | None = None
        for other in others:
            there = self._describe(other, table)
            only_now = self._loose("main", other, table, now, there)
            only_now.subtract(self._loose(other, "main", table, now, there))
            only_now = +only_now
            lost = only_now if lost is None else lost & only_now
        return sum(lost.values()) if lost else 0

    def _loose(self, one: str, other: str, table: str, now: _Table, there: _Table) -> Counter[int]:
        """Count, by their content, the rows that have not the same one at their place in the other copy."""
        if not now.rowid or not there.rowid:
            raise _NotComparedError
        shared = _shared(now, there)
        terms = [f"o.{there.rowid} = n.{now.rowid}", *_same(now, there)]
        columns = ", ".join(f"n.{_quoted(name)}" for name in shared) or "NULL"
        quoted = _quoted(table)
        found: Counter[int] = Counter()
        for row in self._connection.execute(
            f"SELECT {columns} FROM {one}.{quoted} AS n NOT INDEXED WHERE NOT EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {other}.{quoted} AS o WHERE {' AND '.join(terms)})"
        ):
            found[hash(row)] += 1
            if len(found) > MOST_WITHOUT_KEY:
                raise _NotComparedError
        return found

    def _tables(self, schema: str, *, virtual: bool) -> list[str]:
        rows = self._connection.execute(f"SELECT name, sql FROM {schema}.sqlite_master WHERE type = 'table'")  # noqa: S608
        return [name.decode("utf-8", "replace") for name, sql in rows if _is_virtual(sql) is virtual]

    def _describe(self, schema: str, table: str) -> _Table:
        found = self._connection.execute(f"PRAGMA {schema}.table_xinfo({_quoted(table)})").fetchall()
        named = [(name.decode(), kind.decode(), pk, hidden) for _, name, kind, _, _, pk, hidden in found]
        columns = tuple(name for name, _, _, hidden in named if not hidden)
        key = tuple(name for pk, name in sorted((pk, name) for name, _, pk, _ in named if pk))
        taken = {name.lower() for name, _, _, _ in named}
        rowid = next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), "")
        try:
            self._connection.execute(f"SELECT {rowid or 'NULL'} FROM {schema}.{_quoted(table)} LIMIT 0")  # noqa: S608
        except sqlite3.OperationalError:
            rowid = ""  # WITHOUT ROWID
        whole = len(key) == 1 and bool(rowid) and any(pk and kind.upper() == "INTEGER" for _, kind, pk, _ in named)
        return _Table(columns=columns, key=key, rowid=rowid, by_rowid=whole)

    def _one(self, sql: str) -> tuple[int, ...]:
        row: tuple[int, ...] = self._connection.execute(sql).fetchone()
        return row


def _is_virtual(sql: object) -> bool:
    """Tell what only a module can read; SQLite itself begins every other table's SQL with these very words."""
    return not (isinstance(sql, bytes) and sql[:12].upper() == b"CREATE TABLE")


def _shared(now: _Table, there: _Table) -> list[str]:
    held = {name.lower() for name in there.columns}
    return [name for name in now.columns if name.lower() in held]


def _same(now: _Table, there: _Table) -> list[str]:
    """The conditions that two rows are equal: by value, with no affinity (`+`) and no collation in the way."""
    return [f"+n.{_quoted(name)} COLLATE BINARY IS +o.{_quoted(name)}" for name in _shared(now, there)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def loss(code: LossCode, table: str, **facts: str | int) -> Reason:
    """Return what is lost of a table."""
    return Reason(code, (("table", table), *facts.items()))
