"""Walks the folders in which servers keep their data, within bounds, and lists files that may be databases."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.services.finding.header import SMALLEST
from bot.services.finding.noise import is_noise
from bot.services.snapshot.hidden_log import share_of
from bot.services.snapshot.source import SIDECARS

DEEPEST = 8
"""Folders below where a walk begins."""

_VOLUMES = "storage/volumes"


@dataclass(slots=True)
class Walked:
    """Files whose size may be a database's, and what was not looked into: forbidden, a share, or for want of time."""

    files: list[Path] = field(default_factory=list)
    forbidden: list[Path] = field(default_factory=list)
    shares: list[Path] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)


def usual_places() -> tuple[Path, ...]:
    """Return the folders to begin at: the working folder, those of servers and containers, home folders."""
    places = [Path.cwd()]
    if sys.platform != "win32":
        places += [Path("/var/lib/docker/volumes"), Path("/var/lib/containers") / _VOLUMES]
        places += [Path("/srv"), Path("/opt"), Path("/var/lib"), Path("/var/www"), Path("/data"), Path("/app")]
        places += [Path("/home"), Path("/root")]
    with suppress(RuntimeError):  # no home: a container's user
        home = Path.home()
        places += [home, home / ".local/share/docker/volumes", home / ".local/share/containers" / _VOLUMES]
    return tuple(dict.fromkeys(place for place in places if place != Path(place.anchor)))


def walk(
    places: Sequence[Path],
    *,
    passes_over: Callable[[Path], bool] = lambda _: False,
    seconds: float = 10.0,
    now: Callable[[], float] = time.monotonic,
) -> Walked:
    """List the files below `places`; no link is followed and no folder read twice. Blocking, for `seconds` at most.

    The nearer folders come first, of all places in turn: what want of time leaves out lies deepest. Folders that
    `passes_over` are the caller's business; noise and network shares are passed over anyway.
    """
    found = Walked()
    ahead: deque[tuple[Path, int, int]] = deque()
    seen: set[tuple[int, int]] = set()
    for place in places:
        try:
            device = place.stat().st_dev
        except OSError:  # not on this machine
            continue
        ahead.append((place, 0, device))
    end = now() + seconds
    while ahead:
        folder, depth, device = ahead.popleft()
        if now() > end:
            found.unfinished = sorted({folder, *(each for each, _, _ in ahead)})
            break
        try:
            itself = folder.stat()
            if (identity := (itself.st_dev, itself.st_ino)) in seen:
                continue
            seen.add(identity)
            if itself.st_dev != device and share_of(folder):
                found.shares.append(folder)
                continue
            if passes_over(folder):
                continue
            with os.scandir(folder) as entries:
                deeper = _take(entries, found.files)
        except PermissionError:
            found.forbidden.append(folder)
        except OSError:  # gone meanwhile, or of its disk
            continue
        else:
            if depth < DEEPEST:
                ahead.extend((each, depth + 1, itself.st_dev) for each in deeper)
    return found


def _take(entries: Iterable[os.DirEntry[str]], files: list[Path]) -> list[Path]:
    """Add what may be a database; return the folders to look into."""
    folders = []
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                if not is_noise(folder := Path(entry.path)):
                    folders.append(folder)
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(SIDECARS):
                size = entry.stat(follow_symlinks=False).st_size
                if size and size % SMALLEST == 0:
                    files.append(Path(entry.path))
        except OSError:
            continue
    return folders
