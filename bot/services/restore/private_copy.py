"""Reads the header of a private copy, checks it, and compares copies page by page."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from bot.errors import DamagedArchiveError, UntrustedArchiveError
from bot.models import Cause, CheckMethod, CheckReport, Database, Snapshot, because
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import side_by_side
from bot.services.concurrency.threads import run_checked
from bot.services.files.private_file import PIECE
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.sqlite_errors import MAGIC

_HEADER = 100
_LOCK_PAGE_AT = 1 << 30  # the page that holds this byte is never used: https://www.sqlite.org/fileformat2.html, 1.4
# What the backup API and the journal modes write on their own account: versions of the file format (18, 19), the change
# counter (24), the schema cookie (40), where the counter was valid (92) and the SQLite that wrote it (96).
_OWN_BYTES = ((18, 20), (24, 28), (40, 44), (92, 100))


def describe(archive: str, name: str, copy: Path, *, origin: Path, taken_at: datetime) -> Snapshot:
    """Read the header of a private copy (https://www.sqlite.org/fileformat2.html, 1.3); SQLite is not asked yet.

    Blocking. Raises `UntrustedArchiveError` where it is no database, `DamagedArchiveError` where it is cut short.
    """
    size, where = copy.stat().st_size, whereabouts(name, archive)
    cause = because(Cause.MEMBER_DAMAGED, name=name)
    with copy.open("rb") as file:
        header = file.read(_HEADER)
    if size == 0:
        raise UntrustedArchiveError(f"{where} is empty (0 bytes): there is nothing to restore.", cause=cause)
    if len(header) < _HEADER or not header.startswith(MAGIC):
        raise UntrustedArchiveError(
            f"{where} is not an SQLite database.",
            hint="If it is encrypted with SQLCipher, put it back by hand while its application is stopped.",
            cause=cause,
        )
    (page_size,) = struct.unpack_from(">H", header, 16)
    page_size = 65536 if page_size == 1 else page_size
    if page_size < 512 or page_size & (page_size - 1):
        raise DamagedArchiveError(f"{where} is damaged: its page size can't be {page_size}.", cause=cause)
    (pages,) = struct.unpack_from(">L", header, 28)
    counted = header[24:28] == header[92:96]  # or else an SQLite before 3.7 wrote it, and the number means nothing
    if size % page_size or (counted and size < pages * page_size):
        raise DamagedArchiveError(
            f"{where} is cut short: {size:,} bytes where its {pages:,} pages need {pages * page_size:,}.", cause=cause
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
    )


def whereabouts(name: str, archive: str) -> str:
    """Say which database it is; one that came by itself lies in no archive."""
    return name if name == archive else f"{name} in {archive}"


async def examine(
    snapshot: Snapshot, method: CheckMethod, *, abort: Abort, foreign: bool = False
) -> tuple[CheckReport, str]:
    """Check a private copy, and take its fingerprint meanwhile; `foreign` as `check_snapshot` has it."""
    own = Abort(parent=abort)
    return await side_by_side(
        check_snapshot(snapshot, method, abort=own, foreign=foreign),
        run_checked(fingerprint_of, snapshot.file, abort=own),
        stop=own.set,
    )


def fingerprint_of(copy: Path, *, check: Callable[[], None] = lambda: None) -> str:
    """Return a checksum of a private copy's content that outlasts the way through SQLite's backup API.

    Two databases with the same one are equal page by page, but for what SQLite writes for itself. Blocking.
    """
    sha256 = hashlib.sha256()
    for piece in _content_of(copy):
        check()
        sha256.update(piece)
    return sha256.hexdigest()


def same_content(one: Path, other: Path) -> bool:
    """Tell whether two private copies have the same fingerprint, without reading on after a difference. Blocking."""
    if one.stat().st_size != other.stat().st_size:
        return False
    return all(piece == beside for piece, beside in zip(_content_of(one), _content_of(other), strict=True))


def _content_of(copy: Path) -> Iterator[bytes]:
    """Give a database piece by piece, without what SQLite writes for itself."""
    with copy.open("rb") as file:
        page_size, at = 0, 0
        while piece := file.read(PIECE):
            if not at and len(piece) >= _HEADER:
                header = bytearray(piece[:_HEADER])
                (page_size,) = struct.unpack_from(">H", header, 16)
                page_size = 65536 if page_size == 1 else page_size
                for start, end in _OWN_BYTES:
                    header[start:end] = bytes(end - start)
                piece = bytes(header) + piece[_HEADER:]
            start, end = max(_LOCK_PAGE_AT - at, 0), min(_LOCK_PAGE_AT + page_size - at, len(piece))
            yield piece if start >= end else piece[:start] + bytes(end - start) + piece[end:]
            at += len(piece)
