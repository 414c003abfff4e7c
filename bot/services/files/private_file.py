"""Creates, copies, replaces and hashes files readable by their owner alone, and brings them to the disk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from loguru import logger

PART_SUFFIX = ".part"
"""What is being written has it behind its name: a sweep knows such a file again."""

PIECE = 1 << 20
"""Bytes that are read and written at once; between two pieces `check` is called, which raises to give up."""

_CANT = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_told: set[int] = set()


def create_private(path: Path) -> BinaryIO:
    """Create a file (0600) and open it for writing. Raises `FileExistsError`, also where a link has its name."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Remove a file where the block fails, also by a cancellation; close it in the block."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def copy_into(
    out: BinaryIO, *sources: Path, check: Callable[[], object] = bool, tell: Callable[[int], object] = bool
) -> None:
    """Append the files, one after the other; `tell` gets the bytes that are done."""
    done = 0
    for source in sources:
        with source.open("rb") as file:
            while piece := file.read(PIECE):
                check()
                out.write(piece)
                done += len(piece)
                tell(done)


def sync_file(descriptor: int, sync: Callable[[int], None] = os.fsync) -> bool:
    """Bring a file to the disk; False, with a warning once, where its file system has no way to (some shares and FUSE).

    The content is then as safe as that file system makes it, which is no reason to go without a backup. Raises what
    else `sync` raises: a disk that fails.
    """
    try:
        sync(descriptor)
    except OSError as error:
        if error.errno not in _CANT:
            raise
        device = os.fstat(descriptor).st_dev
        if device not in _told:
            _told.add(device)
            logger.warning(
                "the file system of this folder can't say when a file is on the disk ({}): after a power cut the "
                "newest files may be missing; keep BACKUP_DIR on a local disk, or deliver elsewhere too",
                error.strerror,
            )
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where that is possible.

    Windows has no such call (NTFS journals its names), some network file systems refuse it, and a folder that may be
    written but not listed can't be opened; SQLite ignores the failure as well (unixSync in os_unix.c).
    """
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def to_the_disk(file: BinaryIO) -> None:
    """Bring what was written to an open file to the disk."""
    file.flush()
    sync_file(file.fileno())


def sync_path(path: Path) -> None:
    """Bring to the disk what somebody else has written to a file."""
    with path.open("r+b") as file:
        sync_file(file.fileno())


def replace_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Give a private file new content in one step: whoever reads it sees the old or the new. Raises `OSError`.

    With `durable`, the new content outlasts a power cut from when this returns; without, a reader may find less.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    with create_private(part) as file:
        file.write(content)
        if durable:
            to_the_disk(file)
    part.replace(path)
    if durable:
        sync_folder(path.parent)


def replace_together(files: Mapping[Path, bytes], *, ready: Callable[[Path], object] = bool) -> None:
    """Give several private files new content: all of them, or none where one fails or the work is cut short.

    The last one takes its place last: it is to be the one by which the others count. `ready` gets each new file before
    it has its name. Raises `OSError`, and what `ready` raises.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    parts = {path: path.with_name(path.name + PART_SUFFIX) for path in files}
    done: list[Path] = []
    try:
        for path, part in parts.items():
            part.unlink(missing_ok=True)
            with create_private(part) as file:
                file.write(files[path])
                to_the_disk(file)
            ready(part)
        for path, part in parts.items():
            done.append(path)
            part.replace(path)
    except BaseException:
        for path in done:
            content = before[path]
            with suppress(OSError):
                path.unlink() if content is None else replace_whole(path, content)
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in files}:
        sync_folder(folder)


def read_over(file: FileIO, size: int = PIECE) -> Iterator[memoryview]:
    """Read a file to its end, so many bytes at once; each piece is overwritten by the next.

    In new memory for each piece, the system would have to clear it first, which takes longer than the reading.
    """
    buffer = memoryview(bytearray(size))
    while count := file.readinto(buffer):
        yield buffer[:count]


def sha256_of(*paths: Path, check: Callable[[], object] = bool, tell: Callable[[int], object] = bool) -> str:
    """Return the SHA-256 of files, one after the other; `tell` gets the bytes that are done. Blocking."""
    digest, done = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb", buffering=0) as file:
            for piece in read_over(file):
                check()
                digest.update(piece)
                done += len(piece)
                tell(done)
    return digest.hexdigest()
