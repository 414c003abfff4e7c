"""The proof: what comes out of the file is compared, however the file was cut into pieces."""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ArchiveError
from bot.models import Deflated, Member
from bot.services.archive.proof import ArchiveProof
from bot.services.zip.deflated import Content, DeflatedMember
from bot.services.zip.inflate import INFLATED_PIECE, InflateError, Inflater


def deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflate.compress(content) + deflate.flush()


def member(content: bytes, offset: int) -> Member:
    return Member(
        name="shop.db",
        bytes=len(content),
        compressed_bytes=len(deflated(content)),
        crc32=zlib.crc32(content),
        sha256=hashlib.sha256(content).hexdigest(),
        offset=offset,
    )


def proof_of(stream: bytes) -> ArchiveProof:
    """A proof that was shown a file of one member."""
    proof = ArchiveProof()
    proof.expect(0)
    proof.take(stream)
    return proof


@given(contents=st.lists(st.binary(max_size=300), max_size=4), cut=st.integers(1, 50), gap=st.integers(0, 40))
def test_members_are_found_however_the_file_is_cut(contents: list[bytes], cut: int, gap: int) -> None:
    """Members among other bytes are inflated and compared, wherever one piece ends and the next begins."""
    proof, file, members = ArchiveProof(), b"", []
    for content in contents:
        file += b"h" * gap
        members.append(member(content, len(file)))
        proof.expect(len(file))
        file += deflated(content)
    file += b"directory"
    for start in range(0, len(file), cut):
        proof.take(file[start : start + cut])
    proof.conclude(members)
    assert (proof.position, proof.crc32) == (len(file), zlib.crc32(file))


@given(content=st.binary(max_size=300), flip=st.integers(-1, 8 * 20), cut=st.integers(1, 50))
def test_what_was_inflated_before_is_known_again(content: bytes, flip: int, cut: int) -> None:
    """By the checksum of its deflated bytes; with one bit of them changed it is not, whatever it would inflate to."""
    stream, expected = deflated(content), member(content, 1)
    known = Deflated(sha256=expected.sha256, crc32=expected.crc32, deflated_crc32=zlib.crc32(stream))
    taken_over = DeflatedMember(
        name="earlier.zip",
        opened=io.BytesIO,
        offset=0,
        compressed_bytes=len(stream),
        content=Content(expected.bytes, expected.crc32, expected.sha256),
        known=known,
    )
    spoiled = bytearray(stream)
    if flip >= 0:
        spoiled[flip // 8 % len(stream)] ^= 1 << flip % 8
    proof, file = ArchiveProof(), b"h" + spoiled + b"descriptor"
    proof.expect(1, taken_over)
    for start in range(0, len(file), cut):
        proof.take(file[start : start + cut])
    if flip < 0:
        proof.conclude([expected])
        assert proof.deflated == {"shop.db": known}
    else:
        with pytest.raises(ArchiveError, match="is not what was read"):
            proof.conclude([expected])


@pytest.mark.parametrize(
    "difference", [{"bytes": 4}, {"crc32": 1}, {"sha256": "0" * 64}, {"compressed_bytes": 3}, {"offset": 1}]
)
def test_any_difference_is_an_error(difference: dict[str, object]) -> None:
    """Length, CRC, SHA-256, compressed length and place must all be those that were written."""
    with pytest.raises(ArchiveError, match=r"shop\.db"):
        proof_of(deflated(b"content")).conclude([replace(member(b"content", 0), **difference)])


def test_a_member_too_many_and_one_cut_off_are_errors() -> None:
    """What was not written, or is not complete, is never proven."""
    with pytest.raises(ArchiveError, match="more than was written"):
        proof_of(deflated(b"content")).conclude([])
    with pytest.raises(ArchiveError, match="not complete"):
        proof_of(deflated(b"content")[:-1]).conclude([member(b"content", 0)])


def test_a_file_that_is_too_short_is_an_error(tmp_path: Path) -> None:
    """A file that ends before what was written, or is gone, is never proven."""
    (tmp_path / "part").write_bytes(b"abc")
    with pytest.raises(ArchiveError, match="shorter"):
        list(ArchiveProof().follow(tmp_path / "part", 4))
    with pytest.raises(ArchiveError, match="reading it back failed"):
        list(ArchiveProof().follow(tmp_path / "gone", 4))


def test_a_bomb_is_stopped_at_its_declared_size() -> None:
    """A stream that holds more than was announced ends at the first piece beyond it, whatever is to come."""
    given_out: list[int] = []
    inflater = Inflater(limit=1000, sink=lambda content: given_out.append(len(content)))
    with pytest.raises(InflateError, match="more than the 1,000 bytes"):
        inflater.feed(deflated(bytes(50_000_000)))
    assert inflater.bytes <= INFLATED_PIECE
    assert given_out == []


def test_what_lies_behind_the_stream_is_given_back() -> None:
    """Bytes after the end of the stream are returned, not swallowed, and not counted."""
    inflater = Inflater()
    assert inflater.feed(deflated(b"content") + b"behind") == b"behind"
    assert inflater.ended
    assert inflater.compressed_bytes == len(deflated(b"content"))
