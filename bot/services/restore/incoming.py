"""Unpacks the databases of an archive into private copies, compares them with the manifest and checks them."""

from __future__ import annotations

import hashlib
import struct
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from bot.errors import DamagedArchiveError, UntrustedArchiveError
from bot.models import BackedUp, Backup, CheckReport, Database, Snapshot
from bot.services.archive.manifest import Manifest
from bot.services.restore.untrusted import MAGIC, ScreenedMember
from bot.services.zip.inflate import PIECE, Checksum, InflateError, Inflater
from bot.services.zip.reader import faults_in

_HEADER = 100
_BEHIND = 8
_LOCK_PAGE_AT = 1 << 30  # the page that holds this byte is never used: https://www.sqlite.org/fileformat2.html, 1.4
# What the backup API and the journal modes write on their own account: versions of the file format (18, 19), the change
# counter (24), the schema cookie (40), where the counter was valid (92) and the SQLite that wrote it (96).
_OWN_BYTES = ((18, 20), (24, 28), (40, 44), (92, 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A database that is to be restored: its private copy (`snapshot.file`), proven and checked.

    `record` is what the manifest said of it, None in a foreign archive. `fingerprint` is equal for databases with the
    same content page by page, see `fingerprint_of`.
    """

    name: str
    snapshot: Snapshot
    report: CheckReport
    sha256: str
    fingerprint: str
    record: BackedUp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What was brought to restore from, unpacked in a private folder. `source` says in words what it is.

    `missing` are databases that the manifest names and the archive no longer holds, `damaged` those that were left out.
    """

    source: str
    databases: tuple[Incoming, ...]
    taken_at: datetime | None
    backup: Backup | None = None
    warnings: tuple[str, ...] = ()
    manifest: Manifest | None = None
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def unpack(
    archive: str, file: BinaryIO, part: ScreenedMember, into: Path, *, claimed: str = ""
) -> Generator[int, None, str]:
    """Inflate one member into a new private file, never past its declared size; return its sha256.

    Content that has the sha256 that a manifest `claimed` of it needs no other proof. Yields bytes of content written.
    Raises `DamagedArchiveError`.
    """
    with into.open("xb") as out, closing(_HashedBeside()) as sha256:
        into.chmod(0o600)
        return (yield from _inflate(archive, file, part, out.write, sha256, claimed=claimed))


def read_member(archive: str, file: BinaryIO, part: ScreenedMember) -> bytes:
    """Return the content of a small member. Raises `DamagedArchiveError`."""
    pieces: list[bytes] = []
    for _done in _inflate(archive, file, part, pieces.append, hashlib.sha256()):
        pass
    return b"".join(pieces)


def _inflate(
    archive: str,
    file: BinaryIO,
    part: ScreenedMember,
    sink: Callable[[bytes], object],
    sha256: Checksum,
    *,
    claimed: str = "",
) -> Generator[int, None, str]:
    file.seek(part.offset)
    with faults_in(archive, part.name):
        if part.stored:
            crc32, left = 0, part.bytes
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise InflateError("is cut off")
                left -= len(piece)
                sha256.update(piece)
                crc32 = isal_zlib.crc32(piece, crc32)
                sink(piece)
                yield part.bytes - left
        else:
            inflater = Inflater(limit=part.bytes, sink=sink, sha256=sha256)
            left = part.compressed_bytes
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise InflateError("is cut off")
                left -= len(piece)
                if inflater.ended or inflater.feed(piece):
                    raise InflateError("ends before its data does")
                yield inflater.bytes
            if not inflater.ended:
                raise InflateError("is not complete")
            if inflater.bytes != part.bytes:
                raise InflateError(f"holds {inflater.bytes:,} bytes instead of {part.bytes:,}")
            crc32 = inflater.crc32
        found = sha256.hexdigest()
        if crc32 != part.crc32 and found != claimed:
            raise InflateError("has a wrong CRC")
        return found


class _HashedBeside:
    """A sha256 that is taken on a thread of its own, at most a few pieces behind: a third of the time of unpacking."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._under_way: deque[Future[None]] = deque()

    def update(self, data: bytes, /) -> None:
        if len(self._under_way) >= _BEHIND:
            self._under_way.popleft().result()
        self._under_way.append(self._thread.submit(self._sha256.update, data))

    def hexdigest(self) -> str:
        while self._under_way:
            self._under_way.popleft().result()
        return self._sha256.hexdigest()

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)


def describe(archive: str, name: str, copy: Path, *, origin: Path, taken_at: datetime) -> Snapshot:
    """Read the header of a private copy (https://www.sqlite.org/fileformat2.html, 1.3); SQLite is not asked yet.

    Raises `UntrustedArchiveError` where it is no database, `DamagedArchiveError` where it is cut short.
    """
    size = copy.stat().st_size
    with copy.open("rb") as file:
        header = file.read(_HEADER)
    if size == 0:
        raise UntrustedArchiveError(f"{name} in {archive} is empty (0 bytes): there is nothing to restore.")
    if len(header) < _HEADER or not header.startswith(MAGIC):
        raise UntrustedArchiveError(
            f"{name} in {archive} is not an SQLite database.",
            hint="If it is encrypted with SQLCipher, put it back by hand while its application is stopped.",
        )
    (page_size,) = struct.unpack_from(">H", header, 16)
    page_size = 65536 if page_size == 1 else page_size
    if page_size < 512 or page_size & (page_size - 1):
        raise DamagedArchiveError(f"{name} in {archive} is damaged: its page size can't be {page_size}.")
    (pages,) = struct.unpack_from(">L", header, 28)
    counted = header[24:28] == header[92:96]  # or else an SQLite before 3.7 wrote it, and the number means nothing
    if size % page_size or (counted and size < pages * page_size):
        raise DamagedArchiveError(
            f"{name} in {archive} is cut short: {size:,} bytes where its {pages:,} pages need {pages * page_size:,}."
        )
    (user_version,) = struct.unpack_from(">i", header, 60)
    (application_id, version) = struct.unpack_from(">i24xL", header, 68)
    return Snapshot(
        database=Database(path=origin, name=name),
        file=copy,
        bytes=size,
        page_size=page_size,
        page_count=size // page_size,
        journal_mode="wal" if header[18:20] == b"\x02\x02" else "delete",
        application_id=application_id,
        user_version=user_version,
        sqlite_version=f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}",
        taken_at=taken_at,
        seconds=0.0,
    )


def fingerprint_of(copy: Path, *, check: Callable[[], None] = lambda: None) -> str:
    """Return a checksum of a private copy's content that outlasts the way through SQLite's backup API.

    Two databases with the same one are equal page by page, but for what SQLite writes for itself. Blocking.
    """
    sha256 = hashlib.sha256()
    with copy.open("rb") as file:
        header = bytearray(file.read(_HEADER))
        page_size = struct.unpack_from(">H", header, 16)[0] if len(header) == _HEADER else 0
        for start, end in _OWN_BYTES:
            header[start:end] = bytes(len(header[start:end]))
        sha256.update(header)
        at = len(header)
        while piece := file.read(PIECE):
            check()
            sha256.update(_without_lock_page(piece, at, 65536 if page_size == 1 else page_size))
            at += len(piece)
    return sha256.hexdigest()


def same_content(one: Path, other: Path) -> bool:
    """Tell whether two private copies have the same fingerprint, without reading on after a difference. Blocking."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        page_size, at = 0, 0
        while piece := bytearray(left.read(PIECE)):
            beside = bytearray(right.read(PIECE))
            if not at and len(piece) >= _HEADER:
                page_size = struct.unpack_from(">H", piece, 16)[0]
                for start, end in _OWN_BYTES:
                    piece[start:end] = beside[start:end] = bytes(end - start)
            size = 65536 if page_size == 1 else page_size
            if piece != beside and _without_lock_page(bytes(piece), at, size) != _without_lock_page(
                bytes(beside), at, size
            ):
                return False
            at += len(piece)
    return True


def _without_lock_page(piece: bytes, at: int, page_size: int) -> bytes:
    start, end = max(_LOCK_PAGE_AT - at, 0), min(_LOCK_PAGE_AT + page_size - at, len(piece))
    return piece if start >= end else piece[:start] + bytes(end - start) + piece[end:]


def require_claims(archive: str, record: BackedUp, snapshot: Snapshot, report: CheckReport, sha256: str) -> None:
    """Hold a database against every claim of its manifest. Raises `UntrustedArchiveError`, which names the claim."""
    claims = (
        ("SHA-256", record.sha256 == sha256),
        ("size", record.bytes == snapshot.bytes),
        ("page size", record.page_size == snapshot.page_size),
        ("page count", record.page_count == snapshot.page_count),
        ("application_id", record.application_id == snapshot.application_id),
        ("user_version", record.user_version == snapshot.user_version),
        ("number of rows", _same_rows(record.rows, report)),
    )
    for what, true in claims:
        if not true:
            raise UntrustedArchiveError(
                f"The manifest of {archive} is wrong about {record.name}: its {what} is not what it says.",
                hint="It is not the archive that was written: take another backup.",
            )


def _same_rows(claimed: Sequence[tuple[str, int]], report: CheckReport) -> bool:
    """Whether both count the same, where both could count: what could not be checked contradicts nothing.

    Some tables need functions of their own application, and which tables are the inner ones of a module that is missing
    here can't be told.
    """
    if not report.schema_sha256:  # nothing was read of it
        return True
    counts = dict(report.rows)
    uncounted = {name for kind, name, _ in report.schema if kind == "table"} - counts.keys()
    return all(
        table in uncounted or -1 in (count, counts.get(table)) or count == counts.get(table) for table, count in claimed
    )
