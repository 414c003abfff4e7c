"""Unpacks the databases of a screened archive into private files, each held against the manifest. Blocking."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.clock import utc_now
from bot.errors import CourierError, DamagedArchiveError, NoSpaceError
from bot.models import BackedUp, Cause, Snapshot
from bot.services.restore.contents import Contents
from bot.services.restore.private_copy import describe
from bot.services.zip.reader import ZipReader
from bot.services.zip.records import ZipEntry

_BEHIND = 8


@dataclass(slots=True)
class Unpacked:
    """Private copies, each with its SHA-256 and its record in the manifest; what is `missing`, and `damaged`."""

    copies: list[tuple[Snapshot, str, BackedUp | None]] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    damaged: dict[str, CourierError] = field(default_factory=dict)


def unpack_databases(
    archive: ZipReader,
    contents: Contents,
    folder: Path,
    *,
    check: Callable[[], None],
    progress: Callable[[int, str], None],
    leave_out_damaged: bool,
) -> Unpacked:
    """Unpack the databases into `folder`, and hold each against its manifest; one that was renamed is known by its
    content.

    `progress` takes the bytes done and the member under way. Raises `DamagedArchiveError` where the bytes of a database
    are not what they should be, or with `leave_out_damaged` puts it down; `UntrustedArchiveError` where it is none.
    """
    found, missing, before = Unpacked(), list(contents.missing), 0
    for number, (entry, claim) in enumerate(contents.found):
        copy = folder / f"incoming-{number:04}.db"
        try:
            sha256 = _unpack(archive, entry, copy, claim, before, check=check, progress=progress)
            record = claim or next((lost for lost in missing if lost.sha256 == sha256), None)
            if record is not None and record in missing:
                missing.remove(record)
            found.copies.append((_described(archive.name, entry, copy, record, sha256), sha256, record))
        except DamagedArchiveError as error:
            if not leave_out_damaged:
                raise
            found.damaged[claim.name if claim else entry.name] = error
        before += entry.bytes
    found.missing = tuple(record.name for record in missing)
    return found


def _unpack(
    archive: ZipReader,
    entry: ZipEntry,
    copy: Path,
    claim: BackedUp | None,
    before: int,
    *,
    check: Callable[[], None],
    progress: Callable[[int, str], None],
) -> str:
    """Inflate one member into a new private file, after so many bytes of others; return its SHA-256."""
    try:
        with copy.open("xb") as out, closing(_HashedBeside()) as sha256:
            copy.chmod(0o600)
            for _packed in archive.inflate(entry, out.write, sha256=sha256, claimed=claim.sha256 if claim else ""):
                check()
                progress(before + out.tell(), entry.name)
            return sha256.hexdigest()
    except OSError as error:  # which says nothing of the archive
        raise NoSpaceError(
            f"{entry.name} could not be unpacked into {copy.parent.parent}: {error.strerror or error}.",
            hint="Free some space, or set SNAPSHOT_DIR to a folder on another disk.",
        ) from error


def _described(archive: str, entry: ZipEntry, copy: Path, record: BackedUp | None, sha256: str) -> Snapshot:
    if record is None:
        return describe(archive, entry.name, copy, origin=Path(entry.name), taken_at=utc_now())
    if record.sha256 != sha256:
        raise DamagedArchiveError.because(Cause.OTHER_DATABASE, archive=archive, name=entry.name)
    found = describe(archive, record.name, copy, origin=Path(record.path), taken_at=record.taken_at)
    return replace(found, journal_mode=record.journal_mode)  # which the database's header can't tell


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
