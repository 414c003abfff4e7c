"""Deflate: any content comes back out of zlib, in order, with the checksums of what went in."""

from __future__ import annotations

import hashlib
import io
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import AbortedError, ArchiveError
from bot.models import Block, Compression, Deflated
from bot.services.concurrency.abort import Abort
from bot.services.zip import deflate, source
from bot.services.zip import deflated as deflated_blocks
from bot.services.zip.deflate import CANDIDATES, GOOD, CodecPolicy, Deflation, policy_for
from bot.services.zip.deflated import BLOCK, Content, DeflatedMember
from bot.services.zip.source import WINDOW

SIZES = [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + WINDOW + 1]


def content_of(size: int, seed: int = 1) -> bytes:
    """Half random, half repetitive, with repetitions that reach over a block's border."""
    noise = random.Random(seed).randbytes(min(size, 40_000))
    return (noise + b"row of a table, " * 3000)[:60_000] * (size // 60_000) + (noise + bytes(size))[: size % 60_000]


async def deflated(
    sources: Sequence[tuple[str, source.Source]], mix: CodecPolicy | None, threads: int = 2
) -> list[tuple[bytes, Content]]:
    found = []
    async with Deflation(mix, abort=Abort(), threads=threads) as deflation:
        await deflation.feed(sources)
        for _source in sources:
            pieces, content = await taken(deflation)
            found.append((b"".join(pieces), content))
    return found


def inflated(stream: bytes) -> bytes:
    inflate = zlib.decompressobj(-15)
    content = inflate.decompress(stream)
    assert inflate.eof
    assert not inflate.unused_data
    return content


@pytest.mark.parametrize("compression", list(Compression))
async def test_any_size_comes_back_with_its_checksums(compression: Compression, tmp_path: Path) -> None:
    """Sizes around the borders of blocks and window survive, several sources after one another."""
    contents = [content_of(size) for size in SIZES]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
    sources: list[tuple[str, Path | bytes]] = [(str(n), tmp_path / str(n)) for n in range(len(contents))]
    for content, (stream, plain) in zip(contents, await deflated(sources, policy_for(compression, 0)), strict=True):
        assert inflated(stream) == content
        sha256 = hashlib.sha256(content).hexdigest()
        assert (plain.bytes, plain.crc32, plain.sha256) == (len(content), zlib.crc32(content), sha256)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.tuples(st.binary(max_size=50), st.integers(1, 400)), max_size=8),
    block=st.sampled_from([1, 2, 100, 4096]),
    codec=st.sampled_from([*CANDIDATES, GOOD, deflate.FASTEST, deflate.smallest, deflate.reference]),
    threads=st.integers(1, 3),
)
async def test_any_content_survives_any_block_size(
    pieces: list[tuple[bytes, int]], block: int, codec: deflate.Codec, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the content, the block size and the codec: zlib inflates to the same bytes."""
    content = b"".join(piece * times for piece, times in pieces)[: 300 * block]
    with monkeypatch.context() as patch:
        patch.setattr(source, "BLOCK", block)
        ((stream, plain),) = await deflated([("x", content)], lambda _number: codec, threads)
    assert inflated(stream) == content
    assert plain.sha256 == hashlib.sha256(content).hexdigest()


EDITS = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 90), st.binary(max_size=90), st.booleans()), max_size=3)
"""Each: where, how many bytes go, which come; or else as many come as go."""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.sampled_from([b"row of a table, ", b"\0" * 40, bytes(range(70)), b"x"]), max_size=40).map(
        b"".join
    ),
    edits=EDITS,
    codec=st.sampled_from([*CANDIDATES, GOOD, deflate.FASTEST]),
)
async def test_blocks_of_an_earlier_state_make_the_same_content(
    before: bytes,
    edits: list[tuple[int, int, bytes, bool]],
    codec: deflate.Codec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However it was edited: what is copied and what is deflated anew make one stream of what the file holds now."""
    now, anew = before, list[bytes]()

    def counted(block: bytes, window: bytes) -> bytes:
        anew.append(block)
        return codec(block, window)

    for at, gone, new, in_place in edits:
        now = now[:at] + (now[at : at + gone].swapcase() if in_place else new) + now[at + gone :]
    with monkeypatch.context() as patch:
        for module in (source, deflated_blocks):
            patch.setattr(module, "BLOCK", 64)
        patch.setattr(source, "WINDOW", 16)
        async with Deflation(lambda _number: codec, abort=Abort(), threads=2) as deflation:
            await deflation.feed([("x", before)])
            pieces, content = await taken(deflation)
        earlier = member_of(pieces, content)
        assert earlier.has_blocks or not before
        (tmp_path / "now").write_bytes(now)
        async with Deflation(lambda _number: counted, abort=Abort(), threads=2) as deflation:
            await deflation.feed([("x", source.ChangedFile(tmp_path / "now", earlier))])
            pieces, content = await taken(deflation)
    assert inflated(b"".join(pieces)) == now
    assert (content.bytes, content.sha256) == (len(now), hashlib.sha256(now).hexdigest())
    same = [
        number
        for number in range(len(pieces) - 1)
        if before[max(0, 64 * number - 16) : 64 * number + 64] == now[max(0, 64 * number - 16) : 64 * number + 64]
    ]
    assert len(anew) == len(pieces) - 1 - len(same)


async def test_samples_are_taken_when_something_is_to_be_deflated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where only a few are not as they were; and in the middle of a file, the reading goes on where it was."""
    before = content_of(20 * BLOCK + 1)
    async with Deflation(policy_for(Compression.FAST, 0), abort=Abort()) as deflation:
        await deflation.feed([("x", before)])
        earlier = member_of(*await taken(deflation))
    few, many = (
        before[: 5 * BLOCK] + content_of(count * BLOCK, seed=2) + before[(5 + count) * BLOCK :]
        for count in (deflate.FEW_BLOCKS - 1, deflate.FEW_BLOCKS)  # and the one after them: its dictionary is another
    )
    sampled: list[bytes] = []

    def sizes_of(samples: list[tuple[bytes, bytes]], codecs: list[deflate.Codec]) -> tuple[int, ...]:
        sampled.extend(block for block, _window in samples)
        return measured(samples, codecs)

    measured = deflate.sizes_of
    monkeypatch.setattr(deflate, "sizes_of", sizes_of)
    for now, samples in ((before, 0), (few, 0), (many, ((20 * BLOCK + 1) >> 20) // source.FEWER)):
        (tmp_path / "now").write_bytes(now)
        ((stream, content),) = await deflated([("x", source.ChangedFile(tmp_path / "now", earlier))], None)
        assert inflated(stream) == now
        assert content.sha256 == hashlib.sha256(now).hexdigest()
        assert len(sampled) == samples


async def taken(deflation: Deflation) -> tuple[list[bytes], Content]:
    pieces = []
    while isinstance(piece := await deflation.take(), bytes):
        pieces.append(piece)
    return pieces, piece


def member_of(pieces: list[bytes], content: Content) -> DeflatedMember:
    """These pieces as they lie in an archive, and what is known of them."""
    blocks = tuple(Block(*crcs, len(piece)) for crcs, piece in zip(content.blocks, pieces, strict=False))
    return DeflatedMember(
        name="earlier.zip",
        opened=lambda: io.BytesIO(b"header" + b"".join(pieces) + b"directory"),
        offset=len(b"header"),
        compressed_bytes=len(b"".join(pieces)),
        content=content,
        known=Deflated(sha256=content.sha256, crc32=content.crc32, deflated_crc32=0, blocks=blocks),
    )


@given(sizes=st.lists(st.integers(1, 1000), max_size=1 + len(CANDIDATES)).filter(lambda sizes: len(sizes) != 1))
def test_recommended_mix_stays_below_the_limit(sizes: list[int]) -> None:
    """The blocks are shared out so that the whole is below the limit wherever any candidate that was tried is."""
    mix = deflate.recommended_policy(sizes, growth=1.04)
    by_zip, *tried = sizes or (1,)
    tried += [10_000] * (len(CANDIDATES) - len(tried))
    chosen = [tried[CANDIDATES.index(mix(number))] for number in range(1000)]
    assert sum(chosen) / 1000 <= max(1.04 * by_zip, tried[-1]) * 1.000001


def test_recommended_mix_takes_the_fastest_that_is_small_enough() -> None:
    """What the fastest codec compresses well enough is left to it alone, and each loses to the next as it must."""
    fastest, second, *_others, last = CANDIDATES

    def chosen(*sizes: int) -> list[deflate.Codec]:
        mix = deflate.recommended_policy(sizes, growth=1.04)
        return [mix(number) for number in range(100)]

    assert set(chosen(100, 104, 90, 80, 70)) == {fastest}
    assert set(chosen(100, 120, 110, 108, 108, 107, 104)) == {last}
    assert set(chosen(100, 120, 110, 108, 108, 107, 105)) == {last}
    assert chosen(100, 106, 102, 106, 106).count(fastest) == 50
    assert set(chosen(100, 900, 104, 103, 102)) == {second}


def test_recommended_mix_pairs_what_costs_least() -> None:
    """A slower codec that saves far more takes few blocks, and so beats a faster one that has to take most of them."""
    fastest, second, _third, fourth, *_others = CANDIDATES
    mix = deflate.recommended_policy([100, 106, 103, 103, 66], growth=1.04)
    chosen = [mix(number) for number in range(100)]
    assert chosen.count(second) == 0
    assert chosen.count(fourth) == 5
    assert chosen.count(fastest) == 95


async def test_slower_candidates_are_tried_where_no_faster_one_is_small_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random bytes are as large by all; what repeats from afar, the small window alone can't make small enough."""
    tried: list[deflate.Codec] = []

    def sizes_of(_samples: object, codecs: tuple[deflate.Codec, ...]) -> tuple[int, ...]:
        tried.extend(codecs)
        return tuple(sizes[codec] for codec in codecs)

    monkeypatch.setattr(deflate, "sizes_of", sizes_of)
    easy, hard = [100, 104, 103, 102, 101, 100, 99], [100, 140, 130, 120, 110, 104, 99]
    for made, count in ((easy, 3), (hard, 5)):
        sizes = dict(zip((deflate.reference, *CANDIDATES), made, strict=True))
        tried.clear()
        await deflated([("x", content_of(4 << 20))], None, threads=1)
        assert tried == [deflate.reference, *CANDIDATES[:count]]


def test_the_loss_of_one_table_for_many_things_is_foreseen() -> None:
    """What ISA-L loses where letters and digits take turns is seen on stretches; of one kind, it loses nothing."""
    chance = random.Random(1)
    letters = ["".join(chance.choices("abcdefgh", k=deflate.SAMPLE)).encode() for _ in range(4)]
    digits = ["".join(chance.choices("01234567", k=deflate.SAMPLE)).encode() for _ in range(4)]
    mixed = b"".join(piece for pair in zip(letters, digits, strict=True) for piece in pair)
    for content, low, high in ((b"".join(letters), 0.98, 1.01), (mixed, 1.03, 1.1)):
        at_once, in_pieces = deflate.loss_of(content)
        assert low < at_once / in_pieces < high
        by_zip, isal, *_others = deflate.of_the_whole([1000] * 4, [deflate.loss_of(content)])
        assert by_zip == 1000
        assert low < isal / by_zip < high


async def test_a_large_source_is_sampled(tmp_path: Path) -> None:
    """Without a mix, a large source is deflated by what its samples recommend, and comes back."""
    content = content_of(9 << 20)
    (tmp_path / "large").write_bytes(content)
    ((stream, _plain),) = await deflated([("large", tmp_path / "large")], None)
    assert inflated(stream) == content


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A source that can't be read is an ArchiveError with its name, raised where its pieces are taken."""
    with pytest.raises(ArchiveError, match=r"shop\.db"):
        await deflated([("shop.db", tmp_path / "nothing")], policy_for(Compression.FAST, 0))


async def test_abort_is_heeded() -> None:
    """A set flag stops the taker, however much is left."""
    abort = Abort()
    async with Deflation(policy_for(Compression.FAST, 0), abort=abort) as deflation:
        await deflation.feed([("x", bytes(20 * BLOCK))])
        await deflation.take()
        abort.set("the bot is shut down")
        with pytest.raises(AbortedError, match="shut down"):
            await deflation.take()
