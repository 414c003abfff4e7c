"""Creates, copies, replaces and hashes private files: readable by their owner alone from their first instant."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bot.services.files.durability import sync_file, sync_folder

PART_SUFFIX = ".part"
"""What is being written has it behind its name: a sweep knows such a file again."""

PIECE = 1 << 20
"""Bytes that are read and written at once; between two pieces `check` is called, which raises to give up."""


def create_private(path: Path) -> BinaryIO:
    """Create a file (0600) and open it for writing. Raises `FileExistsError`, also where a link has its name."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Remove a file where the block fails, also by a cancellation; close it in the block."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def copy_into(
    out: BinaryIO, *sources: Path, check: Callable[[], object] = bool, tell: Callable[[int], object] = bool
) -> None:
    """Append the files, one after the other; `tell` gets the bytes that are done."""
    done = 0
    for source in sources:
        with source.open("rb") as file:
            while piece := file.read(PIECE):
                check()
                out.write(piece)
                done += len(piece)
                tell(done)


def to_the_disk(file: BinaryIO) -> None:
    """Bring what was written to an open file to the disk."""
    file.flush()
    sync_file(file.fileno())


def sync_path(path: Path) -> None:
    """Bring to the disk what somebody else has written to a file."""
    with path.open("r+b") as file:
        sync_file(file.fileno())


def replace_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Give a private file new content in one step: whoever reads it sees the old or the new. Raises `OSError`.

    With `durable`, the new content outlasts a power cut from when this returns; without, a reader may find less.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    with create_private(part) as file:
        file.write(content)
        if durable:
            to_the_disk(file)
    part.replace(path)
    if durable:
        sync_folder(path.parent)


def sha256_of(*paths: Path, check: Callable[[], object] = bool, tell: Callable[[int], object] = bool) -> str:
    """Return the SHA-256 of files, one after the other; `tell` gets the bytes that are done. Blocking."""
    digest, done = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(PIECE):
                check()
                digest.update(piece)
                done += len(piece)
                tell(done)
    return digest.hexdigest()
