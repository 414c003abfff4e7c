"""Tells how much memory there is for this process: the machine's, or what its group of processes may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def memory_bytes() -> int:
    """Return the bytes of memory that this process and its files in the system's cache can take; 0 if nothing tells.

    A container, or a service with `MemoryMax=`, has less than the machine; what it reads and maps of files counts.
    """
    if not hasattr(os, "sysconf"):
        return 0
    return min((os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_limits()))


def _limits() -> Iterator[int]:
    """Return what limits the groups that this process is in, the outer ones too; of no limit either a huge one or none.

    https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.high) and cgroup-v1/memory.html. A container
    may be told its path outside, where there is none inside: then the outermost that is seen is its own.
    """
    with suppress(OSError):
        for line in _OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            top = _GROUPS / "memory" if controllers else _GROUPS
            own = top / path.lstrip("/")
            for group in (own, *own.parents[: len(own.parts) - len(top.parts)]):
                for name in ("memory.limit_in_bytes",) if controllers else ("memory.max", "memory.high"):
                    with suppress(OSError, ValueError):
                        yield int((group / name).read_text())
