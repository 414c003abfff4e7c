"""The folder of archives: private, named by time, swept after a crash; nothing in it is touched but what is ours."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

_ARCHIVE = re.compile(r"database_backup_(\d{8}_\d{6})\.zip(?:\.age)?")
_PART = re.compile(_ARCHIVE.pattern + r"\.part")
WORK_FOLDER = ".work"


def archive_name(started_at: datetime, taken: Collection[str] = ()) -> str:
    """Return `database_backup_YYYYMMDD_HHMMSS.zip` for an instant, in UTC.

    When the second is taken (two runs in a second, a clock that was set back), the next free second is named; a sealed
    or half-written archive takes its second too.
    """
    seconds = {match[1] for name in taken if (match := _PART.fullmatch(name) or _ARCHIVE.fullmatch(name))}
    at = started_at.astimezone(UTC)
    while f"{at:%Y%m%d_%H%M%S}" in seconds:
        at += timedelta(seconds=1)
    return f"database_backup_{at:%Y%m%d_%H%M%S}.zip"


def is_archive_name(name: str) -> bool:
    """Tell whether a plain file name is one that we give to archives."""
    return _ARCHIVE.fullmatch(name) is not None


def archive_time(name: str) -> datetime | None:
    """Return the instant an archive's name tells, None when the name is not ours."""
    match = _ARCHIVE.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # digits, but no date
        return None


def create_private_folder(folder: Path) -> None:
    """Make a folder (and its parents) that its owner alone can read; one that exists keeps its mode.

    A folder we find belongs to somebody, perhaps shared on purpose; what we put in it is private by itself.
    """
    if not folder.parent.exists():
        create_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def list_archives(folder: Path) -> tuple[Path, ...]:
    """Return the archives in a folder, oldest name first: plain files with our names, no links; () without a folder."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_archive_name(entry.name) and _is_plain(entry)]
    except FileNotFoundError:
        return ()
    return tuple(folder / name for name in sorted(names))


def _is_plain(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)
