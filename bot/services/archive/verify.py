"""Verifies an archive on the disk: reads it in full, inflates it and compares it with its own manifest."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bot.errors import DamagedArchiveError
from bot.models import INFO_NAME, MANIFEST_NAME, Archive, BackedUp, Cause, Reason, because
from bot.services.archive.manifest import Manifest, manifest_in
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.memory import keep_memory_flat
from bot.services.concurrency.threads import step_by_step
from bot.services.zip.reader import ZipReader, opened
from bot.services.zip.records import STANDARD, Records, ZipEntry

Position = tuple[int, int]

_ANEW = "If it was packed anew, its databases may be whole: `sqlite-courier restore FILE --to DIR` looks at them."


async def verify_archive(
    path: Path,
    *,
    expected_sha256: str = "",
    abort: Abort,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    records: Records = STANDARD,
) -> tuple[Archive, Manifest]:
    """Prove that an archive is, bit for bit, one that this product wrote, and holds what its manifest says.

    Every member is inflated, bounded by its declared size, and compared by length, CRC and, for the databases,
    SHA-256; every byte between them is compared with the one record that can be there. So a changed bit is found even
    without `expected_sha256`, the archive's checksum known from elsewhere; a deliberate forgery only with it. An
    archive that another tool packed anew is refused too. `progress` counts bytes of the file.

    Raises `DamagedArchiveError` with a sentence that names member and fault, `NotFoundError`, `AbortedError`.
    """
    keep_memory_flat()
    with ThreadPoolExecutor(1, thread_name_prefix="verify") as threads:
        return await step_by_step(
            threads,
            _verified(path, expected_sha256, records),
            abort=abort,
            progress=lambda position: progress(*position),
        )


def _verified(
    path: Path, expected_sha256: str, records: Records
) -> Generator[Position, None, tuple[Archive, Manifest]]:
    with opened(path) as archive:
        manifest = manifest_in(archive)
        databases = {database.name: database for database in manifest.databases}
        _compare_names(archive, databases)
        walk = _Walk(archive, records)
        for entry in archive.entries:
            yield from walk.member(entry, databases.get(entry.name))
        yield from walk.end()
    if expected_sha256 and walk.sha256 != expected_sha256.lower():
        raise DamagedArchiveError(
            f"{path.name} is sound in itself, but not the archive that was written under its name.",
            cause=Reason(Cause.ARCHIVE_OTHER),
        )
    return Archive(path=path, bytes=walk.size, sha256=walk.sha256), manifest


def _compare_names(archive: ZipReader, databases: Mapping[str, BackedUp]) -> None:
    found = Counter(entry.name for entry in archive.entries)
    expected = {*databases, INFO_NAME, MANIFEST_NAME}
    for name, count in found.items():
        if count > 1:
            raise _changed(archive.name, f"it holds {name} {count} times")
        if name not in expected:
            raise _changed(archive.name, f"it holds {name}, of which its manifest knows nothing")
    for name in sorted(expected - set(found)):
        raise _changed(archive.name, f"{name} is missing")
    for entry in archive.entries:
        database = databases.get(entry.name)
        if database is not None and database.bytes != entry.bytes:
            raise DamagedArchiveError(
                f"{archive.name} is damaged: {entry.name} is said to hold {entry.bytes:,} bytes, in the manifest "
                f"{database.bytes:,}.",
                cause=because(Cause.MEMBER_DAMAGED, name=entry.name),
            )


class _Walk:
    """Reads an archive once from its first byte to its last, and takes the checksum of all of them."""

    def __init__(self, archive: ZipReader, records: Records) -> None:
        self._archive = archive
        self._records = records
        self._sha256 = hashlib.sha256()
        self._position = 0
        self.size = archive.file.seek(0, os.SEEK_END)
        archive.file.seek(0)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def member(self, entry: ZipEntry, database: BackedUp | None) -> Iterator[Position]:
        """Read one member with its header and descriptor, which must be where the walk stands."""
        if entry.offset != self._position:
            raise _changed(self._archive.name, f"{entry.name} is not where its directory says")
        self._expect(self._records.local_header(entry), f"the header of {entry.name}")
        sha256 = hashlib.sha256()
        for piece in self._archive.inflate(entry, sha256=sha256):
            self._seen(piece)
            yield self._position, self.size
        if database is not None and sha256.hexdigest() != database.sha256:
            raise DamagedArchiveError.because(Cause.OTHER_DATABASE, archive=self._archive.name, name=entry.name)
        self._expect(self._records.descriptor(entry), f"the descriptor of {entry.name}")

    def end(self) -> Iterator[Position]:
        """Read the directory and what closes it; nothing may follow."""
        offset = self._position
        for entry in self._archive.entries:
            self._expect(self._records.central_header(entry), f"the directory entry of {entry.name}")
        closing = self._records.end(count=len(self._archive.entries), size=self._position - offset, offset=offset)
        self._expect(closing, "the end of the directory")
        if self._position != self.size:
            raise _changed(self._archive.name, "it holds more than was written")
        yield self._position, self.size

    def _expect(self, record: bytes, what: str) -> None:
        found = self._archive.file.read(len(record))
        if found != record:
            raise _changed(self._archive.name, f"{what} is another")
        self._seen(found)

    def _seen(self, piece: bytes) -> None:
        self._sha256.update(piece)
        self._position += len(piece)


def _changed(archive: str, what: str) -> DamagedArchiveError:
    """What another packer does, and a flipped bit too: it says nothing of the databases."""
    cause = Reason(Cause.ARCHIVE_CHANGED)
    return DamagedArchiveError(f"{archive} is not as it was written: {what}.", hint=_ANEW, cause=cause)
