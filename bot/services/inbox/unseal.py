"""Where sealed archives will be opened on their way in: the one place where decryption plugs in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bot.errors import UntrustedArchiveError
from bot.services.abort import Abort

Unseal = Callable[[Sequence[Path], Path, Abort], Awaitable[tuple[Path, ...]]]
"""Takes the fetched files of a sealed archive (its volumes, in the order they came), a private folder to write into and
a flag that stops it; returns the files to go on with, opened, or else as they are, where the intake opens them in its
own folder. Raises `MissingVolumesError` where some are not there yet, and `UntrustedArchiveError` where they can't be
opened: no identity, a wrong one, or damage."""

SENTENCE = "is sealed (encrypted with age), and this bot can't open it."
HINT = "Open it with the age tool and your key: age -d -i KEY FILE.zip.age > FILE.zip. Then send the FILE.zip here."


async def unseal(files: Sequence[Path], _room: Path, _abort: Abort) -> tuple[Path, ...]:
    """Refuse what is sealed: no decrypter is present."""
    raise UntrustedArchiveError(f"{files[0].name} {SENTENCE}", hint=HINT)
