"""Reads what commands need of the catalogue without opening the store: nothing is created, tidied or migrated."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from bot.models import Override, Recipient
from bot.services.catalogue.backup_rows import BY_TIME, ORDINARY
from bot.services.catalogue.databases import EXPECTED
from bot.services.catalogue.recipients import AUTO_DELETING
from bot.services.catalogue.values import as_recipient, from_row
from bot.services.files.store import CATALOGUE_NAME
from bot.services.snapshot.source import uri_of


def stored_expected(store_folder: Path) -> frozenset[Path]:
    """Return the paths of the databases that are expected. Blocking."""
    return frozenset(Path(path) for (path,) in _read(store_folder, EXPECTED))


def stored_override(store_folder: Path, name: str) -> Override | None:
    """Return what was chosen in chat in the place of a setting, also where its time is over. Blocking."""
    rows = _read(store_folder, "SELECT * FROM overrides WHERE name = ?", name)
    return from_row(Override, rows[0]) if rows else None


def stored_names(store_folder: Path) -> dict[Recipient, str]:
    """Return the names that are known of recipients. Blocking."""
    known = _read(store_folder, "SELECT address, name FROM recipients WHERE name <> ''")
    return {as_recipient(address): name for address, name in known}


def stored_archive_bytes(store_folder: Path) -> int | None:
    """Return the size of the newest proven archive that is no safety copy, None before there is one. Blocking."""
    rows = _read(
        store_folder, f"SELECT archive_bytes FROM backups WHERE archive_sha256 <> '' AND {ORDINARY} {BY_TIME} LIMIT 1"
    )
    return rows[0]["archive_bytes"] if rows else None


def stored_auto_deleting(store_folder: Path) -> tuple[tuple[Recipient, str, int], ...]:
    """Return the chats that delete their messages by themselves, with their names and the seconds. Blocking."""
    return tuple(
        (as_recipient(address), name, seconds) for address, name, seconds in _read(store_folder, AUTO_DELETING)
    )


def _read(store_folder: Path, sql: str, *parameters: str) -> list[Any]:
    """Return the rows; none where there is no catalogue.

    One that can't be read, or is of an earlier version, is the business of the commands that need it.
    """
    path = store_folder / CATALOGUE_NAME
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(uri_of(path, mode="ro"), uri=True, timeout=1)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, parameters).fetchall()
    except sqlite3.Error:
        return []
