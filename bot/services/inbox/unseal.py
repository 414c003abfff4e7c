"""Orders the volumes of sealed uploads, and leaves the opening to the intake and its private folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bot.services.concurrency.abort import Abort
from bot.services.sealing.volumes import arrange_sealed, require_last

Unseal = Callable[[Sequence[Path], Path, Abort], Awaitable[tuple[Path, ...]]]
"""Takes the fetched files of a sealed archive (its volumes, in the order they came), a private folder to write into and
a flag that stops it; returns the files to go on with. Raises `MissingVolumesError`, `UntrustedArchiveError`."""

HINT = "Open it with the age tool and your key: age -d -i KEY FILE.zip.age > FILE.zip. Then send the FILE.zip here."


async def unseal(files: Sequence[Path], _room: Path, _abort: Abort) -> tuple[Path, ...]:
    """Return the volumes in order, sealed as they are: what is kept here is never unsealed."""
    ordered = await asyncio.to_thread(arrange_sealed, files)
    if len(ordered) == 1:
        require_last(ordered)  # of several, the opening tells whether the last one is missing
    return ordered
