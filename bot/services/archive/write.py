"""Writes an archive: streams a ZIP into a `.part` file, proves it meanwhile, renames it and reads it once more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from types import TracebackType
from typing import Self

from isal import isal_zlib

from bot.errors import ArchiveError
from bot.models import Archive, Cause, Compression, Member, ReportBytes
from bot.services.archive.proof import ArchiveProof, require_listed
from bot.services.archive.sealed import SealedOutput
from bot.services.archive.stream import MemberSource, MemberStream
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.memory import give_memory_back, keep_memory_flat
from bot.services.concurrency.nursery import beside
from bot.services.concurrency.threads import gentle_threads, in_thread, step_by_step
from bot.services.files.part_file import PartFile
from bot.services.files.private_file import read_over
from bot.services.sealing.age import Sealing
from bot.services.sealing.keys import Seal
from bot.services.zip.deflate import CodecPolicy, Deflation, policy_for
from bot.services.zip.records import STANDARD, Records, ZipEntry


def unseen(_done: int, _total: int) -> None:
    """Take a progress report and leave it at that."""


class ArchiveWriter:
    """An archive on its way: `write` the databases, `finish` it with what describes them; an async context manager.

    The file has its name only if it was finished, and keeps it only if the block ends without an error. Whatever
    happens instead, cancellation too, nothing is left behind: no file, no thread. Memory stays below some 20 MB
    whatever the sizes. With a `seal` it is the sealed archive that is written, proven and renamed; its ZIP is never on
    a disk. `mix` overrides the choice of the codecs, `records` the limits from which ZIP64 is used.

    Everything raises `ArchiveError`, `NoSpaceError`, `AbortedError`, and `SealError` where nothing can be sealed here.
    """

    def __init__(
        self,
        target: Path,
        *,
        compression: Compression,
        abort: Abort,
        seal: Seal | None = None,
        mix: CodecPolicy | None = None,
        records: Records = STANDARD,
    ) -> None:
        self._target, self._abort, self._seal = target, abort, seal
        self._compression, self._mix, self._records = compression, mix, records
        self._proof = ArchiveProof()
        self._finished = False
        self._threads: Executor
        self._part: PartFile
        self._stream: MemberStream
        self._chunks: AsyncGenerator[bytes, None]
        self._output: ZipOutput | SealedOutput

    async def __aenter__(self) -> Self:
        keep_memory_flat()
        async with AsyncExitStack() as stack:
            self._threads = stack.enter_context(gentle_threads(4, "archive"))
            stack.push_async_callback(in_thread, self._threads, give_memory_back)
            self._part = PartFile(self._target, self._threads)
            stack.push_async_exit(self._discard_unless_finished)
            await self._part.create()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def _discard_unless_finished(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None or not self._finished:
            await self._part.discard()

    async def write(self, sources: Sequence[MemberSource], *, progress: ReportBytes = unseen) -> tuple[Member, ...]:
        """Bring the databases into the file; called once. `progress` counts their bytes.

        Each member's deflated bytes are read back from the file while it is being written, inflated, and compared by
        length, CRC and SHA-256 with the bytes that were read from the source and compressed. Those of a member that was
        taken over whole are not inflated where their SHA-256 is that of bytes that were inflated and compared before.
        """
        sized = await in_thread(self._threads, lambda: [(source, source.size()) for source in sources])
        to_deflate = sum(size for source, size in sized if source.deflated is None)
        mix = self._mix or policy_for(self._compression, to_deflate)
        deflation = await self._stack.enter_async_context(Deflation(mix, abort=self._abort))
        self._stream = MemberStream(deflation, expect=self._proof.expect, progress=progress, records=self._records)
        await self._stream.append(sized)
        if self._seal is None:
            self._output = ZipOutput(self._part, self._proof, self._threads, self._abort)
            self._output.following = await self._stack.enter_async_context(beside(self._output.follow()))
        else:
            sealing = await self._stack.enter_async_context(Sealing(self._seal))
            self._output = SealedOutput(self._part, self._proof, sealing, self._abort)
        await self._stack.enter_async_context(aclosing(self._stream))
        self._chunks = await self._stack.enter_async_context(aclosing(self._stream.stream()))
        await self._write_chunks(up_to=len(sources))
        return tuple(self._stream.members)

    async def finish(self, closing: Sequence[MemberSource], *, progress: ReportBytes = unseen) -> Archive:
        """Close the archive with these small members, prove it and give it its name.

        Then the file is brought to the disk, renamed, and read once more: its CRC is that of the bytes written, and its
        directory, as Python's zipfile sees it, lists the members. `progress` counts the bytes of this last reading.
        """
        await self._stream.append([(source, source.size()) for source in closing])
        await self._write_chunks()
        sealed = await self._output.prove(self._stream)
        await self._part.complete()
        archive = Archive(
            path=self._target,
            bytes=self._part.written,
            sha256=self._part.sha256,
            sealed=sealed,
            deflated=self._proof.deflated,
        )
        await step_by_step(
            self._threads,
            _read_again(archive, self._part.crc32, self._stream.entries),
            abort=self._abort,
            progress=lambda done: progress(done, archive.bytes),
        )
        self._finished = True
        return archive

    async def _write_chunks(self, *, up_to: int = -1) -> None:
        """Pass on what the stream gives until it has so many members, or else until its end."""
        waiting, size = list[bytes](), 0
        async for chunk in self._chunks:
            waiting.append(chunk)
            size += len(chunk)
            if size >= self._output.at_once:
                await self._output.write(waiting)
                waiting, size = [], 0
            if len(self._stream.members) == up_to:
                break  # the generator stands, and goes on when it is asked again
        await self._output.write(waiting)


class ZipOutput:
    """Writes the ZIP as it comes, and lets the proof follow through the file in a thread beside."""

    at_once = 1 << 20  # bytes collected for one write: a record is not worth a way into a thread and back

    def __init__(self, part: PartFile, proof: ArchiveProof, threads: Executor, abort: Abort) -> None:
        self._part, self._proof, self._threads, self._abort = part, proof, threads, abort
        self._end = 0
        self._complete = False
        self._moved = asyncio.Event()
        self.following: asyncio.Task[None]

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append. Raises what the proof has found so far, too."""
        await self._part.write(pieces)
        self._reached()

    async def prove(self, stream: MemberStream) -> str:
        """See that all that was written is in the file; return for whom it is sealed: nobody."""
        self._part.sync_behind()
        self._complete = True
        self._reached()
        await self.following
        self._proof.conclude(stream.members)
        if (self._proof.position, self._proof.crc32) != (self._part.written, self._part.crc32):
            raise ArchiveError.because(Cause.UNPROVEN_CONTENT)
        return ""

    def _reached(self) -> None:
        """Say how far the file can be read."""
        if self.following.done():
            self.following.result()
        self._end = self._part.written
        self._moved.set()

    async def follow(self) -> None:
        """Let the proof take what is written until all is."""
        while not self._complete or self._proof.position < self._end:
            await self._moved.wait()
            self._moved.clear()
            await step_by_step(self._threads, self._proof.follow(self._part.path, self._end), abort=self._abort)


def _read_again(archive: Archive, crc32: int, entries: Sequence[ZipEntry]) -> Generator[int, None, None]:
    """Compare the file under its final name with what was proven. Raises `ArchiveError`; yields the bytes read.

    Nothing else can be done meanwhile, so it takes the CRC: what a disk or memory spoils does not aim at a collision.
    """
    found_crc32, done = 0, 0
    try:
        with archive.path.open("rb", buffering=0) as file:
            for piece in read_over(file):
                found_crc32 = isal_zlib.crc32(piece, found_crc32)
                done += len(piece)
                yield done
        if (done, found_crc32) != (archive.bytes, crc32):
            raise ArchiveError.because(Cause.UNPROVEN_LATER, file=archive.path.name)
        if not archive.sealed:  # what is in a sealed one was read when it was opened
            require_listed(archive.path, entries)
    except OSError as error:
        raise ArchiveError.because(Cause.UNPROVEN_LATER_UNREAD, file=archive.path.name, said=str(error)) from error
