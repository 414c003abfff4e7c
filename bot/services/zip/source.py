"""Reads what is to be deflated block by block, and tells which blocks are deflated already."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from bot.errors import ArchiveError
from bot.models import Cause
from bot.services.zip.deflated import BLOCK, Content, DeflatedMember, EarlierBlocks

WINDOW = 1 << 15

SAMPLE = 1 << 15
MIN_SAMPLED = 4 << 20
MAX_SAMPLES = 24
"""One for every MiB; 24 predict the size of hundreds of megabytes within half a percent, as well as if each were twice
as long, and cost 40 ms."""

STRETCH = 1 << 18
MAX_STRETCHES = 8

FEWER = 3
"""By this both are divided for a file of which blocks are copied: what is chosen is for a part of it, and an hour."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file of which an archive holds an `earlier` state: blocks that are the same are copied from there."""

    file: Path
    earlier: DeflatedMember


Source = Path | bytes | ChangedFile | DeflatedMember
"""A file or small content to be deflated; or what is deflated already, and handed on as it is."""


class Piece(NamedTuple):
    """A block that was read: what it was `deflated` to in the earlier state; or else its bytes and those before it."""

    deflated: bytes = b""
    plain: bytes = b""
    before: bytes = b""


class Reading:
    """A source being read once, block by block. Used by one thread at a time."""

    def __init__(self, name: str, source: Path | bytes | ChangedFile) -> None:
        self._name = name
        self._source = source.file if isinstance(source, ChangedFile) else source
        self._earlier = EarlierBlocks(source.earlier) if isinstance(source, ChangedFile) else None
        self._stream: BufferedReader | BytesIO | None = None
        self._sha256 = hashlib.sha256()
        self._buffer = memoryview(bytearray(BLOCK if self._earlier is not None else 0))
        self._before = b""
        self._bytes = self._crc32 = 0
        self._blocks: list[tuple[int, int]] = []

    @property
    def content(self) -> Content:
        """Of the very bytes that were read so far."""
        return Content(self._bytes, self._crc32, self._sha256.hexdigest(), tuple(self._blocks))

    def next_block(self) -> Piece | None:
        """Read the next block; None at the end. Raises `ArchiveError`."""
        block, before = self._read(), self._before
        if not block:
            return None
        self._sha256.update(block)
        self._crc32 = isal_zlib.crc32(block, self._crc32)
        self._bytes += len(block)
        self._before = bytes(block[-WINDOW:])
        crc32, before_crc32 = isal_zlib.crc32(block), self._blocks[-1][1] if self._blocks else 0
        self._blocks.append((crc32, isal_zlib.crc32(self._before)))
        if self._earlier is not None:
            found = self._earlier.find(len(self._blocks) - 1, len(block), crc32, before_crc32)
            if found is not None:
                return Piece(deflated=found)
        return Piece(plain=bytes(block), before=before)

    @property
    def has_earlier(self) -> bool:
        """Whether there is an earlier state, of which blocks are copied."""
        return self._earlier is not None

    def samples(self) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
        """Read samples from all over a large source, each with what lies before it, and a few longer stretches.

        Of a small source there are none. The reading goes on as it was.
        """
        fewer = FEWER if self.has_earlier else 1
        with self._opened() as stream:
            here, size = stream.tell(), stream.seek(0, os.SEEK_END)
            most = size >> 20 if size >= MIN_SAMPLED else 0
            pieces = list(_spread(stream, size, WINDOW + SAMPLE, min(most, MAX_SAMPLES) // fewer))
            stretches = list(_spread(stream, size, STRETCH, min(most, MAX_STRETCHES) // fewer))
            stream.seek(here)
        return [(piece[WINDOW:], piece[:WINDOW]) for piece in pieces], stretches

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._earlier is not None:
            self._earlier.close()

    def _read(self) -> bytes | memoryview:
        """Where blocks will be copied, over the last one, which saves the system the clearing of memory for each."""
        with self._opened() as stream:
            if self._earlier is None:
                return stream.read(BLOCK)
            return self._buffer[: stream.readinto(self._buffer)]

    @contextmanager
    def _opened(self) -> Iterator[BufferedReader | BytesIO]:
        try:
            if self._stream is None:
                self._stream = BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")
            yield self._stream
        except OSError as error:
            raise ArchiveError.because(Cause.COPY_UNREAD, name=self._name, said=error.strerror or str(error)) from error


def _spread(stream: BufferedReader | BytesIO, size: int, length: int, count: int) -> Iterator[bytes]:
    for number in range(count):
        stream.seek((size - length) * number // count)
        yield stream.read(length)
