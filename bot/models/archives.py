"""Archives: what one holds, the proven file in the store, the volumes it is cut into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

MANIFEST_NAME = "manifest.json"
INFO_NAME = "backup_info.txt"
MANIFEST_FORMAT = 1


class Compression(StrEnum):
    AUTO = "auto"
    FAST = "fast"
    SMALL = "small"


class Block(NamedTuple):
    """A piece of a database that was deflated by itself, with the end of the one before it as dictionary.

    `crc32` is of its bytes, `end_crc32` of those that are the dictionary of the next one.
    """

    crc32: int
    end_crc32: int
    deflated_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """What is known of a deflate stream that was inflated and compared: what came out, and what it consists of.

    `sha256` and `crc32` are of what came out, `deflated_crc32` is of the stream itself. `blocks` are () where they are
    not known.
    """

    sha256: str
    crc32: int
    deflated_crc32: int
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file inside an archive. `offset` is that of its first compressed byte in the archive file."""

    name: str
    bytes: int
    compressed_bytes: int
    crc32: int
    sha256: str
    offset: int
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A ZIP in the store, written, re-read and compared: it only exists proven.

    `sealed` says for whom it is sealed, as its proof found it; empty where it is not. `deflated` is what that proof
    found of each member, by its name; nothing where the archive was not just written.
    """

    path: Path
    bytes: int
    sha256: str
    sealed: str = ""
    deflated: Mapping[str, Deflated] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A plain slice of an archive: `bytes` from `offset`. `number` counts from 1 to `total`."""

    archive: Path
    name: str
    number: int
    total: int
    offset: int
    bytes: int
