"""Examines the databases: whether this user can read them, and what their mount does to their log."""

from __future__ import annotations

import asyncio
import os
import sys

from bot.models import Database, Examined, Skipped
from bot.services.doctor.parts import good, look, wrong
from bot.services.snapshot.databases import Discovery
from bot.services.snapshot.hidden_log import file_system_of, outlook
from bot.words.causes import in_full

_OLD_SYSTEMS = ("vfat", "msdos", "exfat")
"""File systems without owners and without a journal."""

_AS_OWNER = "Run the service as the owner of the database: `sqlite-courier service install --as OWNER`."


async def databases(discovery: Discovery) -> tuple[Examined, ...]:
    """Look at every database that DATABASES names; none is opened longer than a look at its header takes."""
    found = await asyncio.gather(*map(_database, discovery.databases))
    missing = tuple(map(_missing, discovery.missing))
    if not found and not missing:
        return (wrong("database", "Databases", "DATABASES names none", "Put the paths of your databases into it."),)
    return (*found, *missing)


def _missing(skipped: Skipped) -> Examined:
    said = in_full(skipped.why).removeprefix(f"{skipped.database.path} ")
    return wrong("database", str(skipped.database.path), said, "Put the path as it is now into DATABASES.")


async def _database(database: Database) -> Examined:
    about = str(database.path)
    refused, warning = await outlook(database.path)
    if refused:
        return wrong("database", about, _without(about, refused))
    if not os.access(database.path, os.R_OK):
        return wrong("database", about, "can't be read by this user", _AS_OWNER)
    if warning:
        return look("database", about, _without(about, warning))
    return await asyncio.to_thread(_around, database)


def _around(database: Database) -> Examined:
    """Look at the folder and the disk that a database lies in. Blocking."""
    about, folder = str(database.path), database.path.resolve().parent
    kind = file_system_of(database.path)
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = sys.platform != "win32" and os.statvfs(folder).f_flag & os.ST_RDONLY
        why = "is mounted read-only" if read_only else "can't be written by this user"
        return look(
            "database",
            about,
            f"can be read, but its folder {why}: it can't be restored in place",
            "Mount the folder writable." if read_only else _AS_OWNER,
        )
    if kind in _OLD_SYSTEMS:
        said = f"can be read, but lies on {kind}: after a power cut the file system itself may be damaged"
        return look("database", about, said, "Move it to a file system with a journal, such as ext4.")
    return good("database", about, f"can be read and restored in place{f', on {kind}' if kind else ''}")


def _without(about: str, sentence: str) -> str:
    return sentence.removeprefix(f"{about} ")
