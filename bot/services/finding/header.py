"""Reads the first bytes of a file: whether it is an SQLite database, in which journal mode, and of which application.

SQLite is not asked, so that nothing is created beside the file. Closing a file drops the locks that this process has
on it (https://www.sqlite.org/howtocorrupt.html, 2.2): only a process that has none of these databases open may look.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

SMALLEST = 512
"""Bytes of the smallest database; the size of each is a multiple of it."""

_MAGIC = b"SQLite format 3\0"
_HEADER = 100  # https://www.sqlite.org/fileformat.html, 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseHeader:
    """`wal` is the journal mode WAL, else a rollback journal; `application_id` is 0 for most programs."""

    wal: bool
    application_id: int


def read_header(path: Path) -> DatabaseHeader | None:
    """Return what the header of a database says; None for any other file. Raises `OSError` where it can't be read."""
    with path.open("rb", buffering=0) as file:
        head = file.read(_HEADER)
    if len(head) < _HEADER or not head.startswith(_MAGIC):
        return None
    (application_id,) = struct.unpack_from(">I", head, 68)
    return DatabaseHeader(wal=head[18:20] == b"\2\2", application_id=application_id)
