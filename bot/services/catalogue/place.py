"""The catalogue's file in its place: made private there, set aside, and known again when it was taken away."""

from __future__ import annotations

import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bot.errors import CatalogueError
from bot.services.files.private_file import PART_SUFFIX, create_private, sync_folder, sync_path
from bot.services.files.store import create_private_folder
from bot.services.snapshot.source import SIDECARS, WAL


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that was opened under a name, to be told from another that has the name by now."""

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return what has this name now. Raises `OSError`."""
        found = path.stat()
        return cls(path, found.st_dev, found.st_ino)

    def is_kept(self) -> bool:
        """Tell whether the file and its log still have their names: what is written to others is lost with us."""
        try:
            return self == OpenedFile.of(self.path) and _sidecar(self.path, WAL).exists()
        except FileNotFoundError:
            return False


def make_private(path: Path) -> None:
    """Make the folder, and the file where there is none; what is there is the owner's alone afterwards."""
    create_private_folder(path.parent)
    try:
        # Created before SQLite sees it, so that not even an empty file is readable by others for an instant.
        create_private(path).close()
    except FileExistsError:
        # Never opened here: closing it would drop the locks that SQLite holds for this process.
        for file in (path, *(_sidecar(path, sidecar) for sidecar in SIDECARS)):
            with suppress(OSError):  # no such sidecar, or another owner's file
                if stat.S_IMODE(file.stat().st_mode) & 0o077:
                    file.chmod(0o600)


def begin_anew(path: Path) -> Path:
    """Return an empty private file, on the disk of `path`, that can take its place. Raises `OSError`."""
    new = path.with_name(path.name + PART_SUFFIX)
    create_private_folder(path.parent)
    new.unlink(missing_ok=True)
    create_private(new).close()
    return new


def put_in_place(new: Path, path: Path, now: datetime) -> tuple[Path, ...]:
    """Give a whole file its name, on the disk; return what had that name, and where it is now. Raises `OSError`."""
    sync_path(new)
    set_aside = put_aside(path, "replaced", now)
    new.replace(path)
    sync_folder(path.parent)
    return set_aside


def put_aside(path: Path, word: str, now: datetime) -> tuple[Path, ...]:
    """Rename a file and its sidecars to `<name>.<word>-YYYYMMDD_HHMMSS`; return what they are called now.

    Raises `CatalogueError` where they can't be renamed.
    """
    suffix = first = f".{word}-{now.astimezone(UTC):%Y%m%d_%H%M%S}"
    number = 1
    while any(path.parent.glob(f"{path.name}{suffix}*")):
        number += 1
        suffix = f"{first}-{number}"
    moved = []
    # The sidecars first: were we cut off in between, a new file would never meet the old one's log.
    for sidecar in (*SIDECARS, ""):
        file, target = _sidecar(path, sidecar), _sidecar(path, suffix + sidecar)
        try:
            file.rename(target)
        except FileNotFoundError:
            continue
        except OSError as error:
            message = f"The {word} catalogue {file.name} can't be set aside: {error.strerror or error}."
            raise CatalogueError(message, hint=f"Close what has {file} open, or move it away by hand.") from error
        moved.append(target)
    return tuple(reversed(moved))


def _sidecar(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
