"""A small disk of one's own that can be filled: a tmpfs, where this user may mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MB = 1 << 20


class SmallDisk:
    """A mounted file system of some megabytes, and one file on it that takes the room away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "of-somebody-else"

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, *, leave: int) -> None:
        """Let so many bytes be free, to a page."""
        self.clear()
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, self.free - leave))

    def clear(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int, *, files: int | None = None) -> Iterator[SmallDisk]:
    """Mount a tmpfs at a folder, for so many files; the test is skipped where that is not permitted."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk to fill")
    folder.mkdir(mode=0o700)
    inodes = "" if files is None else f",nr_inodes={files + 1}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700{inodes}", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: whatever is still open on it keeps no other test from running.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
