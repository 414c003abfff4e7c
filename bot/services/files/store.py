"""Keeps the folder of archives: private, named by time, swept after a crash; leaves the files of others alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.errors import ArchiveError, NotFoundError
from bot.models import Cause, Volume
from bot.services.concurrency.nursery import Nursery, settled

_ARCHIVE = re.compile(r"database_backup_(\d{8}_\d{6})\.zip(?:\.age)?")
_PART = re.compile(_ARCHIVE.pattern + r"\.part")
WORK_FOLDER = ".work"
SEALED_SUFFIX = ".age"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """An archive as the disk shows it. `state` changes when the file is written, cut or replaced."""

    bytes: int
    state: str


def archive_name(started_at: datetime, taken: Collection[str] = (), *, sealed: bool = False) -> str:
    """Return `database_backup_YYYYMMDD_HHMMSS.zip` for an instant, in UTC; of a sealed archive with `.age` after it.

    When the second is taken (two runs in a second, a clock that was set back), the next free second is named; a sealed
    or half-written archive takes its second too.
    """
    seconds = {match[1] for name in taken if (match := _PART.fullmatch(name) or _ARCHIVE.fullmatch(name))}
    at = started_at.astimezone(UTC)
    while f"{at:%Y%m%d_%H%M%S}" in seconds:
        at += timedelta(seconds=1)
    return f"database_backup_{at:%Y%m%d_%H%M%S}.zip{SEALED_SUFFIX if sealed else ''}"


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


def can_write(folder: Path) -> bool:
    """Tell whether this user can make files in a folder; where there is none, or it is mounted read-only, not."""
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def list_archives(folder: Path) -> tuple[Path, ...]:
    """Return the archives in a folder, oldest name first: plain files with our names, no links; () without a folder."""
    names = (e.name for e in _entries(folder) if is_archive_name(e.name) and e.is_file(follow_symlinks=False))
    return tuple(folder / name for name in sorted(names))


def plan_volumes(archive: Path, size: int, volume_bytes: int) -> tuple[Volume, ...]:
    """Cut an archive of `size` bytes into plain slices of at most `volume_bytes`, in order.

    A single slice keeps the archive's own name, so that the chat shows a file that opens; several are named `….001`,
    `….002`, … as 7-Zip expects, with more digits from 1000 on: `cat` and `copy /b` join them in the order of names.
    """
    if size < 0 or volume_bytes < 1:
        message = f"an archive of {size} bytes can't be cut into volumes of {volume_bytes} bytes"
        raise ValueError(message)
    total = max(1, -(-size // volume_bytes))
    digits = max(3, len(str(total)))
    return tuple(
        Volume(
            archive=archive,
            name=archive.name if total == 1 else f"{archive.name}.{number:0{digits}}",
            number=number,
            total=total,
            offset=(number - 1) * volume_bytes,
            bytes=min(volume_bytes, size - (number - 1) * volume_bytes),
        )
        for number in range(1, total + 1)
    )


class Store:
    """The local folder of archives, and the private folder beside it where a run keeps its snapshots.

    Nothing is touched but plain files with our names in the folder, and our own run folders in the work folder, which
    may be shared (a RAM disk, /tmp): their names tell whose they are. Locks and journals lie in `control`: in the
    folder itself, or elsewhere where it can only be read.
    """

    def __init__(self, folder: Path, *, work: Path | None = None, control: Path | None = None) -> None:
        self.folder = folder
        self.control = folder if control is None else control
        self.work = self.control / WORK_FOLDER if work is None else work
        # Two services may share a work folder; one must not sweep the snapshots of the other's run.
        owner = hashlib.sha256(os.path.normcase(folder.absolute()).encode()).hexdigest()[:8]
        self._prefix = f"sqlite-courier-{owner}-"
        self._removals = Nursery()

    async def prepare(self) -> None:
        """Create both folders where they are missing, for the owner alone (0700). Raises ArchiveError."""
        try:
            await asyncio.to_thread(create_private_folder, self.folder)
            await asyncio.to_thread(create_private_folder, self.work)
        except OSError as error:
            raise ArchiveError.because(
                Cause.FOLDER_NOT_CREATED, folder=error.filename or self.folder, said=error.strerror or str(error)
            ) from error

    @asynccontextmanager
    async def run_folder(self) -> AsyncIterator[Path]:
        """Give a run an empty private folder for its snapshots.

        At the end of the block its removal begins, which `emptied` waits for; or else the next sweep does it.
        """
        await self.prepare()
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=self._prefix, dir=self.work))
        try:
            yield folder
        finally:
            # Beside what is to be done next: for the system, to forget 100 MB that were copied takes 40 ms.
            self._removals.start(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def emptied(self) -> None:
        """Wait for the removal of the folders that runs have left, also when cancelled meanwhile.

        Snapshots are whole copies of people's data, and a shutdown must not leave them behind.
        """
        await settled(self._removals.over())

    async def name_archive(self, started_at: datetime, *, sealed: bool = False) -> str:
        """Return the name for a run's archive: of its instant, or the next second that no file here has."""
        taken = await asyncio.to_thread(lambda: [entry.name for entry in _entries(self.folder)])
        return archive_name(started_at, taken, sealed=sealed)

    async def archives(self) -> tuple[Path, ...]:
        """Return the archives here, oldest name first."""
        return await asyncio.to_thread(list_archives, self.folder)

    async def files(self) -> dict[str, ArchiveFile]:
        """Return the archives here by name, as the disk shows them. Raises `ArchiveError`."""
        try:
            return await asyncio.to_thread(self._files)
        except OSError as error:
            raise ArchiveError.because(
                Cause.FOLDER_NOT_READ, folder=self.folder, said=error.strerror or str(error)
            ) from error

    async def sweep(self) -> tuple[Path, ...]:
        """Remove what a killed run left: half-written archives and its folder of snapshots; return what was removed.

        To be called with the lock of the runs held, or it takes the ground from under a run. What can't be removed is
        left for the next sweep.
        """
        return await asyncio.to_thread(self._sweep)

    async def delete(self, name: str) -> None:
        """Delete an archive by its plain file name.

        Raises NotFoundError when the name is not one of ours or no plain file here has it, ArchiveError when the
        system refuses.
        """
        await asyncio.to_thread(self._delete, name)

    async def size(self) -> int:
        """Return the bytes that the archives take. Raises `ArchiveError` where the folder can't be read."""
        return sum(file.bytes for file in (await self.files()).values())

    def _files(self) -> dict[str, ArchiveFile]:
        found = {}
        for path in list_archives(self.folder):
            with suppress(FileNotFoundError):  # deleted while we looked
                seen = path.stat()
                state = f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ino}"
                found[path.name] = ArchiveFile(bytes=seen.st_size, state=state)
        return found

    def _sweep(self) -> tuple[Path, ...]:
        found = []
        for entry in _entries(self.folder):
            if _PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                found.append(Path(entry.path))
                with suppress(OSError):  # somebody has it open on Windows
                    found[-1].unlink()
        for entry in _entries(self.work):
            if entry.name.startswith(self._prefix) and entry.is_dir(follow_symlinks=False):
                found.append(Path(entry.path))
                shutil.rmtree(entry.path, ignore_errors=True)  # refuses a link by itself
        return tuple(sorted(path for path in found if not path.exists()))

    def _delete(self, name: str) -> None:
        # The whole name must be ours, so it holds no separator, no drive and no "..": it can't lead out of the folder.
        file = self.folder / name
        try:
            if not is_archive_name(name) or not stat.S_ISREG(file.lstat().st_mode):
                raise FileNotFoundError
            file.unlink()
        except FileNotFoundError:
            message = f"There is no archive {name!r} in the folder of backups."
            raise NotFoundError(message) from None
        except OSError as error:
            message = f"The archive {name} can't be deleted: {error.strerror or error}."
            raise ArchiveError(message, hint=f"See what has {file} open, and who may write its folder.") from error


def _entries(folder: Path) -> tuple[os.DirEntry[str], ...]:
    try:
        with os.scandir(folder) as entries:
            return tuple(entries)
    except FileNotFoundError:
        return ()
    except OSError as error:
        said = error.strerror or str(error)
        raise ArchiveError.because(Cause.FOLDER_NOT_READ, folder=folder, said=said) from error


def is_plain_name(name: str) -> bool:
    """Tell whether this is the name of a file and no way to somewhere else, on any system."""
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= 255
        and name.strip(". ") != ""
        and not any(ch in "/\\:" or not ch.isprintable() for ch in name)
    )


CATALOGUE_NAME = "catalogue.db"
