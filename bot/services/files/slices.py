"""Moves the bytes of a volume: read from its archive while they are sent, written into a file as they come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from hashlib import sha256
from pathlib import Path

from bot.models import OutcomeCode, Volume
from bot.services.concurrency.nursery import settled
from bot.services.contracts.chats import CutShort
from bot.services.contracts.destination import CountBytes

CHUNK = 256 * 1024  # bytes; each costs a hop to a thread, so more than the usual 64 KiB


class ArchiveSlice:
    """Reads one volume chunk by chunk, off the event loop; never more than a chunk is in memory.

    The archive is opened for each chunk: nothing stays open when an upload is abandoned, and a pruned archive can be
    deleted on Windows too. `trouble` says why reading failed; `complete` is true when every byte was taken; `sha256`
    is that of the bytes, empty until the last one was read.
    """

    def __init__(self, volume: Volume, on_bytes: CountBytes) -> None:
        self._volume = volume
        self._on_bytes = on_bytes
        self.trouble = ""
        self.complete = False
        self.sha256 = ""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the volume from its beginning; raises OSError when the archive is gone or ends too early."""
        digest, left, offset = sha256(), self._volume.bytes, self._volume.offset
        self.trouble, self.complete = "", False
        while left:
            try:
                chunk = await asyncio.to_thread(_read_at, self._volume.archive, offset, min(CHUNK, left))
            except OSError as error:
                self.trouble = error.strerror or str(error)
                raise
            digest.update(chunk)
            left, offset = left - len(chunk), offset + len(chunk)
            if not left:
                self.sha256 = digest.hexdigest()
            yield chunk
            self.complete = not left
            self._on_bytes(len(chunk))


async def write_volume(
    content: AsyncGenerator[bytes, None], into: Path, expected: int, *, offset: int, on_bytes: CountBytes
) -> str:
    """Write exactly the expected bytes into a file that exists, from `offset` on; return their SHA-256.

    Never more than that is written, whatever comes. Raises `CutShort`, `OSError`, and what `content` raises.
    """
    digest, written = sha256(), 0

    def take(chunk: bytes) -> None:
        digest.update(chunk)
        # Opened for every piece: a file that outlives its thread would be left open when the caller is cancelled.
        # Not "wb": several volumes are written into one file side by side, and it keeps its private mode.
        with into.open("r+b") as file:
            file.seek(offset + written)
            file.write(chunk)

    async for chunk in content:
        if written + len(chunk) > expected:
            raise CutShort(OutcomeCode.DOWNLOAD_LONG, expected=expected)
        await settled(asyncio.to_thread(take, chunk))
        written += len(chunk)
        on_bytes(len(chunk))
    if written < expected:
        raise CutShort(OutcomeCode.DOWNLOAD_SHORT, bytes=written, expected=expected)
    return digest.hexdigest()


def _read_at(path: Path, offset: int, count: int) -> bytes:
    """Read exactly `count` bytes; raises OSError when they aren't there."""
    with path.open("rb") as archive:
        archive.seek(offset)
        chunk = archive.read(count)
    if len(chunk) < count:
        raise OSError(f"{path.name} ends {count - len(chunk)} bytes too early")
    return chunk
