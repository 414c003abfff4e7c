"""Writes a file that appears under its final name only when it is complete and on the disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from bot.errors import ArchiveError, NoSpaceError
from bot.models import Cause
from bot.services.concurrency.nursery import settled
from bot.services.concurrency.threads import in_thread
from bot.services.files.private_file import PART_SUFFIX, create_private, sync_file, sync_folder, to_the_disk
from bot.services.files.space import is_full

SYNC_EVERY = 32 << 20
"""Bytes after which the disk is set to work in the background, so that the last fsync finds little left to do."""

_flush_data = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have fsync alone


@contextmanager
def faults_of(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into `NoSpaceError` or `ArchiveError`, with a sentence for people."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoSpaceError.because(
                Cause.NO_SPACE_FOR_ARCHIVE, file=path.name, folder=path.parent, said=str(error.strerror)
            ) from error
        raise ArchiveError.because(
            Cause.ARCHIVE_NOT_WRITTEN, file=path.name, folder=path.parent, said=error.strerror or str(error)
        ) from error


def refuse_to_replace(target: Path) -> None:
    """Raise `ArchiveError` where there is such a file, or a link of that name."""
    if os.path.lexists(target):
        raise ArchiveError.because(Cause.ARCHIVE_EXISTS, file=target.name, folder=target.parent)


def put_in_place(part: Path, target: Path) -> None:
    """Give a file its final name, which no other has yet. Raises `ArchiveError`."""
    refuse_to_replace(target)
    part.replace(target)


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
        self._file: BinaryIO
        self._stands_at: Path | None = None  # until the file is created
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
            await settled(asyncio.wait([self._syncing]))
            self._syncing.exception()
        await in_thread(self._threads, self._discard)

    def _create(self) -> None:
        with faults_of(self.target):
            refuse_to_replace(self.target)
            self.path.unlink(missing_ok=True)
            self._file = create_private(self.path)
            self._stands_at = self.path

    def _write(self, pieces: Sequence[bytes]) -> None:
        with faults_of(self.target):
            for piece in pieces:
                self._sha256.update(piece)
                self.crc32 = isal_zlib.crc32(piece, self.crc32)
                rest = memoryview(piece)
                while rest:  # a disk that runs full takes a part, and fails at the next attempt
                    count = os.write(self._file.fileno(), rest)
                    self.written += count
                    rest = rest[count:]

    def _flush(self) -> None:
        with faults_of(self.target):
            sync_file(self._file.fileno(), _flush_data)

    def _complete(self) -> None:
        with faults_of(self.target):
            to_the_disk(self._file)
            self._file.close()
            put_in_place(self.path, self.target)
            self._stands_at = self.target
            sync_folder(self.target.parent)

    def _discard(self) -> None:
        with faults_of(self.target):
            if self._stands_at is not None:
                self._file.close()
                self._stands_at.unlink(missing_ok=True)
