"""Creates private folders for restores, and deletes those that a killed process has left."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bot.services.concurrency.nursery import settled
from bot.services.files.store import create_private_folder

_PREFIX = "restore-"
_LOCK = ".lock"


@asynccontextmanager
async def private_folder(work: Path) -> AsyncIterator[Path]:
    """Give an empty folder (0700) inside `work`, removed at the end; as long as it is given, no sweep touches it."""
    folder = work / f"{_PREFIX}{secrets.token_hex(8)}"
    lock = await asyncio.to_thread(_open, folder)
    try:
        yield folder
    finally:
        # Although cancelled: whole copies of people's data, which a shutdown must not leave behind.
        await settled(asyncio.to_thread(_close, folder, lock))


async def sweep_private_folders(work: Path, *, first: Callable[[Path], None] = lambda _: None) -> tuple[Path, ...]:
    """Remove the folders of processes that are gone, after `first` (blocking) with each; return what was removed."""
    return await asyncio.to_thread(_sweep, work, first)


def _open(folder: Path) -> FileLock:
    create_private_folder(folder.parent)
    lock = FileLock(folder.with_name(folder.name + _LOCK), mode=0o600, thread_local=False)
    lock.acquire(timeout=0)  # before the folder is there: a sweep sees no folder without its lock
    folder.mkdir(mode=0o700)
    return lock


def _close(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)  # Windows deletes no open file


def _sweep(work: Path, first: Callable[[Path], None]) -> tuple[Path, ...]:
    removed = []
    for found in sorted(work.glob(f"{_PREFIX}*{_LOCK}")):
        lock = FileLock(found, mode=0o600, thread_local=False)
        folder = found.with_name(found.name.removesuffix(_LOCK))
        with suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            if folder.is_dir() and not folder.is_symlink():
                first(folder)
                removed.append(folder)
            _close(folder, lock)
    return tuple(removed)
