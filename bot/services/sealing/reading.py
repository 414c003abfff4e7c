"""Adapts sources and outputs of sealed archives to the file objects that pyrage calls."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from bot.errors import DamagedArchiveError
from bot.models import Cause, because
from bot.services.sealing.header import changed

READ = 1 << 19
HEAD = 1 << 17
"""Bytes that surely hold the header, also in armor."""


class SealedSource:
    """The files one after the other, as pyrage reads them; counts and hashes every byte."""

    def __init__(self, files: Sequence[Path], check: Callable[[], object], progress: Callable[[int], object]) -> None:
        self._files = files
        self._check, self._progress = check, progress
        self._open: BinaryIO | None = None
        self.error: BaseException | None = None
        self.rewind()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def rewind(self) -> None:
        """Begin anew."""
        self.__exit__()
        self._open, self._next = None, 0
        self._ahead = io.BytesIO()
        self._sha256, self.bytes = hashlib.sha256(), 0

    def peeked(self) -> BinaryIO:
        """Return the beginning, which is not counted; a header may reach into the second volume."""
        head = b""
        for path in self._files:
            with path.open("rb") as file:
                head += file.read(HEAD - len(head))
            if len(head) == HEAD:
                break
        return io.BytesIO(head)

    def read(self, size: int = -1, /) -> bytes:
        """Read a little at a time, as pyrage does; the files are read in larger pieces."""
        if piece := self._ahead.read(size):
            return piece
        self._ahead = io.BytesIO(self._next_piece())
        return self._ahead.read(size)

    def readline(self, size: int = -1, /) -> bytes:
        line = bytearray()
        while len(line) < size and not line.endswith(b"\n") and (sign := self.read(1)):
            line += sign
        return bytes(line)

    def to_the_end(self) -> None:
        """Nothing may follow what was opened; were it possible, the checksum would be of it too."""
        while self.read(READ):
            pass

    def _next_piece(self) -> bytes:
        try:
            self._check()
            piece = self._read()
        except BaseException as error:
            self.error = error
            raise
        self._sha256.update(piece)
        self.bytes += len(piece)
        self._progress(self.bytes)
        return piece

    def _read(self) -> bytes:
        while True:
            if self._open is None:
                if self._next == len(self._files):
                    return b""
                self._open, self._next = self._files[self._next].open("rb"), self._next + 1
            if piece := self._open.read(READ):
                return piece
            self._open.close()
            self._open = None


class Sink:
    """Takes content from pyrage, and remembers what went wrong: pyrage may make another error of it."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self.error: BaseException | None = None

    def write(self, piece: bytes) -> int:
        try:
            self._sink(piece)
        except BaseException as error:
            self.error = error
            raise
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def faults_of_seal(name: str, source: SealedSource, out: Sink) -> Iterator[None]:
    """Raise what went wrong outside of the seal as it was, and every fault of the seal with its sentence."""
    try:
        yield
    except BaseException as error:
        if outside := out.error or source.error:
            if isinstance(outside, OSError) and outside is source.error:
                said = outside.strerror or str(outside)
                cause = because(Cause.ARCHIVE_UNREAD, said=said)
                raise DamagedArchiveError(f"{name} can't be read: {said}.", cause=cause) from error
            raise outside from None
        if isinstance(error, (OSError, EOFError)):  # an io::Error out of pyrage, whatever Python makes of its kind
            hint = "Download it again, all volumes; or take another backup."
            raise changed(name, "it is cut off, or was changed after it was sealed", hint=hint) from error
        raise
    if out.error is not None:
        raise out.error
