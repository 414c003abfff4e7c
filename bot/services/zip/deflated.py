"""Reads the deflated bytes of a member of an archive as they are, so that they can be put into another one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import BinaryIO

from bot.errors import ArchiveError
from bot.models import Cause, Deflated

BLOCK = 1 << 19
"""Bytes that are deflated at once: a quarter is as good for the ratio, and costs hand-overs; a few are in memory."""

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

    def pieces(self) -> Generator[bytes, None, None]:
        """Read it piece by piece. Raises `ArchiveError` where it can't be read, or ends too early."""
        try:
            with self.opened() as file:
                file.seek(self.offset)
                left = self.compressed_bytes
                while left:
                    piece = file.read(min(PIECE, left))
                    if not piece:
                        raise ArchiveError.because(Cause.DEFLATED_CUT, archive=self.name)
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise ArchiveError.because(
                Cause.DEFLATED_UNREAD, archive=self.name, said=error.strerror or str(error)
            ) from error
