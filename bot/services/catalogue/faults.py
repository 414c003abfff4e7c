"""What SQLite and the system say of the catalogue's file, in sentences for people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.errors import CatalogueError, CourierError, NoSpaceError
from bot.services.files.space import disk_usage, is_full

_SHARED_MEMORY = 32 << 10
"""Bytes of the `-shm` that opening a catalogue takes: SQLite does not say why it could not have them."""


class BrokenCatalogueError(CatalogueError):
    """The file is damaged, truncated or no database at all: it can be set aside and rebuilt."""


def explain(path: Path, error: sqlite3.Error) -> CourierError:
    """Return what SQLite's error means for people and what they can do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended code's low byte is the primary one
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return broken(path, error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CatalogueError(
            f"The catalogue {path.name} is locked by another program.", hint=f"Close what has {path} open."
        )
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_disk_full(path)):
        return _no_space(path)
    return CatalogueError(
        f"The catalogue {path.name} can't be used: {error}.",
        hint=f"See that {path} is a file that this user may read and write, in a folder that it may write.",
    )


def broken(path: Path, why: object) -> BrokenCatalogueError:
    """Return the error for a file that is damaged, and why it is said to be."""
    return BrokenCatalogueError(
        f"The catalogue {path.name} is damaged: {why}.",
        hint=f"Start the service: it sets {path} aside and rebuilds it from the archives on disk.",
    )


def _no_space(path: Path) -> NoSpaceError:
    return NoSpaceError(
        f"The catalogue {path.name} can't be written: the disk is full.", hint=f"Free space at {path.parent}."
    )


def _is_disk_full(path: Path) -> bool:
    with suppress(OSError):
        return disk_usage(path.parent)[0] < _SHARED_MEMORY
    return False


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise what SQLite or the system says of the file as a `CourierError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(path, error) from error
    except OSError as error:
        if is_full(error):
            raise _no_space(path) from error
        message = f"The catalogue {path} can't be opened: {error.strerror or error}."
        raise CatalogueError(message, hint="See that this user may write that folder.") from error
