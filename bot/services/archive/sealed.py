"""Writes a sealed archive: encrypts the ZIP as it is written, and proves it by decrypting what was written.

No other key is needed for it than the one that lives in the seal alone, and is forgotten when this is over.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from isal import isal_zlib

from bot.errors import ArchiveError, CourierError, SealError
from bot.models import Member
from bot.services.archive.proof import ArchiveProof
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.part_file import PartFile
from bot.services.sealing.age import Sealing, open_sealed
from bot.services.sealing.keys import Seal
from bot.services.zip.records import ZipEntry

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

AT_ONCE = 1 << 18
"""Bytes of the ZIP that are handed to the seal at once."""

_UNPROVEN = "The archive could not be proven"


class Stream(Protocol):
    """The ZIP as it is made. Close both it and what it streams."""

    entries: list[ZipEntry]
    members: list[Member]

    def stream(self) -> AsyncGenerator[bytes, None]: ...

    async def aclose(self) -> None: ...


async def write_sealed(stream: Stream, part: PartFile, proof: ArchiveProof, seal: Seal, abort: Abort) -> str:
    """Seal the stream into the file and prove it; return for whom it is sealed, as the file's own header says.

    The file is read from its first byte to its last and opened with a key that only this call has; every member is
    inflated out of it and compared with what was read from the snapshots, its directory with what was written, and
    its bytes with those that were handed over. Memory stays flat. Raises `ArchiveError`, `NoSpaceError`, `SealError`,
    `AbortedError`.
    """
    zip_crc32 = zip_bytes = 0
    async with Sealing(seal) as sealing, aclosing(stream), aclosing(stream.stream()) as chunks:
        waiting, collected = list[bytes](), 0
        async for chunk in chunks:
            zip_crc32 = isal_zlib.crc32(chunk, zip_crc32)
            zip_bytes += len(chunk)
            waiting.append(chunk)
            collected += len(chunk)
            if collected >= AT_ONCE:
                await part.write(await sealing.take(waiting))
                waiting, collected = [], 0
        await part.write(await sealing.take(waiting))
        await part.write(await sealing.finish())
        part.sync_behind()
        own = Abort(parent=abort)
        tail = _Tail(stream.entries, zip_bytes)

        def opened() -> str:
            def take(content: bytes) -> None:
                proof.take(content)
                tail.take(content)

            try:
                found = open_sealed([part.path], sealing.key, take, name=part.target.name, check=own.check)
            except (ArchiveError, SealError) as error:
                raise _unproven(error) from error
            if (found.bytes, found.sha256) != (part.written, part.sha256):
                raise ArchiveError(f"{_UNPROVEN}: the file does not hold what was written to it.")
            return sealing.require_sealed(found.header)

        label = await run_to_end(opened, stop=own.set)
    if (proof.position, proof.crc32) != (zip_bytes, zip_crc32):
        raise ArchiveError(f"{_UNPROVEN}: what comes out of its seal is not what went in.")
    proof.conclude(stream.members)
    tail.conclude()
    return label


def _unproven(error: CourierError) -> ArchiveError:
    sentence = error.sentence if error.sentence.startswith(_UNPROVEN) else f"{_UNPROVEN}: {error.sentence}"
    return ArchiveError(sentence, hint=error.hint)


class _Tail(io.RawIOBase):
    """The end of the ZIP for Python's zipfile to read: what follows its last member. All before it reads as zeros."""

    def __init__(self, entries: Sequence[ZipEntry], size: int) -> None:
        last = max(entries, key=lambda entry: entry.offset)
        self._entries = entries
        self._start, self._size = last.offset + last.compressed_bytes, size
        self._content = bytearray()
        self._taken = self._position = 0

    def take(self, content: bytes) -> None:
        self._content += content[max(0, self._start - self._taken) :]
        self._taken += len(content)

    def conclude(self) -> None:
        """Raise `ArchiveError` unless the directory lists the members that were written."""
        try:
            with zipfile.ZipFile(io.BufferedReader(self)) as directory:
                found = [
                    (i.filename, i.CRC, i.compress_size, i.file_size, i.header_offset) for i in directory.infolist()
                ]
        except zipfile.BadZipFile as error:
            raise ArchiveError(f"{_UNPROVEN}: {error}.") from error
        if found != [(e.name, e.crc32, e.compressed_bytes, e.bytes, e.offset) for e in self._entries]:
            raise ArchiveError(f"{_UNPROVEN}: its directory does not list the members that were written.")

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
