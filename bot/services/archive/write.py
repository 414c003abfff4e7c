"""Writes an archive: streams a ZIP into a `.part` file, proves it meanwhile, renames it and reads it once more.

The one file that knows aiozipstream, which streams the ZIP. As it comes it deflates one KiB at a time, dates every
member to now, gives it no permissions and knows no ZIP64: members and records are therefore ours.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from isal import isal_zlib
from zipstream import AioZipStream

from bot.clock import utc_now
from bot.errors import ArchiveError
from bot.models import Archive, Compression, Member, ReportBytes
from bot.services.archive.proof import ArchiveProof
from bot.services.archive.sealed import write_sealed
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.memory import give_memory_back, keep_memory_flat
from bot.services.concurrency.nursery import Nursery
from bot.services.concurrency.threads import gentle_threads, in_thread, step_by_step
from bot.services.files.names import folded
from bot.services.files.part_file import PartFile
from bot.services.sealing.keys import Seal
from bot.services.zip.deflate import BLOCK, CodecPolicy, Deflation, policy_for
from bot.services.zip.records import STANDARD, Records, ZipEntry

WRITE_AT_ONCE = 1 << 20
"""Bytes collected for one write: a record of some bytes is not worth a way into a thread and back."""

READ_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSource:
    """What becomes a member: either a `file` that nobody changes any more, or small `content` in memory."""

    name: str
    modified: datetime
    file: Path | None = None
    content: bytes | None = None

    @property
    def data(self) -> tuple[str, Path | bytes]:
        return self.name, self.file or self.content or b""

    def size(self) -> int:
        """Raises `ArchiveError` where the file is not there."""
        if self.file is None:
            return len(self.content or b"")
        try:
            return self.file.stat().st_size
        except OSError as error:
            raise ArchiveError(f"The private copy of {self.name} is gone: {error.strerror or error}.") from error


Epilogue = Callable[[Sequence[Member]], Awaitable[Sequence[MemberSource]]]


async def write_archive(
    target: Path,
    sources: Sequence[MemberSource],
    *,
    epilogue: Epilogue,
    compression: Compression,
    abort: Abort,
    progress: ReportBytes = lambda _done, _total: None,
    proving: ReportBytes = lambda _done, _total: None,
    clock: Callable[[], datetime] = utc_now,
    mix: CodecPolicy | None = None,
    records: Records = STANDARD,
    seal: Seal | None = None,
    reader: Callable[[Path], object] = lambda _path: None,
) -> Archive:
    """Write, prove and store the archive of `sources` as `target`; it exists under that name only if it is proven.

    `epilogue` is awaited when the last source is in the stream, gets the members so far and returns the closing ones.
    Each member's deflated bytes are read back from the file while it is being written, inflated, and compared by
    length, CRC and SHA-256 with the bytes that were read from the source and compressed. Then the file is brought to
    the disk, renamed, and under its final name read once more: its CRC is that of the bytes written, and its
    directory, as Python's zipfile sees it, lists the members. Memory stays below some 20 MB whatever the sizes.

    With a `seal` it is the sealed archive that is written, proven and renamed; its ZIP is never on a disk. Raises
    `SealError` where nothing can be sealed here.

    `reader` reads the archive under its final name, in a thread, as whoever restores it will; what it raises is a
    failed proof. A sealed one is not given to it: nothing here may be able to open it.

    Whatever happens instead (an exception of the epilogue, which is passed on; cancellation), nothing is left behind:
    no file, no thread. `progress` counts bytes of the sources, `proving` those of the finished file that were read
    again. `mix` overrides the choice of the codecs, `records` the limits from which ZIP64 is used.

    Raises `ArchiveError`, `NoSpaceError`, `AbortedError`.
    """
    keep_memory_flat()
    created_at = clock()
    with gentle_threads(4, "archive") as threads:
        part = PartFile(target, threads)
        sealed = ""
        try:
            _refuse_bad_names(sources)
            await part.create()
            sized = await in_thread(threads, lambda: [(source, source.size()) for source in sources])
            mix = mix or policy_for(compression, sum(size for _source, size in sized))
            proof = ArchiveProof()
            async with Deflation(mix, abort=abort) as deflation:
                await deflation.feed([source.data for source in sources])
                stream = _MemberStream(
                    sized, deflation=deflation, proof=proof, epilogue=epilogue, progress=progress, records=records
                )
                if seal is None:
                    await _write_proven(stream, part, proof, threads, abort)
                else:
                    sealed = await write_sealed(stream, part, proof, seal, abort)
            if seal is None and (proof.position, proof.crc32) != (part.written, part.crc32):
                raise ArchiveError("The archive could not be proven: the file does not hold what was written to it.")
            await part.complete()
            archive = Archive(
                path=target,
                bytes=part.written,
                sha256=part.sha256,
                members=tuple(stream.members),
                created_at=created_at,
                sealed=sealed,
            )
            await step_by_step(
                threads,
                _read_again(archive, part.crc32, stream.entries),
                abort=abort,
                progress=lambda done: proving(done, archive.bytes),
            )
            if seal is None:
                await in_thread(threads, lambda: reader(target))
        except BaseException:
            await part.discard()
            raise
        finally:
            await in_thread(threads, give_memory_back)
    return archive


async def _write_proven(
    stream: _MemberStream, part: PartFile, proof: ArchiveProof, threads: Executor, abort: Abort
) -> None:
    """Bring the stream into the file, the proof behind it."""
    async with AsyncExitStack() as stack:
        follower = _Follower(proof, part.path, threads, abort)
        stack.push_async_callback(follower.stop)
        await stack.enter_async_context(aclosing(stream))
        chunks = await stack.enter_async_context(aclosing(stream.stream()))
        waiting: list[bytes] = []
        async for chunk in chunks:
            waiting.append(chunk)
            if sum(map(len, waiting)) >= WRITE_AT_ONCE:
                await part.write(waiting)
                waiting = []
                follower.reached(part.written)
        await part.write(waiting)
        part.sync_behind()
        await follower.finish(part.written)
    proof.conclude(stream.members)


class _MemberStream(AioZipStream):  # type: ignore[misc]  # it has no types
    """aiozipstream with our members and records. Its `stream()` gives the archive's bytes; close both afterwards."""

    def __init__(
        self,
        sources: Sequence[tuple[MemberSource, int]],
        *,
        deflation: Deflation,
        proof: ArchiveProof,
        epilogue: Epilogue,
        progress: ReportBytes,
        records: Records,
    ) -> None:
        """Stream sources with their sizes; `deflation` must be fed with the same, in the same order."""
        self._sources = list(sources)  # the base class iterates over it, and so sees the closing ones when appended
        super().__init__(self._sources)
        self._epilogue: Epilogue | None = epilogue
        self._deflation = deflation
        self._proof = proof
        self._progress = progress
        self._total = sum(size for _source, size in sources)
        self._done = 0
        self._records = records
        self._under_way: AsyncGenerator[bytes, None] | None = None
        self.entries: list[ZipEntry] = []
        self.members: list[Member] = []

    async def aclose(self) -> None:
        """Close what `stream()`, when closed early, leaves open."""
        if self._under_way is not None:
            await self._under_way.aclose()

    def _create_file_struct(self, data: tuple[MemberSource, int]) -> dict[str, Any]:
        source, size = data
        return {"entry": ZipEntry(name=source.name, modified=int(source.modified.timestamp()), bytes=size)}

    def _stream_single_file(self, file_struct: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        self._under_way = self._stream_member(replace(file_struct["entry"], offset=file_struct["offset"]))
        return self._under_way

    async def _stream_member(self, entry: ZipEntry) -> AsyncGenerator[bytes, None]:
        header = self._records.local_header(entry)
        start = entry.offset + len(header)
        self._proof.expect(start)
        yield header
        compressed_bytes, left = 0, entry.bytes
        while isinstance(piece := await self._deflation.take(), bytes):
            compressed_bytes += len(piece)
            yield piece
            left = self._advance(left)
        if piece.bytes != entry.bytes:
            raise ArchiveError(f"The private copy of {entry.name} changed its size while it was being compressed.")
        entry = replace(entry, compressed_bytes=compressed_bytes, crc32=piece.crc32)
        yield self._records.descriptor(entry)
        self.entries.append(entry)
        self.members.append(
            Member(
                name=entry.name,
                bytes=entry.bytes,
                compressed_bytes=compressed_bytes,
                crc32=entry.crc32,
                sha256=piece.sha256,
                offset=start,
            )
        )
        if self._epilogue is not None and len(self.members) == len(self._sources):
            await self._append_closing_members(self._epilogue)

    async def _append_closing_members(self, epilogue: Epilogue) -> None:
        self._epilogue = None
        closing = await epilogue(tuple(self.members))
        _refuse_bad_names([*(source for source, _size in self._sources), *closing])
        await self._deflation.feed([source.data for source in closing])
        self._sources.extend((source, source.size()) for source in closing)

    def _advance(self, left: int) -> int:
        """Report one block more, out of `left` bytes of a member; what the epilogue appended does not count."""
        if self._epilogue is not None:
            self._done += min(left, BLOCK)
            self._progress(self._done, self._total)
        return left - min(left, BLOCK)

    def _make_end_structures(self) -> Iterator[bytes]:
        offset = self._offset_get()
        directory = b"".join(map(self._records.central_header, self.entries))
        yield directory
        yield self._records.end(count=len(self.entries), size=len(directory), offset=offset)


class _Follower:
    """Lets the proof follow the writer through the file, in a thread beside it."""

    def __init__(self, proof: ArchiveProof, path: Path, threads: Executor, abort: Abort) -> None:
        self._proof = proof
        self._path = path
        self._threads = threads
        self._abort = abort
        self._end = 0
        self._complete = False
        self._moved = asyncio.Event()
        self._tasks = Nursery()
        self._task = self._tasks.start(self._follow())

    def reached(self, end: int) -> None:
        """Say how far the file can be read. Raises what the proof has found so far."""
        if self._task.done():
            self._task.result()
        self._end = end
        self._moved.set()

    async def finish(self, end: int) -> None:
        """Wait until everything up to the file's `end` was taken."""
        self._complete = True
        self.reached(end)
        await self._task

    async def stop(self) -> None:
        await self._tasks.drain()

    async def _follow(self) -> None:
        while not self._complete or self._proof.position < self._end:
            await self._moved.wait()
            self._moved.clear()
            await step_by_step(self._threads, self._proof.follow(self._path, self._end), abort=self._abort)


def _read_again(archive: Archive, crc32: int, entries: Sequence[ZipEntry]) -> Generator[int, None, None]:
    """Compare the file under its final name with what was proven. Raises `ArchiveError`; yields the bytes read.

    Nothing else can be done meanwhile, so it takes the CRC: what a disk or memory spoils does not aim at a collision.
    """
    found_crc32, done = 0, 0
    fault = f"{archive.path.name} could not be proven after it got its name"
    try:
        with archive.path.open("rb", buffering=0) as file:
            while piece := file.read(READ_AT_ONCE):
                found_crc32 = isal_zlib.crc32(piece, found_crc32)
                done += len(piece)
                yield done
        if (done, found_crc32) != (archive.bytes, crc32):
            raise ArchiveError(f"{fault}: the disk gives back other bytes than were written.")
        if archive.sealed:  # what is in it was read when it was opened
            return
        with zipfile.ZipFile(archive.path) as directory:
            found = [(i.filename, i.CRC, i.compress_size, i.file_size, i.header_offset) for i in directory.infolist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise ArchiveError(f"{fault}: {error}.") from error
    if found != [(e.name, e.crc32, e.compressed_bytes, e.bytes, e.offset) for e in entries]:
        raise ArchiveError(f"{fault}: its directory does not list the members that were written.")


def _refuse_bad_names(sources: Sequence[MemberSource]) -> None:
    """Raise `ArchiveError` for names that stock tools would refuse, rename or unpack somewhere else; and for none."""
    if not sources:
        raise ArchiveError("There is nothing to put into an archive.")
    seen: set[str] = set()
    for name in (source.name for source in sources):
        try:
            length = len(name.encode())
        except UnicodeEncodeError:
            length = 0
        if not 0 < length <= 255 or name in {".", ".."} or any(sign in name for sign in "/\\\0"):
            raise ArchiveError(f"{name!a} can't be the name of a file in an archive.")
        if folded(name) in seen:
            raise ArchiveError(f"Two files would be called {name} in the archive.")
        seen.add(folded(name))
