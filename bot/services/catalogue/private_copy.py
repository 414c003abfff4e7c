"""Copies a catalogue, complete with its newest rows, out of a folder that can only be read."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import CatalogueError
from bot.services.snapshot.source import uri_of


def copy_catalogue(source: Path, copy: Path) -> None:
    """Copy a catalogue beside which nothing can be written; no file is left where there is none. Blocking.

    Where a process uses it, SQLite finds its shared memory and copies one instant. Where it finds none, it can't open a
    database in WAL mode there (https://www.sqlite.org/wal.html#readonly); then nobody uses it either, and its files are
    copied as they lie. Raises `CatalogueError` where they can't be read.
    """
    try:
        if not source.exists():
            return
        try:
            with (
                closing(sqlite3.connect(uri_of(source, mode="ro"), uri=True, timeout=1)) as reading,
                closing(sqlite3.connect(copy)) as writing,
            ):
                reading.backup(writing)
        except sqlite3.Error:
            copy.unlink(missing_ok=True)
            shutil.copyfile(source, copy)
            log = source.with_name(source.name + "-wal")
            if log.exists():
                shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
    except OSError as error:
        raise CatalogueError(
            f"The catalogue {source} can't be read: {error.strerror or error}.", hint="See that this user may read it."
        ) from error
