"""Proves an archive: inflates the written file again and compares it with what was read from the snapshots.

It follows the writer through the file, so that it is nearly done when the last byte is written.
"""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from bot.errors import ArchiveError
from bot.models import Cause, Member
from bot.services.zip.inflate import PIECE, InflateError, Inflater
from bot.services.zip.records import ZipEntry


class ArchiveProof:
    """Takes the bytes of an archive in order, as they lie in the file, and inflates its members out of them.

    `position` bytes were taken so far; `crc32` is theirs, for the records between the members, which no inflating
    proves.
    """

    def __init__(self) -> None:
        self._starts: deque[int] = deque()
        self._inflater: Inflater | None = None
        self._inflated: dict[int, Inflater] = {}
        self._buffer = memoryview(bytearray(PIECE))
        self.position = 0
        self.crc32 = 0

    def expect(self, offset: int) -> None:
        """Announce that the deflated data of a member begins at `offset`, before bytes from there on are taken."""
        self._starts.append(offset)

    def follow(self, path: Path, end: int) -> Generator[int, None, None]:
        """Take the file from where the proof stands up to `end`, one piece for each step. Raises `ArchiveError`."""
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(self.position)
                while self.position < end:
                    count = file.readinto(self._buffer[: end - self.position])
                    if not count:
                        raise ArchiveError.because(Cause.UNPROVEN_SHORT)
                    self.take(self._buffer[:count])
                    yield self.position
        except OSError as error:
            raise ArchiveError.because(Cause.UNPROVEN_UNREAD, said=error.strerror or str(error)) from error

    def take(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Raises `ArchiveError` where a member does not inflate."""
        self.crc32 = isal_zlib.crc32(data, self.crc32)
        at, self.position = self.position, self.position + len(data)
        while data:
            if self._inflater is None:
                if not self._starts or self._starts[0] >= self.position:
                    return
                start = self._starts.popleft()
                data, at = data[start - at :], start
                self._inflater = self._inflated[start] = Inflater()
            try:
                behind = self._inflater.feed(data)
            except InflateError as error:
                raise ArchiveError.because(Cause.UNPROVEN_DEFLATE) from error
            if not self._inflater.ended:
                return
            data, at = behind, self.position - len(behind)
            self._inflater = None

    def conclude(self, members: Sequence[Member]) -> None:
        """Raise `ArchiveError` unless exactly these members came out of the file, each bit as it was read."""
        for member in members:
            found = self._inflated.pop(member.offset, None)
            if found is None or not found.ended:
                raise ArchiveError.because(Cause.UNPROVEN_INCOMPLETE, name=member.name)
            if (found.bytes, found.compressed_bytes, found.crc32, found.sha256) != (
                member.bytes,
                member.compressed_bytes,
                member.crc32,
                member.sha256,
            ):
                raise ArchiveError.because(Cause.UNPROVEN_MEMBER, name=member.name)
        if self._inflated:
            raise ArchiveError.because(Cause.UNPROVEN_MORE)


def require_listed(file: Path | BinaryIO, entries: Sequence[ZipEntry]) -> None:
    """Raise `ArchiveError` unless the directory of a ZIP, as Python's zipfile sees it, lists what was written."""
    try:
        with zipfile.ZipFile(file) as directory:
            found = [(i.filename, i.CRC, i.compress_size, i.file_size, i.header_offset) for i in directory.infolist()]
    except zipfile.BadZipFile as error:
        raise ArchiveError.because(Cause.UNPROVEN_LISTING, said=str(error)) from error
    if found != [(e.name, e.crc32, e.compressed_bytes, e.bytes, e.offset) for e in entries]:
        raise ArchiveError.because(Cause.UNPROVEN_LISTING)
