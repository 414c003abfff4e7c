"""Inflates deflate streams piece by piece in flat memory."""

import hashlib
from collections.abc import Callable
from typing import Protocol

from isal import isal_zlib

PIECE = 1 << 20
"""Bytes read at once: two milliseconds' work, and memory stays small."""

_SLICE = 1 << 18
"""Bytes given to the inflater at once, which copies what it has not taken yet before it goes on."""

INFLATED_PIECE = 1 << 19
"""The most that is inflated at once, however much the data claims to hold."""


class Checksum(Protocol):
    """What hashlib's objects can do, as far as it is needed."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class InflateError(Exception):
    """The data is not the deflate stream that was announced; the message completes "the member …"."""


class Inflater:
    """Inflates one raw deflate stream piece by piece, counts it and takes its checksums.

    Holds at most `INFLATED_PIECE` bytes of content, which go to `sink` and are forgotten.
    """

    def __init__(
        self,
        *,
        limit: int | None = None,
        sink: Callable[[bytes], object] = lambda _content: None,
        sha256: Checksum | None = None,
    ) -> None:
        """Give up, with `InflateError`, where more than `limit` bytes come out. `sha256` is fed with what does."""
        self._stream = isal_zlib.decompressobj(-15)
        self._sha256 = sha256 or hashlib.sha256()
        self._limit = limit
        self._sink = sink
        self.bytes = 0
        self.compressed_bytes = 0
        self.crc32 = 0

    @property
    def ended(self) -> bool:
        """Whether the stream is complete."""
        return bool(self._stream.eof)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def feed(self, data: bytes | memoryview) -> bytes | memoryview:
        """Inflate the next piece; returns what of it lies behind the end of the stream."""
        view, end = memoryview(data), 0
        while end < len(view) and not self._stream.eof:
            piece = view[end : end + _SLICE]
            self._inflate(piece)
            end += len(piece) - len(self._stream.unused_data)
        self.compressed_bytes += end
        return view[end:]

    def _inflate(self, data: bytes | memoryview) -> None:
        while not self._stream.eof:
            try:
                content = self._stream.decompress(data, INFLATED_PIECE)
            except isal_zlib.error as error:  # type: ignore[misc]  # a class, which its stub declares as an instance
                raise InflateError("does not inflate") from error
            self._take(content)
            data = self._stream.unconsumed_tail
            if not data and len(content) < INFLATED_PIECE:
                break

    def _take(self, content: bytes) -> None:
        self.bytes += len(content)
        if self._limit is not None and self.bytes > self._limit:
            raise InflateError(f"inflates to more than the {self._limit:,} bytes it is said to hold")
        self._sha256.update(content)
        self.crc32 = isal_zlib.crc32(content, self.crc32)
        self._sink(content)


class Copier(Inflater):
    """Takes a member that was not compressed as an `Inflater` takes a deflated one; `limit` says where it ends."""

    @property
    def ended(self) -> bool:
        return self.bytes == self._limit

    def feed(self, data: bytes | memoryview) -> bytes:
        self.compressed_bytes += len(data)
        self._take(bytes(data))
        return b""
