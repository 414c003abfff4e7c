"""Reads the facts of a private copy (tables, rows, size), and compares two copies. Blocking, for threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from bot.models import CheckReport, DatabaseFacts, SchemaChange, Snapshot, TableChange
from bot.services.snapshot.source import uri_of
from bot.services.snapshot.sqlite_faults import FAULTS

_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA)
_COUNTING = ("count", "sum", "coalesce")

Schema = tuple[tuple[str, str, str], ...]


def facts_of(snapshot: Snapshot, report: CheckReport) -> DatabaseFacts:
    """Join what is known of a copy."""
    return DatabaseFacts(
        bytes=snapshot.bytes,
        page_size=snapshot.page_size,
        journal_mode=snapshot.journal_mode,
        application_id=snapshot.application_id,
        user_version=snapshot.user_version,
        rows=report.rows,
        schema=report.schema,
    )


def compare_schemas(now: Schema, then: Schema) -> tuple[SchemaChange, ...]:
    """Say what the restore adds, removes and changes."""
    before = {(kind, name): sql for kind, name, sql in now}
    after = {(kind, name): sql for kind, name, sql in then}
    changes = []
    for kind, name in dict.fromkeys((*after, *before)):
        key = (kind, name)
        if key not in before:
            changes.append(SchemaChange(kind=kind, name=name, change="added"))
        elif key not in after:
            changes.append(SchemaChange(kind=kind, name=name, change="removed"))
        elif before[key] != after[key]:
            changes.append(SchemaChange(kind=kind, name=name, change="changed"))
    return tuple(changes)


def compare_rows(now: Sequence[tuple[str, int]], then: Sequence[tuple[str, int]]) -> tuple[TableChange, ...]:
    """Put the rows of both beside one another, in the order of the backup's schema; uncounted ones are left out."""
    before, after = dict(now), dict(then)
    return tuple(
        TableChange(table=table, now=before.get(table), then=after.get(table))
        for table in dict.fromkeys((*after, *before))
        if -1 not in (before.get(table), after.get(table))
    )


def newer_rows(now: Path, last_rowids: Mapping[str, int]) -> dict[str, int]:
    """Count, table by table, the rows of `now` with a rowid beyond the last one of then: those were added since.

    A table that can't be read is left out.
    """
    newer: dict[str, int] = {}
    with suppress(*FAULTS), opened_copy(now) as new:
        for table, last in last_rowids.items():
            quoted = '"' + table.replace('"', '""') + '"'
            with suppress(*FAULTS):
                sql = f"SELECT count(*) FROM {quoted} WHERE rowid > ?"  # noqa: S608 - a name can be no parameter
                (newer[table],) = new.execute(sql, (last,)).fetchone()
    return newer


def only_tables(action: int, _first: str | None, second: str | None, _schema: str | None, via: str | None) -> int:
    """Let SQLite read and count what is in tables, and evaluate nothing that a schema says: an authorizer.

    A stranger may have written that schema, and this process has none of the limits of the one that checked it.
    """
    if via is None and (action in _READING or (action == sqlite3.SQLITE_FUNCTION and second in _COUNTING)):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY  # also what a view or a trigger asks for


@contextmanager
def opened_copy(copy: Path) -> Iterator[sqlite3.Connection]:
    """Open a private copy, never a live file; nothing is left beside it."""
    with closing(sqlite3.connect(uri_of(copy, mode="rw"), uri=True, isolation_level=None)) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # no shared memory beside it
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA writable_schema=ON")  # what of its schema can't be read is passed over
        connection.set_authorizer(only_tables)
        yield connection
