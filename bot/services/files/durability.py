"""Flushes files and folders to the disk, and warns where the file system can't promise it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from loguru import logger

_CANT = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_told: set[int] = set()


def sync_file(descriptor: int, sync: Callable[[int], None] = os.fsync) -> bool:
    """Bring a file to the disk; False, with a warning once, where its file system has no way to (some shares and FUSE).

    The content is then as safe as that file system makes it, which is no reason to go without a backup. Raises what
    else `sync` raises: a disk that fails.
    """
    try:
        sync(descriptor)
    except OSError as error:
        if error.errno not in _CANT:
            raise
        device = os.fstat(descriptor).st_dev
        if device not in _told:
            _told.add(device)
            logger.warning(
                "the file system of this folder can't say when a file is on the disk ({}): after a power cut the "
                "newest files may be missing; keep BACKUP_DIR on a local disk, or deliver elsewhere too",
                error.strerror,
            )
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where that is possible.

    Windows has no such call (NTFS journals its names), some network file systems refuse it, and a folder that may be
    written but not listed can't be opened; SQLite ignores the failure as well (unixSync in os_unix.c).
    """
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
