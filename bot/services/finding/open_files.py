"""Lists the files that running programs have open, with the programs' names, as far as this user may see them."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.services.snapshot.source import SIDECARS

if TYPE_CHECKING:
    from psutil import Process

_INTERPRETERS = ("python", "pypy", "node", "ruby", "php", "java", "perl", "deno", "bun", "dotnet")

Identity = tuple[int, int]
"""Device and inode of a file: the same under every name and in every container."""


@dataclass(slots=True)
class OpenFiles:
    """Programs by the file that they have open, and the paths by which this machine knows those files.

    `unseen` programs are other users', whose files are not shown.
    """

    programs: dict[Identity, list[str]] = field(default_factory=dict)
    paths: set[Path] = field(default_factory=set)
    unseen: int = 0


def look_at_programs() -> OpenFiles:
    """Ask the system about every process but this one. Blocking; a second, where there are very many."""
    import psutil  # noqa: PLC0415 - an extra, which `setup` alone needs

    found = OpenFiles()
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.pid == os.getpid():
            continue
        try:
            files = list(_files_of(process))
        except (psutil.AccessDenied, PermissionError):
            found.unseen += 1
            continue
        except (psutil.Error, OSError):  # ended meanwhile
            continue
        name = program_name(process.info["name"] or "", process.info["cmdline"] or ())
        for path, identity in files:
            programs = found.programs.setdefault(identity, [])
            if name not in programs:
                programs.append(name)
            found.paths.add(path)
    return found


def program_name(name: str, command: list[str] | tuple[str, ...]) -> str:
    """Return what people call a program: of an interpreter, the script that it runs."""
    if name.casefold().startswith(_INTERPRETERS):
        words = list(command[1:])
        for at, word in enumerate(words):
            if word == "-m" and at + 1 < len(words):
                return words[at + 1]
            if word in ("-c", "-e"):
                break
            if not word.startswith("-"):
                return Path(word).name
    return name or "a program"


def _files_of(process: Process) -> Iterator[tuple[Path, Identity]]:
    """Yield the regular files of a process: path and identity; a sidecar stands for its database."""
    if sys.platform == "linux":
        # Through its descriptors and not by their names, which in a container are names of another file system.
        with os.scandir(f"/proc/{process.pid}/fd") as descriptors:
            for descriptor in descriptors:
                try:
                    path, found = Path(os.readlink(descriptor.path)), os.stat(descriptor.path)  # noqa: PTH115, PTH116
                except OSError:  # closed meanwhile
                    continue
                if stat.S_ISREG(found.st_mode):
                    yield from _known_here(path, (found.st_dev, found.st_ino))
        return
    for opened in process.open_files():
        yield from _known_here(Path(opened.path), None)


def _known_here(path: Path, seen: Identity | None) -> Iterator[tuple[Path, Identity]]:
    """Yield an open file, and the database beside it where it is a sidecar, by the paths that this machine has.

    A file of another file system (`seen` there) that has no path here is yielded too: it may be met under another one.
    """
    here = _identity(path)
    identity = seen or here
    if identity is not None:
        yield path, identity
    if here is None or here != identity:
        return
    for suffix in SIDECARS:
        database = path.with_name(path.name.removesuffix(suffix) or path.name)
        if path.name.endswith(suffix) and (beside := _identity(database)) is not None:
            yield database, beside


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
