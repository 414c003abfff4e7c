"""Reads the bytes of a volume from its archive while they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from hashlib import sha256
from pathlib import Path

from bot.models import Volume

CHUNK = 256 * 1024  # bytes; each costs a hop to a thread, so more than the usual 64 KiB


class ArchiveSlice:
    """Reads one volume chunk by chunk, off the event loop; never more than a chunk is in memory.

    The archive is opened for each chunk: nothing stays open when an upload is abandoned, and a pruned archive can be
    deleted on Windows too. `trouble` says why reading failed; `complete` is true when every byte was taken; `sha256`
    is that of the bytes, empty until the last one was read.
    """

    def __init__(self, volume: Volume, on_bytes: Callable[[int], None]) -> None:
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


def _read_at(path: Path, offset: int, count: int) -> bytes:
    """Read exactly `count` bytes; raises OSError when they aren't there."""
    with path.open("rb") as archive:
        archive.seek(offset)
        chunk = archive.read(count)
    if len(chunk) < count:
        raise OSError(f"{path.name} ends {count - len(chunk)} bytes too early")
    return chunk
