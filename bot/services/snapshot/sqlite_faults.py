"""Reads the code of an SQLite error. Standard library only, so that the child process starts quickly."""

from __future__ import annotations

import sqlite3

FAULTS = (sqlite3.Error, ValueError, MemoryError)
"""What a question to SQLite raises: its words and names need not be valid UTF-8, a name may hold a NUL, and Python
takes SQLITE_NOMEM for its own memory."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def error_code(error: BaseException) -> int:
    """Return SQLite's extended result code, 0 where the error did not come from SQLite."""
    return getattr(error, "sqlite_errorcode", None) or 0


def said(error: BaseException) -> str:
    """Return what SQLite says, also where Python could not decode it and raised `UnicodeDecodeError` in its place."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode("utf-8", "replace")
    if isinstance(error, MemoryError):
        return "out of memory"
    return str(error) or type(error).__name__


def is_of_schema(words: str) -> bool:
    """Tell whether SQLite speaks of the text of a schema, which a newer one may have written, and not of pages."""
    return words.startswith("malformed database schema (")


def proves_damage(error: BaseException) -> bool:
    """Tell whether SQLite failed on a page that it could make no sense of, and not on a schema or on this machine."""
    return error_code(error) & 0xFF in _DAMAGE and not is_of_schema(said(error))
