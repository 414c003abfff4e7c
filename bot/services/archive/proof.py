"""Proves an archive: inflates the written file again and compares it with what was read from the snapshots.

A deflate stream that was inflated and compared before is known again by its CRC. The proof follows the writer through
the file, so that it is nearly done when the last byte is written.
"""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from bot.errors import ArchiveError
from bot.models import Cause, Deflated, Member
from bot.services.zip.deflated import Content, DeflatedMember
from bot.services.zip.inflate import PIECE, InflateError, Inflater
from bot.services.zip.records import ZipEntry


class _Inflated:
    """A member as it is inflated, with the checksum of its deflated bytes, by which they are known again."""

    def __init__(self) -> None:
        self._inflater = Inflater()
        self._crc32 = 0

    @property
    def ended(self) -> bool:
        return self._inflater.ended

    def feed(self, data: memoryview) -> memoryview:
        """Take the next bytes; return what of them lies behind. Raises `InflateError`."""
        behind = len(self._inflater.feed(data))
        end = len(data) - behind
        self._crc32 = isal_zlib.crc32(data[:end], self._crc32)
        return data[end:]

    def found(self) -> tuple[Content, int, int]:
        """Return what it inflates to, the number of its deflated bytes, and their CRC."""
        one = self._inflater
        return Content(one.bytes, one.crc32, one.sha256), one.compressed_bytes, self._crc32


class _KnownAgain:
    """A member whose deflated bytes are to be, by their CRC, those that were inflated and compared before."""

    def __init__(self, member: DeflatedMember, known: Deflated) -> None:
        self._member, self._known = member, known
        self._crc32 = 0
        self._left = member.compressed_bytes

    @property
    def ended(self) -> bool:
        return not self._left

    def feed(self, data: memoryview) -> memoryview:
        """Take the next bytes; return what of them lies behind."""
        end = min(len(data), self._left)
        self._crc32 = isal_zlib.crc32(data[:end], self._crc32)
        self._left -= end
        return data[end:]

    def found(self) -> tuple[Content, int, int]:
        """Return what it inflates to, the number of its deflated bytes, and their CRC. Raises `InflateError`."""
        if self._crc32 != self._known.deflated_crc32:
            raise InflateError("is not what it was")
        content = Content(self._member.content.bytes, self._known.crc32, self._known.sha256)
        return content, self._member.compressed_bytes, self._crc32


class ArchiveProof:
    """Takes the bytes of an archive in order, as they lie in the file, and inflates its members out of them.

    `position` bytes were taken so far; `crc32` is theirs, for the records between the members, which no inflating
    proves. `deflated` is, in the end, what was found of each member, by its name.
    """

    def __init__(self) -> None:
        self._starts: deque[tuple[int, _Inflated | _KnownAgain]] = deque()
        self._under_way: _Inflated | _KnownAgain | None = None
        self._members: dict[int, _Inflated | _KnownAgain] = {}
        self._buffer = memoryview(bytearray(PIECE))
        self.position = 0
        self.crc32 = 0
        self.deflated: Mapping[str, Deflated] = {}

    def expect(self, offset: int, taken_over: DeflatedMember | None = None) -> None:
        """Announce that the deflated data of a member begins at `offset`, before bytes from there on are taken.

        Where it was `taken_over`, and is known as a whole, it is not inflated again.
        """
        known = taken_over.known if taken_over is not None else None
        member = _KnownAgain(taken_over, known) if taken_over is not None and known is not None else _Inflated()
        self._starts.append((offset, member))

    def follow(self, path: Path, end: int) -> Generator[int, None, None]:
        """Take the file from where the proof stands up to `end`, one piece for each step. Raises `ArchiveError`.

        Yields between two pieces alone: each step is a way into a thread and back.
        """
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(self.position)
                while self.position < end:
                    count = file.readinto(self._buffer[: end - self.position])
                    if not count:
                        raise ArchiveError.because(Cause.UNPROVEN_SHORT)
                    self.take(self._buffer[:count])
                    if self.position < end:
                        yield self.position
        except OSError as error:
            raise ArchiveError.because(Cause.UNPROVEN_UNREAD, said=error.strerror or str(error)) from error

    def take(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Raises `ArchiveError` where a member does not inflate."""
        self.crc32 = isal_zlib.crc32(data, self.crc32)
        at, self.position = self.position, self.position + len(data)
        rest = memoryview(data)
        while rest:
            if self._under_way is None:
                if not self._starts or self._starts[0][0] >= self.position:
                    return
                start, self._under_way = self._starts.popleft()
                self._members[start] = self._under_way
                rest = rest[start - at :]
            try:
                rest = self._under_way.feed(rest)
            except InflateError as error:
                raise ArchiveError.because(Cause.UNPROVEN_DEFLATE) from error
            if not self._under_way.ended:
                return
            at = self.position - len(rest)
            self._under_way = None

    def conclude(self, members: Sequence[Member]) -> None:
        """Raise `ArchiveError` unless exactly these members came out of the file, each bit as it was read."""
        self.deflated = {member.name: self._concluded(member) for member in members}
        if self._members:
            raise ArchiveError.because(Cause.UNPROVEN_MORE)

    def _concluded(self, member: Member) -> Deflated:
        seen = self._members.pop(member.offset, None)
        if seen is None or not seen.ended:
            raise ArchiveError.because(Cause.UNPROVEN_INCOMPLETE, name=member.name)
        try:
            content, compressed_bytes, deflated_crc32 = seen.found()
        except InflateError as error:
            raise ArchiveError.because(Cause.UNPROVEN_MEMBER, name=member.name) from error
        if (content, compressed_bytes) != (Content(member.bytes, member.crc32, member.sha256), member.compressed_bytes):
            raise ArchiveError.because(Cause.UNPROVEN_MEMBER, name=member.name)
        return Deflated(sha256=member.sha256, crc32=member.crc32, deflated_crc32=deflated_crc32, blocks=member.blocks)


def require_listed(file: Path | BinaryIO, entries: Sequence[ZipEntry]) -> None:
    """Raise `ArchiveError` unless the directory of a ZIP, as Python's zipfile sees it, lists what was written."""
    try:
        with zipfile.ZipFile(file) as directory:
            found = [(i.filename, i.CRC, i.compress_size, i.file_size, i.header_offset) for i in directory.infolist()]
    except zipfile.BadZipFile as error:
        raise ArchiveError.because(Cause.UNPROVEN_LISTING, said=str(error)) from error
    if found != [(e.name, e.crc32, e.compressed_bytes, e.bytes, e.offset) for e in entries]:
        raise ArchiveError.because(Cause.UNPROVEN_LISTING)
