"""Reads deflated bytes of a member of an archive, all or some blocks, so that they can be put into another one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

from bot.errors import ArchiveError
from bot.models import Cause, Deflated

BLOCK = 1 << 19
"""Bytes that are deflated at once: a quarter is as good for the ratio, and costs hand-overs; a few are in memory."""

FINAL_BLOCK = b"\x03\x00"  # empty, fixed codes, final bit set (RFC 1951, 3.2.3)

PIECE = 1 << 18
"""Bytes that are handed on at once: larger ones the system would have to clear memory for."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a member inflates to: its size, its checksums, and those of its blocks, of each two as `Block` has them."""

    bytes: int
    crc32: int
    sha256: str
    blocks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflatedMember:
    """A raw deflate stream of `compressed_bytes` from `offset` of an archive, and what it is said to inflate to.

    Nothing of it is verified here: whoever writes it anew inflates what was written, or compares it with what is
    `known` of the stream, where that was inflated before.
    """

    name: str  # of the archive
    opened: Callable[[], BinaryIO]
    offset: int
    compressed_bytes: int
    content: Content
    known: Deflated | None = None

    @property
    def has_blocks(self) -> bool:
        """Whether its blocks are known, and make up the whole of it."""
        lengths = [block.deflated_bytes for block in self.known.blocks] if self.known is not None else []
        whole = -(-self.content.bytes // BLOCK), self.compressed_bytes - len(FINAL_BLOCK)
        return (len(lengths), sum(lengths)) == whole and 0 < max(lengths, default=0) < 2 * BLOCK

    def open(self) -> BinaryIO:
        """Open the archive. Raises `ArchiveError`."""
        with self._faults():
            return self.opened()

    def read(self, file: BinaryIO, start: int, size: int) -> bytes:
        """Read so many of its bytes from the open archive. Raises `ArchiveError`, also where it ends too early."""
        with self._faults():
            file.seek(self.offset + start)
            part = file.read(size)
        if len(part) < size:
            raise ArchiveError.because(Cause.DEFLATED_CUT, archive=self.name)
        return part

    def pieces(self) -> Generator[bytes, None, None]:
        """Read it piece by piece. Raises `ArchiveError` where it can't be read, or ends too early."""
        with self.open() as file:
            for start in range(0, self.compressed_bytes, PIECE):
                yield self.read(file, start, min(PIECE, self.compressed_bytes - start))

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError.because(
                Cause.DEFLATED_UNREAD, archive=self.name, said=error.strerror or str(error)
            ) from error


class EarlierBlocks:
    """The blocks of an earlier state of a file, deflated, to be copied where they are the same now."""

    def __init__(self, member: DeflatedMember) -> None:
        """Take a member of which the blocks are known."""
        self._blocks = member.known.blocks if member.known is not None else ()
        self._starts = tuple(accumulate((block.deflated_bytes for block in self._blocks), initial=0))
        self._bytes = member.content.bytes
        self._member = member
        self._file: BinaryIO | None = None

    def find(self, number: int, size: int, crc32: int, before_crc32: int) -> bytes | None:
        """Return what the block of that number was deflated to, if it had that size and CRC then; None otherwise.

        What is before it, its dictionary, is compared as well. Equal checksums are no proof, and need be none: whoever
        copies blocks inflates what came of it, and compares. Raises `ArchiveError` where they can't be read.
        """
        if number >= len(self._blocks) or size != min(BLOCK, self._bytes - number * BLOCK):
            return None
        block = self._blocks[number]
        if crc32 != block.crc32 or (number and before_crc32 != self._blocks[number - 1].end_crc32):
            return None
        if self._file is None:
            self._file = self._member.open()
        return self._member.read(self._file, self._starts[number], block.deflated_bytes)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
