"""Keeps copies beside the archives: of damaged databases, and of what is committed after the safety copy. Blocking."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

from bot.errors import RestoreError
from bot.models import DatabaseChange, Snapshot
from bot.services.files.private_file import (
    PART_SUFFIX,
    copy_into,
    create_private,
    removed_on_failure,
    sync_folder,
    sync_path,
    to_the_disk,
)
from bot.services.files.store import create_private_folder
from bot.services.restore.context import RestoreContext
from bot.services.restore.private_copy import fingerprint_of
from bot.services.snapshot.sqlite_faults import FAULTS, said

KEPT_FOLDER = "before-restore"
"""They are no backups, and yet all that is left of what was there."""

DETAIL = "Its application wrote to it until the last moment; the safety copy has that too."

LOCKED_OUT = 5.0
"""Seconds after which a copy under our own lock is given up: nobody else should be in its way."""

_PAGES = 1000  # copied between two looks at the abort flag


def copy_late(
    context: RestoreContext, change: DatabaseChange, connection: sqlite3.Connection, check: Callable[[], None]
) -> tuple[Path, str]:
    """Copy what `connection` reads, beside the archives, and bring it to the disk. The others wait meanwhile.

    Returns the file and its fingerprint. Raises `RestoreError`, and what `check` raises; no file is left then.
    """
    file = _name(context, secrets.token_hex(8))
    part = file.with_name(file.name + PART_SUFFIX)  # swept after a kill; what has its name is whole
    try:
        create_private_folder(file.parent)
        create_private(part).close()
        with removed_on_failure(part):
            _copy(connection, part, check)
            sync_path(part)
            fingerprint = fingerprint_of(part, check=check)
            part.rename(file)
            sync_folder(file.parent)
        return file, fingerprint
    except (OSError, *FAULTS) as error:
        raise RestoreError(
            f"{change.target} was written to after its safety copy was taken, and what was written can't be copied"
            f" ({said(error)}). It is not touched.",
            rolled_back=True,
            hint="Free some space, or stop the application, then restore again.",
        ) from error


def _copy(connection: sqlite3.Connection, file: Path, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + LOCKED_OUT

    def step(status: int, _remaining: int, _total: int) -> None:
        check()
        if status not in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE) and time.monotonic() > deadline:
            raise sqlite3.OperationalError("it is locked")  # by itself it would try for ever

    connection.execute("BEGIN")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(file, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            copy.execute("PRAGMA journal_mode=OFF")
            connection.backup(copy, pages=_PAGES, progress=step)
    finally:
        connection.execute("COMMIT")


def keep_damaged(context: RestoreContext, snapshot: Snapshot) -> Path:
    """Copy a damaged database to where it stays, and bring it to the disk. Raises `OSError`."""
    kept = _name(context, snapshot.file.stem)
    create_private_folder(kept.parent)
    out = create_private(kept)
    with removed_on_failure(kept), out:
        copy_into(out, snapshot.file)
        to_the_disk(out)
    return kept


def _name(context: RestoreContext, stem: str) -> Path:
    return context.store.folder / KEPT_FOLDER / f"{context.clock():%Y%m%d_%H%M%S}-{stem}.db"


def sweep_parts(store: Path) -> None:
    """Remove what a killed process has left half copied; nobody may be restoring."""
    for part in (store / KEPT_FOLDER).glob(f"*{PART_SUFFIX}*"):  # SQLite's own files beside it too
        with suppress(OSError):
            part.unlink()


def remove_files(files: Iterable[Path]) -> None:
    """Remove copies that are no longer needed."""
    for file in files:
        with suppress(OSError):
            file.unlink()
