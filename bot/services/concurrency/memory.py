"""Keeps memory small and imports quick, for a service that works for seconds and sleeps for an hour."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_TRIM_THRESHOLD = 8 << 20
_MMAP_THRESHOLD = 1 << 19  # below the blocks that a backup hands around: they leave no gaps behind in the arena


@cache
def keep_memory_flat() -> None:
    """Make glibc give freed blocks back, once for the process; does nothing where there is no glibc.

    By default every thread's arena learns from the first large block it frees to keep up to 64 MiB (mallopt(3), the
    dynamic threshold). Measured over runs of 300 MB: 80 MB kept for ever without this, 1 MB with one arena for all
    threads, in the same time: they compress and hash, and hardly allocate. What the arena may keep is enough for the
    blocks under way: with 1 MiB, the system's emptying of pages that come and go took 8 % of a run. What is mapped by
    itself does not come to rest in the gaps of the arena: with 4 MiB for this, 100 MB of incompressible blobs took 65
    to 85 MB at their peak, with 512 KiB 51 to 66 in 4 to 12 % more time, with 256 KiB 50 in 12 to 25 % more; what can
    be compressed takes the same time with each.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from what is made meanwhile, for good: the modules of an import stay anyway.

    It would look through all of them again and again: that took a tenth of a command's time.
    """
    if not gc.isenabled():
        yield  # whoever is around it does it
        return
    gc.disable()
    try:
        yield
    finally:
        collect_from_now()


def collect_from_now() -> None:
    """Let the garbage collector work, and leave alone what was made until now."""
    gc.freeze()
    gc.enable()


def give_memory_back() -> None:
    """Give what the arenas kept during a run back to the system; takes a few milliseconds."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc; musl has neither call, and returns large blocks by itself."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
