"""Writes a sealed archive: encrypts the ZIP as it is written, and proves it by decrypting what was written.

No other key is needed for it than the one that lives in the seal alone, and is forgotten when this is over.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from isal import isal_zlib

from bot.errors import ArchiveError, CourierError, DamagedArchiveError, SealError
from bot.models import NO_REASON, Cause, Reason
from bot.services.archive.proof import ArchiveProof, require_listed
from bot.services.archive.stream import MemberStream
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.part_file import PartFile
from bot.services.sealing.age import Sealing, open_sealed
from bot.services.zip.records import ZipEntry

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_UNPROVEN = "The archive could not be proven"


class SealedOutput:
    """Seals the ZIP as it comes, and proves it by opening the file with a key that only this object has."""

    at_once = 1 << 18  # bytes of the ZIP that are handed to the seal

    def __init__(self, part: PartFile, proof: ArchiveProof, sealing: Sealing, abort: Abort) -> None:
        self._part, self._proof, self._sealing, self._abort = part, proof, sealing, abort
        self._zip_crc32 = self._zip_bytes = 0

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Seal the next pieces. Raises `ArchiveError`, `NoSpaceError`."""
        for piece in pieces:
            self._zip_crc32 = isal_zlib.crc32(piece, self._zip_crc32)
            self._zip_bytes += len(piece)
        await self._part.write(await self._sealing.take(pieces))

    async def prove(self, stream: MemberStream) -> str:
        """Return for whom it is sealed, as the file's own header says.

        The file is read from its first byte to its last and opened; every member is proven out of it (`ArchiveProof`),
        its directory compared with what was written, and its bytes with those that were handed over. Memory stays flat.
        Raises `ArchiveError`, `NoSpaceError`, `AbortedError`.
        """
        await self._part.write(await self._sealing.finish())
        self._part.sync_behind()
        own = Abort(parent=self._abort)
        tail = _Tail(stream.entries, self._zip_bytes)
        label = await run_to_end(partial(self._open, tail, own.check), stop=own.set)
        if (self._proof.position, self._proof.crc32) != (self._zip_bytes, self._zip_crc32):
            raise ArchiveError.because(Cause.UNPROVEN_SEAL)
        self._proof.conclude(stream.members)
        require_listed(io.BufferedReader(tail), stream.entries)
        return label

    def _open(self, tail: _Tail, check: Callable[[], None]) -> str:
        def take(content: bytes) -> None:
            self._proof.take(content)
            tail.take(content)

        part = self._part
        try:
            found = open_sealed([part.path], self._sealing.key, take, name=part.target.name, check=check)
        except (ArchiveError, SealError) as error:
            raise _unproven(error) from error
        if (found.bytes, found.sha256) != (part.written, part.sha256):
            raise ArchiveError.because(Cause.UNPROVEN_CONTENT)
        return self._sealing.require_sealed(found.header)


def _unproven(error: CourierError) -> ArchiveError:
    sentence = error.sentence if error.sentence.startswith(_UNPROVEN) else f"{_UNPROVEN}: {error.sentence}"
    of_seal = isinstance(error, (DamagedArchiveError, SealError))  # what else is amiss, the proof of the ZIP tells
    cause = NO_REASON if of_seal else error.cause
    return ArchiveError(sentence, hint=error.hint, cause=cause or Reason(Cause.UNPROVEN_SEAL))


class _Tail(io.RawIOBase):
    """The end of the ZIP for Python's zipfile to read: what follows its last member. All before it reads as zeros."""

    def __init__(self, entries: Sequence[ZipEntry], size: int) -> None:
        last = max(entries, key=lambda entry: entry.offset)
        self._start, self._size = last.offset + last.compressed_bytes, size
        self._content = bytearray()
        self._taken = self._position = 0

    def take(self, content: bytes) -> None:
        self._content += content[max(0, self._start - self._taken) :]
        self._taken += len(content)

    # --- as a file ---

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        size = max(0, min(len(view), self._size - self._position))
        before = max(0, min(size, self._start - self._position))
        at = self._position + before - self._start
        view[:size] = bytes(before) + self._content[at : at + size - before]
        self._position += size
        return size
