"""What SQLite's errors mean: of a source, of its words and pages, and of this machine."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from bot.errors import SnapshotError
from bot.models import SkipReason

FAULTS = (sqlite3.Error, ValueError, MemoryError)
"""What a question to SQLite raises: its words and names need not be valid UTF-8, a name may hold a NUL, and Python
takes SQLITE_NOMEM for its own memory."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_MAGIC = b"SQLite format 3\0"
_READ_VERSION = 2  # the newest that any SQLite reads: 1 is for a rollback journal, 2 for a write-ahead log

WAITING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
FLICKERING = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


def error_code(error: BaseException) -> int:
    """Return SQLite's extended result code, 0 where the error did not come from SQLite."""
    return getattr(error, "sqlite_errorcode", None) or 0


def said(error: BaseException) -> str:
    """Return what SQLite says, also where Python could not decode it and raised `UnicodeDecodeError` in its place."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode("utf-8", "replace")
    return str(error) or type(error).__name__  # a MemoryError says nothing


def is_of_schema(words: str) -> bool:
    """Tell whether SQLite speaks of the text of a schema, which a newer one may have written, and not of pages."""
    return words.startswith("malformed database schema (")


def proves_damage(error: BaseException) -> bool:
    """Tell whether SQLite failed on a page that it could make no sense of, and not on a schema or on this machine."""
    return error_code(error) & 0xFF in _DAMAGE and not is_of_schema(said(error))


def is_hot_journal(error: sqlite3.Error) -> bool:
    return error_code(error) == sqlite3.SQLITE_READONLY_ROLLBACK


def refusal(path: Path, error: sqlite3.Error, *, waited: float) -> SnapshotError:
    """Return the error that says in people's words why SQLite could not read the source at `path`."""
    primary = error_code(error) & 0xFF
    if is_hot_journal(error):
        return SnapshotError(
            SkipReason.HOT_JOURNAL,
            f"{path} has a hot journal: its application crashed in the middle of a write, and reading it would mean"
            " repairing it.",
            hint="Start its application, which repairs it, or set ALLOW_JOURNAL_RECOVERY=true.",
        )
    if primary in WAITING:
        return SnapshotError(
            SkipReason.BUSY,
            f"{path} stayed locked by its application for {waited:g} s.",
            hint="A long write was going on; raise BUSY_TIMEOUT if this happens often.",
        )
    if primary == sqlite3.SQLITE_NOTADB:
        return SnapshotError(
            SkipReason.NOT_A_DATABASE,
            f"{path} is not a readable SQLite database (encrypted?).",
            hint="Check the path; databases encrypted with SQLCipher can't be read without their key.",
        )
    if primary == sqlite3.SQLITE_CORRUPT:
        return SnapshotError(
            SkipReason.DAMAGED,
            f"{path} is damaged: SQLite says “{error}”.",
            hint="Restore it from the last good backup.",
        )
    if primary in {*FLICKERING, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return no_permission(path, said=str(error))
    return SnapshotError(SkipReason.FAILED, f"{path} could not be read: SQLite says “{error}”.")


def no_permission(path: Path, *, said: str = "") -> SnapshotError:
    return SnapshotError(
        SkipReason.NO_PERMISSION,
        f"{path} may not be read by this user" + (f" (SQLite says “{said}”)." if said else "."),
        hint="Run the courier as the same user as the application, or let it read the file and write to its folder.",
    )


def has_newer_format(copy: Path) -> bool:
    """Tell whether a private copy says it needs a reader that this SQLite is not. Opens the file, as `says_wal` does.

    https://www.sqlite.org/fileformat.html#file_format_version_numbers
    """
    with suppress(OSError), copy.open("rb") as file:
        header = file.read(20)
        return header.startswith(_MAGIC) and header[19] > _READ_VERSION
    return False


def no_space(folder: Path, why: str) -> SnapshotError:
    return SnapshotError(
        SkipReason.NO_SPACE,
        f"The disk of {folder} is full: {why}.",
        hint="Free some space, or set SNAPSHOT_DIR to a folder on another disk.",
    )
