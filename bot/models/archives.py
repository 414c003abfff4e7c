"""Archives: what one holds, the proven file in the store, the volumes it is cut into."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MANIFEST_NAME = "manifest.json"
INFO_NAME = "backup_info.txt"
MANIFEST_FORMAT = 1


class Compression(StrEnum):
    AUTO = "auto"
    FAST = "fast"
    SMALL = "small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file inside an archive. `offset` is that of its first compressed byte in the archive file."""

    name: str
    bytes: int
    compressed_bytes: int
    crc32: int
    sha256: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A ZIP in the store, written, re-read and compared: it only exists proven.

    `sealed` says for whom it is sealed, as its proof found it; empty where it is not.
    """

    path: Path
    bytes: int
    sha256: str
    sealed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A plain slice of an archive: `bytes` from `offset`. `number` counts from 1 to `total`."""

    archive: Path
    name: str
    number: int
    total: int
    offset: int
    bytes: int
