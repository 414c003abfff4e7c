"""An archive that anyone may have made: its directory tells what is wrong before anything is unpacked."""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bot.errors import DamagedArchiveError, UntrustedArchiveError
from bot.models import INFO_NAME, MANIFEST_NAME
from bot.services.zip_reader import opened

MAX_MEMBERS = 10_000

MAX_RATIO = 200
"""SQLite pages compress to a third or a tenth; more than a two-hundredth, above SMALL_ENOUGH, is a bomb."""

SMALL_ENOUGH = 64 << 20
"""Bytes that a member may hold whatever its ratio: a freshly emptied database compresses very well."""

_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd", 99: "AES encryption"}
_LOCAL_HEADER = 30
_SIDECAR = re.compile(r"-(wal|shm|journal)$", re.IGNORECASE)
_DATABASE = re.compile(r"\.(db|db3|sqlite|sqlite3|s3db|sl3)$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(zip|7z|rar|gz|tgz|bz2|xz|zst|tar)(\.\d+)?$", re.IGNORECASE)
# What Windows refuses in a name (also on Linux: the file may travel) and what turns the direction of text around.
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file in an archive, as its directory claims: `name` is plain and safe, `offset` that of its first data byte."""

    name: str
    bytes: int
    compressed_bytes: int
    crc32: int
    stored: bool
    offset: int

    @property
    def is_sidecar(self) -> bool:
        return _SIDECAR.search(self.name) is not None

    @property
    def is_called_database(self) -> bool:
        return _DATABASE.search(self.name) is not None


@contextmanager
def screened(archive: Path, *, trusted: bool = False) -> Iterator[tuple[BinaryIO, tuple[Part, ...]]]:
    """Open an archive whose directory holds nothing unsafe; folders in it are left out.

    Refused, each with its own sentence: names that lead elsewhere, links and devices, names that are the same where
    case is ignored, encryption, methods that nothing here unpacks, members that overlap or lie outside the file, and
    sizes that cannot be or that only a bomb has (of a `trusted` archive, one that we wrote, the ratio is not held
    against it). Nothing is inflated. Raises `UntrustedArchiveError`, `DamagedArchiveError`, `NotFoundError`.
    """
    with opened(archive) as (file, _entries), zipfile.ZipFile(file) as directory:
        infos = [info for info in directory.infolist() if not info.is_dir()]
        _require_few(archive.name, directory.infolist())
        _require_names(archive.name, infos)
        parts = tuple(_part(archive.name, file, info, trusted=trusted) for info in infos)
        _require_no_overlap(archive.name, parts, directory.start_dir)
        yield file, parts


def base_name(name: str) -> str:
    """Return the file's own name; folders within an archive say nothing here."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _require_few(archive: str, infos: Sequence[zipfile.ZipInfo]) -> None:
    if not infos:
        raise UntrustedArchiveError(f"{archive} is an empty archive.")
    if len(infos) > MAX_MEMBERS:
        raise UntrustedArchiveError(
            f"{archive} holds {len(infos):,} files; more than {MAX_MEMBERS:,} are not unpacked."
        )


def _require_names(archive: str, infos: Sequence[zipfile.ZipInfo]) -> None:
    seen: dict[str, str] = {}
    for info in infos:
        name = info.orig_filename
        shown = _shown(name)
        if "\0" in name:
            raise UntrustedArchiveError(f"{archive} holds {shown}, a name with a zero byte in it.", hint=_FORGED)
        if name.startswith(("/", "\\")):
            raise UntrustedArchiveError(
                f"{archive} holds {shown}, an absolute path: it would be written outside of the folder.", hint=_FORGED
            )
        if re.match(r"[A-Za-z]:", name):
            raise UntrustedArchiveError(f"{archive} holds {shown}, a path with a drive letter.", hint=_FORGED)
        if ".." in re.split(r"[/\\]", name):
            raise UntrustedArchiveError(
                f"{archive} holds {shown}, a path that leads out of the folder it is unpacked into.", hint=_FORGED
            )
        own = base_name(name)
        if not own or own != own.rstrip(". ") or _UNSAFE.search(own) or _DEVICE.match(own) or len(own.encode()) > 255:
            raise UntrustedArchiveError(
                f"{archive} holds {shown}, which is no file name everywhere.",
                hint="Unpack it yourself, give the database a plain name, and zip it again.",
            )
        kind = stat.S_IFMT(info.external_attr >> 16)  # whatever system it claims to come from
        if kind == stat.S_IFLNK:
            raise UntrustedArchiveError(f"{archive} holds {shown}, a link to another file.", hint=_FORGED)
        if kind not in (0, stat.S_IFREG):
            raise UntrustedArchiveError(f"{archive} holds {shown}, which is no regular file.", hint=_FORGED)
        folded = unicodedata.normalize("NFC", own).casefold()
        if folded in seen:
            raise UntrustedArchiveError(
                f"{archive} holds the name {shown} twice (also {seen[folded]}): which one is meant can't be told.",
                hint="Unpack it yourself, and zip what you want back.",
            )
        seen[folded] = shown


_FORGED = "No backup tool makes such an archive: do not unpack it elsewhere either."


def _part(archive: str, file: BinaryIO, info: zipfile.ZipInfo, *, trusted: bool) -> Part:
    name = base_name(info.filename)
    if info.flag_bits & 1 or info.compress_type == 99:
        raise UntrustedArchiveError(
            f"{archive} is encrypted: {name} can't be read without its password.",
            hint="Unpack it with the tool that made it, and zip it again without a password.",
        )
    if info.compress_type not in (_STORED, _DEFLATED):
        method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise UntrustedArchiveError(
            f"{archive} holds {name} packed by {method}, which is not unpacked here.",
            hint="Unpack it with the tool that made it, and zip it again the usual way (deflate).",
        )
    if _ARCHIVE.search(name):
        raise UntrustedArchiveError(
            f"{archive} holds {name}, an archive within the archive; those are not unpacked.",
            hint="Unpack the outer one yourself, and bring the inner one.",
        )
    stored = info.compress_type == _STORED
    if stored and info.file_size != info.compress_size:
        raise DamagedArchiveError(f"{archive} is damaged: {name} is not compressed, and yet has two sizes.")
    if not trusted and info.file_size > SMALL_ENOUGH and info.file_size > MAX_RATIO * info.compress_size:
        raise UntrustedArchiveError(
            f"{archive} holds {name}, {info.compress_size:,} bytes that claim to become {info.file_size:,}: a bomb.",
            hint="If it really is yours, unpack it with another tool and restore the database by hand.",
        )
    return Part(
        name=name,
        bytes=info.file_size,
        compressed_bytes=info.compress_size,
        crc32=info.CRC,
        stored=stored,
        offset=_data_offset(archive, file, info),
    )


def _data_offset(archive: str, file: BinaryIO, info: zipfile.ZipInfo) -> int:
    name = base_name(info.filename)
    if info.header_offset >= 0:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) == _LOCAL_HEADER and header.startswith(b"PK\x03\x04"):
            length, extra = struct.unpack_from("<2H", header, 26)
            own = file.read(length)
            if own == _raw_name(info):
                return info.header_offset + _LOCAL_HEADER + int(length + extra)
            raise UntrustedArchiveError(f"{archive} calls {name} by another name where its data is.", hint=_FORGED)
    raise DamagedArchiveError(f"{archive} is damaged: {name} is not where the directory says.")


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "surrogateescape")


def _require_no_overlap(archive: str, parts: Sequence[Part], directory_at: int) -> None:
    end, before = 0, ""
    for part in sorted(parts, key=lambda part: part.offset):
        if part.offset < end:
            raise UntrustedArchiveError(
                f"{archive} holds {part.name} within the data of {before}: members that overlap are a bomb.",
                hint=_FORGED,
            )
        end, before = part.offset + part.compressed_bytes, part.name
    if end > directory_at:
        raise DamagedArchiveError(f"{archive} is damaged: {before} reaches into the directory.")


def is_description(part: Part) -> bool:
    """Tell whether it is one of the two files that we put beside the databases."""
    return part.name in (MANIFEST_NAME, INFO_NAME)


def _shown(name: str) -> str:
    printable = "".join(sign if sign.isprintable() else "\ufffd" for sign in name)
    return f"“{printable[:80]}{'…' if len(printable) > 80 else ''}”"
