"""Reads a ZIP of unknown origin: bounded memory, every fault a `DamagedArchiveError` that names it."""

from __future__ import annotations

import calendar
import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bot.errors import DamagedArchiveError, NotFoundError
from bot.services.zip.inflate import PIECE, InflateError, Inflater
from bot.services.zip.records import ZipEntry

MAX_DIRECTORY = 8 << 20
"""Bytes of central directory that are read at most: some hundred thousand members."""

_LOCAL_HEADER = 30  # without name and extra fields, whose lengths are its last four bytes


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, list[ZipEntry]]]:
    """Open an archive and read its directory, in the order of the directory; nothing of it is verified yet.

    Raises `NotFoundError`, and `DamagedArchiveError` also for what fails while it is open.
    """
    try:
        with _Bounded(path, "rb") as file:
            yield file, _directory(file, path.name)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path.name} is no longer in {path.parent}.") from error
    except OSError as error:
        raise DamagedArchiveError(f"{path.name} can't be read: {error.strerror or error}.") from error


@contextmanager
def faults_in(archive: str, member: str) -> Iterator[None]:
    """Turn an `InflateError` into the sentence that names the archive and its member."""
    try:
        yield
    except InflateError as error:
        raise DamagedArchiveError(f"{archive} is damaged: {member} {error}.") from error


def data_offset(file: BinaryIO, entry: ZipEntry) -> int:
    """Where a member's deflated data begins, as its local header says. Raises `InflateError`."""
    file.seek(entry.offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise InflateError("is not where the directory says")
    name_length, extra_length = struct.unpack_from("<2H", header, 26)
    return entry.offset + _LOCAL_HEADER + int(name_length) + int(extra_length)


def inflate_entry(file: BinaryIO, entry: ZipEntry, inflater: Inflater) -> Iterator[bytes]:
    """Inflate a member from where the file stands, and prove that it has the length and CRC which its entry says.

    Yields the deflated pieces, each when it is inflated. Raises `InflateError`.
    """
    left = entry.compressed_bytes
    while left:
        piece = file.read(min(PIECE, left))
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
    if inflater.crc32 != entry.crc32:
        raise InflateError("has a wrong CRC")


class _Bounded(io.FileIO):
    """A file of which zipfile can't be talked into reading gigabytes at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = MAX_DIRECTORY
        if size > MAX_DIRECTORY:
            raise zipfile.BadZipFile("its directory is too large")
        return super().read(size) or b""


def _directory(file: BinaryIO, archive: str) -> list[ZipEntry]:
    try:
        with zipfile.ZipFile(file) as directory:
            return [_entry(info) for info in directory.infolist()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError, struct.error) as error:
        # Nothing but the first is documented; the others are what crafted directories make zipfile raise.
        raise DamagedArchiveError(
            f"{archive} is damaged: it has no readable ZIP directory ({error}).",
            hint="Most often the file is cut off, or a volume is missing: compare its size with that of the original.",
        ) from error


def _entry(info: zipfile.ZipInfo) -> ZipEntry:
    """The extended timestamp (see `zip_records`) or else the DOS time, both UTC in our archives."""
    modified = calendar.timegm(info.date_time)
    if info.extra[-9:-4] == b"UT\x05\x00\x01":
        (modified,) = struct.unpack("<l", info.extra[-4:])
    return ZipEntry(
        name=info.filename,
        modified=modified,
        bytes=info.file_size,
        compressed_bytes=info.compress_size,
        crc32=info.CRC,
        offset=info.header_offset,
    )
