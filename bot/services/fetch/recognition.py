"""Recognises archives, volumes and catalogue documents by their file names, before a byte is fetched.

Names may be anything: phones and browsers change them. So they only say what is worth fetching, never what it is.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from bot.services.files.names import COPIED, bare_name, is_called_sealed

CLOUD_LIMIT = 20 * 1024 * 1024
"""Bytes of a file that Telegram's cloud lets a bot download at most (Bot API: getFile)."""

_ZIP = re.compile(r"\.zip(?![a-z])", re.IGNORECASE)
_DATABASE = re.compile(rf"\.(db|db3|sqlite|sqlite3|s3db|sl3)(-wal|-shm|-journal)?{COPIED}$", re.IGNORECASE)
_DATABASE_TYPES = ("application/vnd.sqlite3", "application/x-sqlite3")
_CATALOGUE = re.compile(rf"\.json{COPIED}$", re.IGNORECASE)
_NAMELESS = ("", ".bin", ".part", ".dat", ".tmp", ".download")
_ZIP_TYPES = ("application/zip", "application/x-zip", "application/x-zip-compressed", "multipart/x-zip")
_OUR_ARCHIVE = re.compile(r"database_backup_\d{8}_\d{6}")


class Kind(StrEnum):
    """What a document's name says that it is."""

    ARCHIVE = "archive"  # or one of its volumes
    SEALED = "sealed archive"
    CATALOGUE = "catalogue"
    DATABASE = "bare database"
    SIDECAR = "beside a database"  # which SQLite keeps there while a program has it open
    OTHER = "something else"


def recognise(name: str, mime: str = "") -> Kind:
    """Return what a document calls itself, by its name and, where that says nothing, by its MIME type."""
    name = name.strip()
    if is_called_sealed(name):
        return Kind.SEALED
    if _CATALOGUE.search(name):
        return Kind.CATALOGUE
    if found := _DATABASE.search(name):
        return Kind.SIDECAR if found[2] else Kind.DATABASE
    if _ZIP.search(name) or bare_name(name) != name or mime in _ZIP_TYPES or Path(name).suffix.lower() in _NAMELESS:
        return Kind.ARCHIVE
    return Kind.DATABASE if mime in _DATABASE_TYPES else Kind.OTHER


def archive_meant(name: str) -> str:
    """Return the name that our archive has, of which this is the name of a copy or a volume; empty if of none."""
    found = _OUR_ARCHIVE.search(name)
    return f"{found[0]}.zip{'.age' if is_called_sealed(name) else ''}" if found else ""


def begins_zip(file: Path) -> bool:
    """Tell by its first bytes whether a ZIP begins here, an empty one too."""
    with file.open("rb") as opened:
        return opened.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
