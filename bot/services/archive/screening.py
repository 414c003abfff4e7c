"""Screens the ZIP directory of an archive of unknown origin before anything is unpacked."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.errors import DamagedArchiveError, UntrustedArchiveError
from bot.models import Cause, Reason
from bot.services.files.names import folded
from bot.services.snapshot.sqlite_errors import MAGIC
from bot.services.zip.inflate import InflateError
from bot.services.zip.reader import ZipReader, directory_of, entry_of, local_header
from bot.services.zip.records import UTF8_NAME, ZipEntry

MAX_MEMBERS = 10_000

MAX_RATIO = 200
"""SQLite pages compress to a third or a tenth; more than a two-hundredth, above SMALL_ENOUGH, is a bomb."""

SMALL_ENOUGH = 64 << 20
"""Bytes that a member may hold whatever its ratio: a freshly emptied database compresses very well."""

_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd", 99: "AES encryption"}
_ARCHIVE = re.compile(r"\.(zip|7z|rar|gz|tgz|bz2|xz|zst|tar)(\.\d+)?$", re.IGNORECASE)
# What systems leave in folders and their packers take along: macOS, Windows, KDE, Android, Synology.
_LITTER = {".ds_store", ".localized", ".directory", ".nomedia", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini"}
_LITTER_FOLDERS = {"__macosx", ".fseventsd", ".spotlight-v100", ".trashes", "@eadir", "$recycle.bin"}
# What Windows refuses in a name (also on Linux: the file may travel) and what turns the direction of text around.
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


@contextmanager
def screened(path: Path, *, trusted: bool = False) -> Iterator[ZipReader]:
    """Open an archive whose directory holds nothing unsafe; folders in it, and the litter of systems, are left out.

    Its members have plain names, without their folders. Refused, each with its own sentence: names that lead elsewhere,
    links and devices, names that are the same where case is ignored, encryption, methods that nothing here unpacks,
    members that overlap or lie outside the file, and sizes that cannot be or that only a bomb has (of a `trusted`
    archive, one that we wrote, the ratio is not held against it). Nothing is inflated. Raises `UntrustedArchiveError`,
    `DamagedArchiveError`, `NotFoundError`.
    """
    with directory_of(path) as (file, directory):
        archive = ZipReader(name=path.name, file=file, entries=())
        infos = [info for info in directory.infolist() if not info.is_dir()]
        _require_few(path.name, directory.infolist())
        for info in infos:
            _require_inside(path.name, info)
        infos = [info for info in infos if not _is_litter(archive, info)]
        if not infos:
            raise UntrustedArchiveError(f"{path.name} holds no SQLite database.", cause=Reason(Cause.NO_DATABASE))
        _require_names(path.name, infos)
        entries = [_entry(archive, info, trusted=trusted) for info in infos]
        placed = [(_data_at(archive, entry, info), entry) for entry, info in zip(entries, infos, strict=True)]
        _require_no_overlap(archive, placed, directory.start_dir)
        yield replace(archive, entries=entries)


def _require_few(archive: str, infos: Sequence[zipfile.ZipInfo]) -> None:
    if not infos:
        raise UntrustedArchiveError(f"{archive} is an empty archive.", cause=Reason(Cause.NO_DATABASE))
    if len(infos) > MAX_MEMBERS:
        raise _not_unpacked(f"{archive} holds {len(infos):,} files; more than {MAX_MEMBERS:,} are not unpacked.")


def _require_inside(archive: str, info: zipfile.ZipInfo) -> None:
    """See that a member's path does not try to lead elsewhere, whatever it is."""
    name, shown = info.orig_filename, _shown(info.orig_filename)
    if "\0" in name:
        raise _forged(f"{archive} holds {shown}, a name with a zero byte in it.")
    if name.startswith(("/", "\\")):
        raise _forged(f"{archive} holds {shown}, an absolute path: it would be written outside of the folder.")
    if re.match(r"[A-Za-z]:", name):
        raise _forged(f"{archive} holds {shown}, a path with a drive letter.")
    if ".." in re.split(r"[/\\]", name):
        raise _forged(f"{archive} holds {shown}, a path that leads out of the folder it is unpacked into.")
    kind = stat.S_IFMT(info.external_attr >> 16)  # whatever system it claims to come from
    if kind == stat.S_IFLNK:
        raise _forged(f"{archive} holds {shown}, a link to another file.")
    if kind not in (0, stat.S_IFREG):
        raise _forged(f"{archive} holds {shown}, which is no regular file.")


def _is_litter(archive: ZipReader, info: zipfile.ZipInfo) -> bool:
    """Tell whether a file is what a system left there, such as a Mac's `__MACOSX/._app.db`; a database never is."""
    *folders, own = re.split(r"[/\\]", _name_of(info).casefold())
    if not _LITTER_FOLDERS.isdisjoint(folders):
        return True
    if not own.startswith("._") and own not in _LITTER:
        return False
    try:
        return not archive.begins_with(_entry(archive, info, trusted=True), MAGIC)
    except (UntrustedArchiveError, DamagedArchiveError):
        return True


def _require_names(archive: str, infos: Sequence[zipfile.ZipInfo]) -> None:
    seen: dict[str, str] = {}
    for info in infos:
        name = _name_of(info)
        own, shown = _base_name(name), _shown(name)
        if not own or own != own.rstrip(". ") or _UNSAFE.search(own) or _DEVICE.match(own) or len(own.encode()) > 255:
            raise _not_unpacked(
                f"{archive} holds {shown}, which is no file name everywhere.",
                hint="Unpack it yourself, give the database a plain name, and zip it again.",
            )
        if folded(own) in seen:
            raise _not_unpacked(
                f"{archive} holds the name {shown} twice (also {seen[folded(own)]}): which one is meant can't be told.",
                hint="Unpack it yourself, and zip what you want back.",
            )
        seen[folded(own)] = shown


def _name_of(info: zipfile.ZipInfo) -> str:
    """A member's name. What a Mac's own packer writes is UTF-8 without saying so; zipfile takes it for code page 437
    (APPNOTE 4.4.4, bit 11).
    """
    if info.flag_bits & UTF8_NAME or info.orig_filename.isascii():
        return info.orig_filename
    try:
        return _raw_name(info).decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _forged(what: str) -> UntrustedArchiveError:
    hint = "No backup tool makes such an archive: do not unpack it elsewhere either."
    return UntrustedArchiveError(what, hint=hint, cause=Reason(Cause.UNSAFE))


def _not_unpacked(what: str, *, hint: str = "") -> UntrustedArchiveError:
    return UntrustedArchiveError(what, hint=hint, cause=Reason(Cause.NOT_UNPACKED))


def _entry(archive: ZipReader, info: zipfile.ZipInfo, *, trusted: bool) -> ZipEntry:
    name = _base_name(_name_of(info))
    if info.flag_bits & 1 or info.compress_type == 99:
        raise _not_unpacked(
            f"{archive.name} is encrypted: {name} can't be read without its password.",
            hint="Unpack it with the tool that made it, and zip it again without a password.",
        )
    if info.compress_type not in (_STORED, _DEFLATED):
        method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise _not_unpacked(
            f"{archive.name} holds {name} packed by {method}, which is not unpacked here.",
            hint="Unpack it with the tool that made it, and zip it again the usual way (deflate).",
        )
    if _ARCHIVE.search(name):
        raise _not_unpacked(
            f"{archive.name} holds {name}, an archive within the archive; those are not unpacked.",
            hint="Unpack the outer one yourself, and bring the inner one.",
        )
    entry = replace(entry_of(info), name=name)
    if entry.stored and entry.bytes != entry.compressed_bytes:
        raise archive.damaged(name, "is not compressed, and yet has two sizes")
    if not trusted and entry.bytes > SMALL_ENOUGH and entry.bytes > MAX_RATIO * entry.compressed_bytes:
        raise _not_unpacked(
            f"{archive.name} holds {name}, {entry.compressed_bytes:,} bytes that claim to become {entry.bytes:,}: a"
            " bomb.",
            hint="If it really is yours, unpack it with another tool and restore the database by hand.",
        )
    return entry


def _data_at(archive: ZipReader, entry: ZipEntry, info: zipfile.ZipInfo) -> int:
    """Where a member's data begins; it must be called the same there."""
    try:
        name, at = local_header(archive.file, entry)
    except InflateError as error:
        raise archive.damaged(entry.name, str(error)) from error
    if name != _raw_name(info):
        raise _forged(f"{archive.name} calls {entry.name} by another name where its data is.")
    return at


def _base_name(name: str) -> str:
    """Return the file's own name; folders within an archive say nothing here."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & UTF8_NAME else "cp437", "surrogateescape")


def _require_no_overlap(archive: ZipReader, placed: Sequence[tuple[int, ZipEntry]], directory_at: int) -> None:
    end, before = 0, ""
    for start, entry in sorted(placed, key=lambda place: place[0]):
        if start < end:
            raise _forged(
                f"{archive.name} holds {entry.name} within the data of {before}: members that overlap are a bomb."
            )
        end, before = start + entry.compressed_bytes, entry.name
    if end > directory_at:
        raise archive.damaged(before, "reaches into the directory")


def _shown(name: str) -> str:
    printable = "".join(sign if sign.isprintable() else "\ufffd" for sign in name)
    return f"“{printable[:80]}{'…' if len(printable) > 80 else ''}”"
