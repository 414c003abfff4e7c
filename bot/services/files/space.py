"""Looks whether there is room on a disk before it is written to, and knows the errors of a full one."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from bot.errors import NoSpaceError

SPARE_BYTES = 16 << 20
"""Left free on a disk that is written to: the applications' own writes may need it."""

FREE_SOME = "Free some space, or set SNAPSHOT_DIR to a folder on another disk."

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def disk_usage(folder: Path) -> tuple[int, int]:
    """Return free and all bytes of the disk that a folder is on; of its parent's, where there is no such folder."""
    while not os.path.exists(folder) and folder != folder.parent:  # noqa: PTH110 - False where nobody may look
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def require_space(folder: Path, needed: int, what: str, *, hint: str = FREE_SOME) -> None:
    """Raise `NoSpaceError` unless `needed` bytes fit and some are left; `what` completes "There is no space …"."""
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        raise NoSpaceError(
            f"There is no space {what} in {folder}: {needed:,} bytes are needed, and {free:,} are free.", hint=hint
        )


def is_full(error: OSError) -> bool:
    """Tell whether a write failed for want of room: of the disk, of a quota, or of what a file may hold."""
    return error.errno in _FULL
