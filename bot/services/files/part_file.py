"""Writes a file that appears under its final name only when it is complete and on the disk."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from isal import isal_zlib

from bot.errors import ArchiveError, NoSpaceError
from bot.services.concurrency.threads import in_thread, settled
from bot.services.files.durability import sync_file, sync_folder

PART_SUFFIX = ".part"
SYNC_EVERY = 32 << 20
"""Bytes after which the disk is set to work in the background, so that the last fsync finds little left to do."""

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_flush_data = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have fsync alone


@contextmanager
def faults_of(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into `NoSpaceError` or `ArchiveError`, with a sentence for people."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpaceError(
                f"There is no space left for {path.name} in {path.parent} ({error.strerror}).",
                hint="Free some disk space, or keep fewer backups (MAX_BACKUP_COUNT, MAX_BACKUP_AGE_DAYS).",
            ) from error
        raise ArchiveError(
            f"{path.name} could not be written in {path.parent}: {error.strerror or error}.",
            hint="Check that BACKUP_DIR exists, belongs to the user the bot runs as, and that its disk is healthy.",
        ) from error


class PartFile:
    """A `.part` file beside its final name, readable by its owner alone. One caller at a time.

    `written` bytes are in the file (not yet on the disk) when `write` has returned; `crc32` and `sha256` are of the
    bytes as they were handed over, whatever became of them in the file.
    """

    def __init__(self, target: Path, threads: Executor) -> None:
        self.target = target
        self.path = target.with_name(target.name + PART_SUFFIX)
        self.written = 0
        self.crc32 = 0
        self._sha256 = hashlib.sha256()
        self._threads = threads
        self._descriptor = -1
        self._stands_at: Path | None = None
        self._sync_begun = 0
        self._syncing: asyncio.Future[None] | None = None

    @property
    def sha256(self) -> str:
        """Of the bytes handed over so far."""
        return self._sha256.hexdigest()

    async def create(self) -> None:
        """Create it, in place of what an interrupted run may have left. Raises `ArchiveError` if the target exists."""
        await in_thread(self._threads, self._create)

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append. Raises `NoSpaceError` or `ArchiveError`, also for what was written before and failed behind."""
        await in_thread(self._threads, self._write, pieces)
        if self.written - self._sync_begun >= SYNC_EVERY:
            self.sync_behind()

    def sync_behind(self) -> None:
        """Begin to bring to the disk what is written so far, without waiting for it."""
        if self._syncing is not None:
            if not self._syncing.done():
                return
            self._syncing.result()
        self._sync_begun = self.written
        self._syncing = asyncio.get_running_loop().run_in_executor(self._threads, self._flush)

    async def complete(self) -> None:
        """Bring it to the disk, give it its final name, and make the name last too. Never replaces a file."""
        if self._syncing is not None:
            # The kernel reports a failed write to one caller of fsync only: what this one was told must not be lost.
            await settled(self._syncing)
        await in_thread(self._threads, self._complete)

    async def discard(self) -> None:
        """Remove it, under whichever of the names it has by now."""
        if self._syncing is not None:
            await settled(asyncio.ensure_future(asyncio.wait([self._syncing])))
            self._syncing.exception()
        await in_thread(self._threads, self._discard)

    def _create(self) -> None:
        with faults_of(self.target):
            self._refuse_to_replace()
            self.path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self.path, flags, 0o600)
            self._stands_at = self.path

    def _write(self, pieces: Sequence[bytes]) -> None:
        with faults_of(self.target):
            for piece in pieces:
                self._sha256.update(piece)
                self.crc32 = isal_zlib.crc32(piece, self.crc32)
                rest = memoryview(piece)
                while rest:  # a disk that runs full takes a part, and fails at the next attempt
                    count = os.write(self._descriptor, rest)
                    self.written += count
                    rest = rest[count:]

    def _flush(self) -> None:
        with faults_of(self.target):
            sync_file(self._descriptor, _flush_data)

    def _complete(self) -> None:
        with faults_of(self.target):
            sync_file(self._descriptor)
            self._close()
            self._refuse_to_replace()
            self.path.replace(self.target)
            self._stands_at = self.target
            sync_folder(self.target.parent)

    def _discard(self) -> None:
        with faults_of(self.target):
            self._close()
            if self._stands_at is not None:
                self._stands_at.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _refuse_to_replace(self) -> None:
        if os.path.lexists(self.target):
            raise ArchiveError(f"{self.target.name} exists already in {self.target.parent}; it is not replaced.")
