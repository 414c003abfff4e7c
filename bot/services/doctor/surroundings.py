"""Examines what the service stands on: versions, settings, time zone, its own folders."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bot import __version__
from bot.clock import clock_time, zone_name
from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.models import Examined
from bot.services.doctor.parts import good, look, wrong
from bot.services.files.space import is_full
from bot.services.host import accounts

_CORE = ("aiogram", "aiohttp", "isal")
_EXTRAS = ("cryptography", "pyrage", "obstore", "aiosmtplib", "apprise", "aiohttp-socks")
"""Packages that a fault is often about; extras are named where they are installed."""

_LOGS = 50 << 20
"""Bytes that the logs may still grow by."""


def versions() -> Examined:
    """Say what runs here, for whoever is asked for help."""
    found = [f"SQLite Courier {__version__}", f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    for name in (*_CORE, *_EXTRAS):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return good("versions", "Versions", f"{', '.join(found)}, on {platform.system()} {platform.release()}")


def settings_read(settings: Settings) -> Iterator[Examined]:
    """Say where the settings come from, who else can read their secrets, and what they are warned of."""
    env_file = settings.given.env_file
    where = f"read from {env_file}" if env_file is not None else "there is no .env: read from the environment alone"
    yield good("settings", "Settings", where)
    for sentence in settings.warnings:
        yield look("settings", "Settings", sentence)
    places, texts = settings.given.places, settings.given.texts
    secrets = [env_file] if env_file is not None and places.get("BOT_TOKEN") == ".env" else []
    if "BOT_TOKEN_FILE" in texts:
        secrets.append(Path(texts["BOT_TOKEN_FILE"]).expanduser().absolute())
    for path in secrets:
        if sys.platform != "win32" and path.is_file() and path.stat().st_mode & 0o077:
            said = f"{path}, which holds the token, can be read by others"
            yield look("settings", "Settings", said, f"Run {accounts.to_close(path, accounts.me())}.")


def time_zone(settings: Settings, now: datetime) -> Examined:
    """Say by which clock runs are planned."""
    zone = settings.timezone
    said = f"{zone_name(zone)}, where it is {clock_time(now, zone)} now"
    if "TIMEZONE" not in settings.given.texts and zone_name(zone) == "UTC":
        return good("time zone", "Time zone", f"{said}; TIMEZONE chooses another")
    return good("time zone", "Time zone", said)


def folders(settings: Settings, *, database_bytes: Sequence[int], archive_bytes: int) -> Iterator[Examined]:
    """Look at the folders of our own: whether this user can write to them, and whether the next run fits. Blocking."""
    copies = sum(database_bytes)
    work = settings.snapshot_dir or settings.backup_dir
    for setting, folder in own_folders(settings).folders:
        needed = _LOGS if setting == "LOG_DIR" else archive_bytes
        yield _folder(setting, folder, needed + (copies if folder == work else 0))


def _folder(setting: str, folder: Path, needed: int) -> Examined:
    about = f"{setting} {folder}"
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if there != folder and not os.access(there, os.W_OK | os.X_OK):
        return wrong("folder", about, "is not there, and can't be made by this user", f"Make it: mkdir -p {folder}.")
    if there == folder and (error := _unwritable(folder)):
        mend = "Free some space." if is_full(error) else _WRITABLE.get(error.errno or 0, _OWNED)
        return wrong("folder", about, f"can't be written: {error.strerror or error}", mend)
    free = shutil.disk_usage(there).free
    room = f"{_size(free)} free"
    if needed > free:
        mend = "Free some space, or name a folder on another disk."
        return wrong("folder", about, f"has no room for the next run: {room}, {_size(needed)} needed", mend)
    if 3 * needed > free:
        return look("folder", about, f"is nearly full: {room}, a run needs {_size(needed)}", "Free some space.")
    return good("folder", about, f"can be written, {room}" if there == folder else f"will be made, {room}")


_OWNED = "Give it to the user of the service: chown."
_WRITABLE = {errno.EROFS: "Mount it writable, or name a folder on another disk."}


def _unwritable(folder: Path) -> OSError | None:
    """Return why no file can be made in a folder; None where one was made, and is gone again."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error


def _size(count: int) -> str:
    return f"{count / (1 << 30):,.1f} GB" if count >= 1 << 30 else f"{-(-count >> 20):,} MB"
