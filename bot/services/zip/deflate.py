"""Deflates files on several threads into standard raw deflate streams with their checksums.

As pigz does it: every block is compressed on its own with the 32 KiB before it as preset dictionary and ended by a
sync flush, which leaves it on a byte boundary (RFC 1951, 3.2.4); the concatenation, closed by an empty final block, is
a stream that any inflate reads.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import combinations, islice
from types import TracebackType
from typing import Self

from isal import isal_zlib
from zlib_ng import zlib_ng

from bot.models import Compression
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import Nursery
from bot.services.concurrency.threads import gentle_threads, in_thread
from bot.services.zip.deflated import FINAL_BLOCK, Content, DeflatedMember
from bot.services.zip.source import SAMPLE, WINDOW, Reading, Source

MAX_THREADS = 4  # each has about 4 MiB under way; with more of them the check of the snapshot is the limit anyway

SMALL_TOTAL = 16 << 20
"""Sources up to this sum are compressed well, since nobody waits for them: 0.2 s on two cores."""

GROWTH = 1.045
"""How much larger than zlib level 6 makes them large sources may become for the sake of speed; 1.05 is promised, and
the samples err by half a percent at most (measured: by 0.1 % on rows, by 0.5 % on a full-text index)."""

BLOCKS_AT_ONCE, PIECES_AT_ONCE = 2, 4
"""Blocks, and pieces of what is taken over, that are read at once: a way into a thread and back is worth a MiB."""

Codec = Callable[[bytes, bytes], bytes]
"""(block, the up to 32 KiB before it) to a piece of raw deflate that ends on a byte boundary and is not final."""

CodecPolicy = Callable[[int], Codec]
"""The number of a block in its source, from 0, to the codec for it."""


def zlib_ng_codec(level: int, strategy: int = zlib_ng.Z_DEFAULT_STRATEGY, *, window: int = 15) -> Codec:
    """Deflate by zlib-ng. Its level 7 makes SQLite pages smaller than its 8 and 9 and than zlib's, and faster.

    With all the memory it can use, a little more than by default, it is faster by a twentieth, and as small. What it
    looks back over has a size of two to the power of `window`: over 8 KiB in place of 32, random keys come out smaller
    and a fifth sooner, text larger.
    """

    def deflate(block: bytes, before: bytes) -> bytes:
        stream = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -window, 9, strategy, before)
        return stream.compress(block) + stream.flush(zlib_ng.Z_SYNC_FLUSH)

    return deflate


def isal_codec(level: int) -> Codec:
    """Deflate by ISA-L: four times as fast as zlib-ng level 5; random keys as small, text 6 % larger."""

    def deflate(block: bytes, before: bytes) -> bytes:
        stream = isal_zlib.compressobj(level, wbits=-15, zdict=before)
        return stream.compress(block) + stream.flush(isal_zlib.Z_SYNC_FLUSH)

    return deflate


def reference(block: bytes, before: bytes) -> bytes:
    """Deflate as `zip -6` does."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, before)
    return stream.compress(block) + stream.flush(zlib.Z_SYNC_FLUSH)


def smallest(block: bytes, before: bytes) -> bytes:
    """Deflate twice and keep the better: text wants the default strategy, random keys the filtered one."""
    return min(GOOD(block, before), _FILTERED(block, before), key=len)


GOOD = zlib_ng_codec(7)
_FILTERED = zlib_ng_codec(7, zlib_ng.Z_FILTERED)
FASTEST = isal_codec(2)
_ISAL_1 = isal_codec(1)
CANDIDATES = (  # the fastest first
    _ISAL_1,
    isal_codec(3),
    zlib_ng_codec(5, window=13),
    zlib_ng_codec(4),
    zlib_ng_codec(5),
    zlib_ng_codec(6),
)
COSTS = (0.65, 1.0, 2.7, 3.0, 3.4, 5.6)  # their time for the same block, in the middle of thirteen kinds of content
TRIED_AT_FIRST = 3  # on samples; each of the others where none before it makes them small enough
FEW_BLOCKS, FOR_FEW = 3, CANDIDATES[4]  # of what is mostly taken over: samples would cost more than they save


def policy_for(compression: Compression, total_bytes: int) -> CodecPolicy | None:
    """Choose the codecs for sources of that sum; None: samples of each have to tell (`recommended_mix`)."""
    match compression:
        case Compression.FAST:
            return lambda _number: FASTEST
        case Compression.SMALL:
            return lambda _number: smallest
        case Compression.AUTO:
            return (lambda _number: GOOD) if total_bytes <= SMALL_TOTAL else None


def sizes_of(samples: Sequence[tuple[bytes, bytes]], codecs: Sequence[Codec]) -> tuple[int, ...]:
    """How small each codec makes the samples, all of them together."""
    return tuple(sum(len(deflate(*sample)) for sample in samples) for deflate in codecs)


def loss_of(stretch: bytes) -> tuple[int, int]:
    """How small ISA-L makes a stretch at once, with one code table for all of it, and in pieces as long as samples.

    Where a file holds many things close together, one table fits none of them: 1 to 2 % of a full-text index.
    """
    pieces = range(0, len(stretch), SAMPLE)
    parts = ((stretch[at : at + SAMPLE], stretch[max(0, at - WINDOW) : at]) for at in pieces)
    return len(_ISAL_1(stretch, b"")), sum(len(_ISAL_1(*part)) for part in parts)


def of_the_whole(sizes: Sequence[int], losses: Sequence[tuple[int, int]]) -> list[int]:
    """Correct the sizes of samples by those first tried: what ISA-L has lost of stretches, it will lose of all.

    Measured: `zip -6`, which writes its tables as often as in samples, gains 0.25 % of their weight there; zlib-ng with
    its small window loses 0.4 %.
    """
    at_once, in_pieces = map(sum, zip(*losses, strict=True))
    loss = at_once / in_pieces / 0.9975
    return [round(size * by) for size, by in zip(sizes, (1, loss, loss, 1.004), strict=True)]


def are_small_enough(sizes: Sequence[int], growth: float = GROWTH) -> bool:
    """Whether samples are that for a codec alone; the first of the sizes is what `zip -6` makes of them."""
    return any(size <= growth * sizes[0] for size in sizes[1:])


def recommended_policy(sizes: Sequence[int], growth: float = GROWTH) -> CodecPolicy:
    """Find the fastest way to stay below `growth` times what `zip -6` makes: the first of the sizes of all samples.

    After it come those by the candidates, or the first of them. Of all pairs of one that is too large and one that is
    small enough, the one that costs the least time when the blocks are shared out so that the whole comes out just
    below the limit. Without samples, or where none is small enough, it is the last candidate.
    """
    by_zip, *tried = sizes or (0,)
    limit = growth * by_zip
    ranked = list(zip(CANDIDATES, COSTS, tried, strict=False))
    ways = [(cost, shared_policy(codec, codec, 1)) for codec, cost, size in ranked if size <= limit]
    for (fast, fast_cost, fast_size), (good, good_cost, good_size) in combinations(ranked, 2):
        if good_size <= limit < fast_size:
            share = (limit - good_size) / (fast_size - good_size)
            ways.append((share * fast_cost + (1 - share) * good_cost, shared_policy(fast, good, share)))
    if not ways:
        return shared_policy(CANDIDATES[-1], CANDIDATES[-1], 0)
    return min(ways, key=lambda way: way[0])[1]


def shared_policy(fast: Codec, good: Codec, share: float) -> CodecPolicy:
    """Give `fast` that share of the blocks (0 to 1), evenly spread."""
    return lambda number: fast if int((number + 1) * share) > int(number * share) else good


class Deflation:
    """Deflates sources in the order they were given, reading ahead over their borders; few blocks are in memory.

    An async context manager: when it is left, for whatever reason, none of its threads is at work any more.
    """

    def __init__(self, mix: CodecPolicy | None, *, abort: Abort, threads: int | None = None) -> None:
        """Compress with `mix`; where it is None, with what samples of each source recommend."""
        self._count = count = threads or min(_cores(), MAX_THREADS)
        self._mix = mix
        self._abort = abort
        self._compressors = gentle_threads(count, "deflate")
        self._reader = gentle_threads(1, "read")
        self._ahead: asyncio.Queue[Future[bytes] | bytes | Content | Exception] = asyncio.Queue(count + 1)
        self._tasks = Nursery()
        self._feeder: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            await self._tasks.drain()
        finally:
            try:
                await in_thread(self._reader, self._compressors.shutdown, cancel_futures=True)
            finally:
                self._reader.shutdown()

    async def feed(self, sources: Sequence[tuple[str, Source]]) -> None:
        """Begin with these, each with its name, once all pieces of the sources before have been taken."""
        if self._feeder is not None:
            await self._feeder
        self._feeder = self._tasks.start(self._feed(sources))

    async def take(self) -> bytes | Content:
        """Wait for the next piece of the stream under way, one for each block; at its end for what it inflates to.

        Raises `ArchiveError` where the source can't be read, `AbortedError`.
        """
        self._abort.check()
        piece = await self._ahead.get()
        if isinstance(piece, Exception):
            raise piece
        if isinstance(piece, Future):
            deflated: bytes = await asyncio.wrap_future(piece)
            return deflated
        return piece

    async def _feed(self, sources: Sequence[tuple[str, Source]]) -> None:
        try:
            for name, source in sources:
                if isinstance(source, DeflatedMember):
                    await self._hand_on(source)
                else:
                    await self._feed_one(Reading(name, source))
        except Exception as error:  # it is the taker's: raised where the pieces are awaited
            await self._ahead.put(error)

    async def _feed_one(self, reading: Reading) -> None:
        try:
            mix, number, blocks = self._mix, 0, iter(reading.next_block, None)
            while some := await in_thread(self._reader, lambda: list(islice(blocks, BLOCKS_AT_ONCE))):
                for block in some:
                    if block.deflated:
                        await self._ahead.put(block.deflated)
                        continue
                    if mix is None and not (reading.has_earlier and number < FEW_BLOCKS):
                        mix = await self._recommended(reading)
                    codec = FOR_FEW if mix is None else mix(number)
                    await self._ahead.put(self._compressors.submit(codec, block.plain, block.before))
                    number += 1
            await self._ahead.put(FINAL_BLOCK)
            await self._ahead.put(reading.content)
        finally:
            reading.close()

    async def _hand_on(self, member: DeflatedMember) -> None:
        pieces = member.pieces()
        try:
            while some := await in_thread(self._reader, lambda: list(islice(pieces, PIECES_AT_ONCE))):
                for piece in some:
                    await self._ahead.put(piece)
        finally:
            await in_thread(self._reader, pieces.close)
        await self._ahead.put(member.content)

    async def _recommended(self, reading: Reading) -> CodecPolicy:
        samples, stretches = await in_thread(self._reader, reading.samples)
        if not samples:
            return recommended_policy(())
        codecs = (reference, *CANDIDATES)
        jobs = [self._compressors.submit(loss_of, stretch) for stretch in stretches]
        sizes = await self._sizes(samples, codecs[: 1 + TRIED_AT_FIRST])
        sizes = of_the_whole(sizes, [await asyncio.wrap_future(job) for job in jobs])
        while len(sizes) < len(codecs) and not are_small_enough(sizes):
            sizes += await self._sizes(samples, codecs[len(sizes) :][:1])
        return recommended_policy(sizes)

    async def _sizes(self, samples: Sequence[tuple[bytes, bytes]], codecs: Sequence[Codec]) -> list[int]:
        parts = [samples[number :: self._count] for number in range(self._count)]
        jobs = [self._compressors.submit(sizes_of, part, codecs) for part in parts]
        return [sum(sizes) for sizes in zip(*[await asyncio.wrap_future(job) for job in jobs], strict=True)]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
