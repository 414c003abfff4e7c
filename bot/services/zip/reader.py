"""Reads a ZIP of unknown origin: bounded memory, every fault a `DamagedArchiveError` that names it."""

from __future__ import annotations

import calendar
import hashlib
import io
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from bot.errors import DamagedArchiveError, NotFoundError
from bot.models import Cause, Deflated, because
from bot.services.zip.deflated import Content, DeflatedMember
from bot.services.zip.inflate import PIECE, Checksum, Copier, InflateError, Inflater
from bot.services.zip.records import ZipEntry

MAX_DIRECTORY = 8 << 20
"""Bytes of central directory that are read at most: some hundred thousand members."""

_LOCAL_HEADER = 30  # without name and extra fields, whose lengths are its last four bytes


class _Bounded(io.FileIO):
    """A file of which zipfile can't be talked into reading gigabytes at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = MAX_DIRECTORY
        if size > MAX_DIRECTORY:
            raise zipfile.BadZipFile("its directory is too large")
        try:
            return super().read(size) or b""
        except OSError as error:
            raise _unreadable(Path(str(self.name)), error) from error


def as_it_is(path: Path) -> BinaryIO:
    """Open an archive that is not sealed."""
    return _Bounded(path, "rb")


def _unreadable(path: Path, error: OSError) -> DamagedArchiveError:
    said = error.strerror or str(error)
    return DamagedArchiveError(f"{path.name} can't be read: {said}.", cause=because(Cause.ARCHIVE_UNREAD, said=said))


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipReader:
    """An open archive: `entries` in the order of its directory, whose claims are proven by inflating them."""

    name: str
    file: BinaryIO
    entries: Sequence[ZipEntry]

    def inflate(
        self,
        entry: ZipEntry,
        sink: Callable[[bytes], object] = lambda _content: None,
        *,
        sha256: Checksum | None = None,
        claimed: str = "",
    ) -> Iterator[bytes]:
        """Inflate a member into `sink`, never past its declared size, and feed `sha256` with its content.

        Yields the bytes of the file, piece by piece, each when its content is in the sink. At the end the content had
        the size and the CRC of the entry; the SHA-256 that a manifest `claimed` of it stands for the CRC. Raises
        `DamagedArchiveError`.
        """
        sha256 = sha256 or hashlib.sha256()
        kind = Copier if entry.stored else Inflater
        inflater = kind(limit=entry.bytes, sink=sink, sha256=sha256)
        try:
            self.file.seek(local_header(self.file, entry)[1])
            left = entry.compressed_bytes
            while left:
                piece = self.file.read(min(PIECE, left))
                if not piece:
                    raise InflateError("is cut off")
                left -= len(piece)
                if inflater.ended or inflater.feed(piece):
                    raise InflateError("ends before its data does")
                yield piece
            if not inflater.ended:
                raise InflateError("is not complete")
            if inflater.bytes != entry.bytes:
                raise InflateError(f"holds {inflater.bytes:,} bytes instead of {entry.bytes:,}")
            if inflater.crc32 != entry.crc32 and inflater.sha256 != claimed:
                raise InflateError("has a wrong CRC")
        except InflateError as error:
            raise self.damaged(entry.name, str(error)) from error

    def damaged(self, member: str, what: str) -> DamagedArchiveError:
        """Return the error for a member that does not come out of it as it was written."""
        cause = because(Cause.MEMBER_DAMAGED, name=member)
        return DamagedArchiveError(f"{self.name} is damaged: {member} {what}.", cause=cause)

    def entry(self, name: str, *, bytes: int, compressed_bytes: int) -> ZipEntry:
        """Return the one deflated member of that name and these sizes. Raises `DamagedArchiveError`."""
        found = [entry for entry in self.entries if entry.name == name and not entry.stored]
        if [(one.bytes, one.compressed_bytes) for one in found] != [(bytes, compressed_bytes)]:
            raise self.damaged(name, "is not in it as it was written")
        return found[0]

    def deflated(
        self, entry: ZipEntry, *, sha256: str, way: Callable[[], BinaryIO], known: Deflated | None = None
    ) -> DeflatedMember:
        """Say where the deflated bytes of a member lie, and what is `known` of them; `way` opens the archive again.

        Raises `DamagedArchiveError`.
        """
        try:
            _name, offset = local_header(self.file, entry)
        except InflateError as error:
            raise self.damaged(entry.name, str(error)) from error
        return DeflatedMember(
            name=self.name,
            opened=way,
            offset=offset,
            compressed_bytes=entry.compressed_bytes,
            content=Content(entry.bytes, entry.crc32, sha256),
            known=known,
        )

    def read(self, entry: ZipEntry, *, most: int) -> bytes:
        """Return the content of a small member. Raises `DamagedArchiveError`, also where it is larger than `most`."""
        if max(entry.bytes, entry.compressed_bytes) > most:
            raise self.damaged(entry.name, f"is said to hold {entry.bytes:,} bytes")
        pieces: list[bytes] = []
        for _packed in self.inflate(entry, pieces.append):
            pass
        return b"".join(pieces)

    def begins_with(self, entry: ZipEntry, beginning: bytes) -> bool:
        """Tell whether a member's content does; reads a few bytes of it, and raises nothing for damage."""
        if entry.bytes < len(beginning):
            return False
        try:
            self.file.seek(local_header(self.file, entry)[1])
            head = self.file.read(min(entry.compressed_bytes, 1 << 10))
            content = head if entry.stored else isal_zlib.decompressobj(-15).decompress(head, len(beginning))
        except (InflateError, isal_zlib.error):  # type: ignore[misc]  # a class, which its stub declares as an instance
            return False
        return bool(content.startswith(beginning))


@contextmanager
def opened(path: Path, way: Callable[[Path], BinaryIO] = as_it_is) -> Iterator[ZipReader]:
    """Open an archive and read its directory; nothing of it is verified yet. A sealed one takes a `way` of its own.

    Raises `NotFoundError`, and `DamagedArchiveError` also for what of it can't be read while it is open.
    """
    with directory_of(path, way) as (file, directory):
        yield ZipReader(name=path.name, file=file, entries=[entry_of(info) for info in directory.infolist()])


@contextmanager
def directory_of(path: Path, way: Callable[[Path], BinaryIO] = as_it_is) -> Iterator[tuple[BinaryIO, zipfile.ZipFile]]:
    """Open an archive and give its directory as Python's zipfile reads it; raises as `opened`."""
    try:
        file = way(path)
    except FileNotFoundError as error:
        raise NotFoundError.because(Cause.NO_LONGER_THERE, archive=path.name, folder=path.parent) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        yield file, _directory(file, path.name)


def entry_of(info: zipfile.ZipInfo) -> ZipEntry:
    """Its time is the extended timestamp (see `records`) or else the DOS time, both UTC in our archives."""
    try:
        modified = calendar.timegm(info.date_time)
    except ValueError:  # a packer that knows no time writes zeros, and there is no month 0
        modified = 0
    if info.extra[-9:-4] == b"UT\x05\x00\x01":
        (modified,) = struct.unpack("<l", info.extra[-4:])
    return ZipEntry(
        name=info.filename,
        modified=modified,
        bytes=info.file_size,
        compressed_bytes=info.compress_size,
        crc32=info.CRC,
        offset=info.header_offset,
        stored=info.compress_type == zipfile.ZIP_STORED,
    )


def local_header(file: BinaryIO, entry: ZipEntry) -> tuple[bytes, int]:
    """What a member is called where it lies, and where its data begins. Raises `InflateError`."""
    file.seek(max(entry.offset, 0))
    header = file.read(_LOCAL_HEADER)
    if entry.offset < 0 or len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise InflateError("is not where the directory says")
    name_length, extra_length = struct.unpack_from("<2H", header, 26)
    return file.read(name_length), entry.offset + _LOCAL_HEADER + int(name_length) + int(extra_length)


def _directory(file: BinaryIO, archive: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError, struct.error) as error:
        # Nothing but the first is documented; the others are what crafted directories make zipfile raise.
        raise DamagedArchiveError(
            f"{archive} is damaged: it has no readable ZIP directory ({error}).",
            hint="Most often the file is cut off, or a volume is missing: compare its size with that of the original.",
            cause=because(Cause.ARCHIVE_CUT_OFF if _begins_as_zip(file) else Cause.NO_ZIP),
        ) from error


def _begins_as_zip(file: BinaryIO) -> bool:
    """Tell whether a file begins with a member; one that is cut off at its end does so too."""
    file.seek(0)
    return file.read(4) == b"PK\x03\x04"
