"""Runs SQLite's integrity checks on a private copy. Standard library only, as the child process runs it too."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.services.snapshot.sqlite_faults import FAULTS, is_of_schema, proves_damage, said

if TYPE_CHECKING:
    from collections.abc import Callable

OK, DAMAGED, UNCHECKED = "ok", "damaged", "could not check"  # the values of `Verdict`
SQLITE_SAYS, MANY_FINDINGS = "sqlite says", "many findings"  # of `UncheckedCode`

MAX_MESSAGES = 20
_MOST_MESSAGES = 100_000

# A NOT NULL, CHECK or type rule that older rows break: integrity_check reports them beside real damage. Skipping such
# a database would mean that it is never backed up. https://sqlite.org/pragma.html#pragma_integrity_check
_RULE = re.compile(r"(NULL value in|CHECK constraint failed in|(TEXT|NUMERIC|non-\w+) value in) ")

# Measured on 222 MB of random keys with three indexes: of all caches within 36 MB of memory, 4 MB is as fast as any;
# larger ones miss the processor's own cache more often than they save a read from the system's.
_CACHE_KIB = 4096

_HEADING = "*** in database main ***\n"
# What integrity_check says of the pages of a table whose schema could not be read, and of nothing else that is amiss.
_OF_UNREAD_TABLES = re.compile(r"Page \d+(:| is) never used$|max rootpage \(\d+\) disagrees with header")

# What SQLite may evaluate while it checks or counts: CHECK, generated columns ("AS" alone makes one), a module.
_PLAIN_TABLE = re.compile(r"CREATE\s+TABLE\b(?!.*\b(CHECK|GENERATED|AS)\b)", re.IGNORECASE | re.DOTALL)
_PLAIN_INDEX = re.compile(r"CREATE\s+(UNIQUE\s+)?INDEX\b[^(]*\([^(]*$", re.IGNORECASE | re.DOTALL)


Why = tuple[str, tuple[tuple[str, str | int], ...]]
"""The fields of a `Reason`."""


class Findings(NamedTuple):
    """What is found; the fields are those of `CheckReport`, of plain values that JSON knows."""

    verdict: str
    messages: tuple[str, ...] = ()
    foreign_key_violations: int = 0
    rows: tuple[tuple[str, int], ...] = ()
    schema_sha256: str = ""
    schema: tuple[tuple[str, str, str], ...] = ()
    last_rowids: tuple[tuple[str, int], ...] = ()
    unchecked: Why = ("", ())


def evaluates(uri: str) -> bool:
    """Tell whether a check of this copy would evaluate what its schema says, which may be anything.

    Views and triggers are never evaluated by a check. What can't be read for sure counts as an expression. Raises
    `sqlite3.Error` or `MemoryError` where this machine fails.
    """
    try:
        with closing(_connected(uri)) as connection:
            entries = connection.execute("SELECT type, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    except UnicodeError:
        return True
    except sqlite3.Error as error:
        if proves_damage(error) or is_of_schema(said(error)):
            return True
        raise
    return not all(_is_plain(*entry) for entry in entries)


def _is_plain(kind: object, sql: object) -> bool:
    if not isinstance(sql, str):
        return False
    if kind in ("view", "trigger"):
        return re.match(rf"CREATE\s+{kind}\b", sql, re.IGNORECASE) is not None
    if kind == "index":
        return _PLAIN_INDEX.match(sql) is not None and re.search(r"\bWHERE\b", sql, re.IGNORECASE) is None
    return _PLAIN_TABLE.match(sql) is not None


def examine(
    uri: str,
    *,
    full: bool,
    rules: bool,
    check: Callable[[], None] = lambda: None,
    opened: Callable[[sqlite3.Connection], None] = lambda _: None,
    told: Callable[[Findings], None] = lambda _: None,
) -> Findings:
    """Check a private copy. Its bytes stay as they are, and nothing is left beside it. Blocking.

    With `full` every index is compared with its table; with `rules` the CHECK constraints are evaluated. `opened` is
    given the connection, which another thread may interrupt; `check` is called between two questions, and may raise.
    `told` hears what is in the copy, before it is known whether that is whole.
    Raises one of `FAULTS` where the copy can't be opened.
    """
    # For writing: on a read-only connection SQLite passes over violated CHECK constraints in silence.
    with closing(_connected(uri)) as connection:
        opened(connection)
        copy = _Copy(connection, check)
        copy.rows("PRAGMA trusted_schema=OFF")
        copy.rows(f"PRAGMA ignore_check_constraints={'OFF' if rules else 'ON'}")
        with suppress(*FAULTS):  # it reads the schema
            copy.rows(f"PRAGMA cache_size=-{_CACHE_KIB}")
        found = _contents(copy)
        told(found)
        verdict, messages, unchecked = _judge(copy, full)
        if not found.schema_sha256:  # the check may have got past what can't be read
            found = _contents(copy)
        return found._replace(verdict=verdict, messages=messages, unchecked=unchecked)


def _contents(copy: _Copy) -> Findings:
    """Return what is in the copy, of a damaged one what can still be told; nothing is judged yet."""
    found = Findings(UNCHECKED)
    with suppress(*FAULTS):
        tables = _tables(copy)
        rows = [(name, _count(copy, f"SELECT count(*) FROM {_quoted(name)}")) for name in tables]  # noqa: S608
        found = found._replace(rows=tuple(rows))
        found = found._replace(last_rowids=_last_rowids(copy), foreign_key_violations=_count_violations(copy))
        found = found._replace(schema=_schema(copy), schema_sha256=_hash_schema(copy))
    return found


def _connected(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # nobody else reads it: no shared memory beside it
    return connection


class _Copy:
    """The private copy under check: questions to it end with what `check` raises."""

    def __init__(self, connection: sqlite3.Connection, check: Callable[[], None]) -> None:
        self._connection = connection
        self._check = check

    def rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        self._check()
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error:
            self._check()  # it may have been interrupted
            raise


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _judge(copy: _Copy, full: bool) -> tuple[str, tuple[str, ...], Why]:
    pragma = "integrity_check" if full else "quick_check"
    try:
        lines = _findings(copy, f"{pragma}({MAX_MESSAGES})")
        if len(lines) >= MAX_MESSAGES and not _damage_in(lines):
            lines = _findings(copy, f"{pragma}({_MOST_MESSAGES})")  # is there damage behind the broken rules?
    except FAULTS as error:
        if proves_damage(error):
            return DAMAGED, (said(error),), ("", ())
        unread = said(error)
    else:
        if damage := _damage_in(lines):
            return DAMAGED, damage[:MAX_MESSAGES], ("", ())
        if len(lines) < _MOST_MESSAGES:
            return OK, lines[:MAX_MESSAGES], ("", ())
        return UNCHECKED, lines[:MAX_MESSAGES], (MANY_FINDINGS, (("findings", _MOST_MESSAGES),))
    with suppress(*FAULTS):
        look = _damage_past_schema if is_of_schema(unread) else _damage_in_tables
        if damage := look(copy, pragma):
            return DAMAGED, damage[:MAX_MESSAGES], ("", ())
    return UNCHECKED, (), (SQLITE_SAYS, (("said", unread),))


def _damage_past_schema(copy: _Copy, pragma: str) -> tuple[str, ...]:
    """Return what is wrong with the pages of a database whose schema holds what this SQLite can't read."""
    copy.rows("PRAGMA writable_schema=ON")  # it then takes what it can read, though its next statement still fails
    with suppress(*FAULTS):
        copy.rows("SELECT 1 FROM sqlite_master")
    outside = copy.rows(
        "SELECT rootpage FROM sqlite_master, pragma_page_count"
        " WHERE type IN ('table', 'index') AND rootpage > page_count"
    )
    if outside:
        return tuple(f"invalid page number {page}" for (page,) in outside)  # as integrity_check would say it
    try:
        lines = _findings(copy, f"{pragma}({_MOST_MESSAGES})")
    except FAULTS as error:
        return (said(error),) if proves_damage(error) else _damage_in_tables(copy, pragma)
    return tuple(line for line in _damage_in(lines) if not _OF_UNREAD_TABLES.match(line))


def _damage_in_tables(copy: _Copy, pragma: str) -> tuple[str, ...]:
    """Return what is wrong with the first damaged table, passing over those that can't be checked."""
    for table in _tables(copy):
        try:
            if damage := _damage_in(_findings(copy, f"{pragma}({_quoted(table)})")):
                return damage
        except FAULTS as error:
            if proves_damage(error):
                return (said(error),)
    return ()


def _findings(copy: _Copy, pragma: str) -> tuple[str, ...]:
    """Return what SQLite finds wrong, one finding each, which may hold any line break that a name holds.

    What it says of pages comes in one piece under a heading, a line for each; that names nothing.
    """
    lines: list[str] = []
    for (text,) in copy.rows(f"PRAGMA {pragma}"):
        pages = str(text).removeprefix(_HEADING)
        lines.extend([text] if pages == text else pages.split("\n"))
    return () if lines == ["ok"] else tuple(" ".join(line.split()) for line in lines if line)


def _damage_in(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is not about a row that its own table's rules forbid: that is torn."""
    return tuple(line for line in lines if not _RULE.match(line))


def _tables(copy: _Copy) -> list[str]:
    """Return the tables that people know, in schema order: not SQLite's own, nor the inner ones of virtual tables."""
    tables = [
        (str(name), str(sql))
        for name, sql in copy.rows("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
        if not str(name).lower().startswith("sqlite_")
    ]
    try:
        inner = {name for (name,) in copy.rows("SELECT name FROM pragma_table_list WHERE type = 'shadow'")}
    except sqlite3.OperationalError:  # before SQLite 3.37
        virtual = tuple(f"{name}_" for name, sql in tables if sql.upper().startswith("CREATE VIRTUAL"))
        inner = {name for name, _ in tables if name.startswith(virtual)}
    return [name for name, _ in tables if name not in inner]


def _last_rowids(copy: _Copy) -> tuple[tuple[str, int], ...]:
    """Return the last rowid of each table that has any, one below the first one where it is empty."""
    last = []
    for (name,) in copy.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'"):
        with suppress(*FAULTS):  # a table without rowids
            ((rowid,),) = copy.rows(f"SELECT max(rowid) FROM {_quoted(name)}")  # noqa: S608 - a name can be no parameter
            last.append((str(name), -(1 << 63) if rowid is None else int(rowid)))
    return tuple(last)


def _schema(copy: _Copy) -> tuple[tuple[str, str, str], ...]:
    """Return (type, name, hash of its SQL) of everything in the schema but SQLite's own."""
    return tuple(
        (str(kind), str(name), hashlib.sha256(" ".join(str(sql).split()).encode()).hexdigest()[:16])
        for kind, name, sql in copy.rows(
            "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
        )
    )


def _count(copy: _Copy, query: str, *values: str) -> int:
    try:
        return int((copy.rows(query, *values))[0][0])
    except FAULTS:
        return -1


def _count_violations(copy: _Copy) -> int:
    """Return how many rows refer to a row that is not there; a key that refers to no unique column can't be checked."""
    referring = copy.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%references%'")
    counts = [_count(copy, "SELECT count(*) FROM pragma_foreign_key_check(?)", name) for (name,) in referring]
    return sum(count for count in counts if count > 0)


def _hash_schema(copy: _Copy) -> str:
    """Return a hash that is equal where the schema is, however it is laid out on pages and in white space."""
    entries = copy.rows(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    lines = sorted("\x1f".join(" ".join(str(part).split()) for part in entry) for entry in entries)
    return hashlib.sha256("\x1e".join(lines).encode()).hexdigest()
