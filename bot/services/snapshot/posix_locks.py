"""Tells who holds locks on a database, or has it open. Standard library only, as a child process runs this very file.

SQLite's locks lie at fixed bytes (https://www.sqlite.org/src/file/src/os.h, PENDING_BYTE); a connection in WAL mode
holds a shared lock on the database and byte 128 of its -shm even when idle
(https://www.sqlite.org/walformat.html, 2.3).
"""

from __future__ import annotations

import errno
import json
import os
import struct
import sys

if sys.platform != "win32":
    import fcntl

_MAIN, _SHM = (0x40000000, 512), (120, 9)


def is_main_locked(descriptor: int) -> bool:
    """Tell whether another process holds a lock on the database of an open descriptor. Raises `OSError`."""
    return _is_locked(descriptor, *_MAIN)


def _is_locked(descriptor: int, start: int, length: int) -> bool:
    mac = sys.platform == "darwin"
    layout = "qqihh" if mac else "hhqqi"
    place = (start, length, 0, fcntl.F_WRLCK, 0) if mac else (fcntl.F_WRLCK, 0, start, length, 0)
    answer = struct.unpack(layout, fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(layout, *place)))
    return bool(answer[3 if mac else 0] != fcntl.F_UNLCK)


def _is_held(path: str, place: tuple[int, int]) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        locked = _is_locked(descriptor, *place)
        os.close(descriptor)
    except (OSError, struct.error):
        return False
    return locked


def _lease(database: str) -> str | None:
    """A write lease is granted only while nobody else has the file open, whoever they are: fcntl(2), F_SETLEASE."""
    descriptor = os.open(database, os.O_RDONLY)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except AttributeError:  # Linux alone has it
        return None
    except OSError as error:
        return "refused" if error.errno == errno.EAGAIN else None
    return "granted"


if __name__ == "__main__":
    found: dict[str, object] = {"main": _is_held(sys.argv[1], _MAIN), "shm": _is_held(f"{sys.argv[1]}-shm", _SHM)}
    if "lease" in sys.argv[2:]:
        found["lease"] = _lease(sys.argv[1])
    sys.stdout.write(json.dumps(found))
