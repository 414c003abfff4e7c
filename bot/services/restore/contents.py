"""Describes the content of an archive: its databases, each with what the manifest claims of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import DamagedArchiveError, NotFoundError, UntrustedArchiveError
from bot.models import INFO_NAME, MANIFEST_NAME, BackedUp, Cause, Reason
from bot.services.archive.manifest import MAX_MANIFEST, Manifest
from bot.services.files.names import folded
from bot.services.snapshot.sqlite_errors import MAGIC
from bot.services.zip.reader import ZipReader
from bot.services.zip.records import ZipEntry

_SIDECAR = re.compile(r"-(wal|shm|journal)$", re.IGNORECASE)
_DATABASE = re.compile(r"\.(db|db3|sqlite|sqlite3|s3db|sl3)$", re.IGNORECASE)

Found = tuple[ZipEntry, BackedUp | None]
"""A database in an archive, with its record in the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The databases to unpack, each with its record in the manifest, None where it has none; `missing` are the records
    whose databases were not found under their names.
    """

    manifest: Manifest | None
    found: tuple[Found, ...]
    missing: tuple[BackedUp, ...]
    warnings: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry, _ in self.found)

    @property
    def origins(self) -> dict[str, Path | None]:
        """The databases' names, each with the path that the manifest says it is from."""
        return {
            record.name if record else entry.name: Path(record.path) if record else None for entry, record in self.found
        }


def look_into(archive: ZipReader, only: Sequence[str]) -> Contents:
    """Tell what of an open, screened archive is to be unpacked: its databases, or those that `only` names.

    How it was packed says nothing: what is in folders, renamed in case or form, or left out, is held against the
    manifest all the same. Raises `UntrustedArchiveError` where it holds no database, `NotFoundError` for what `only`
    names in vain.
    """
    manifest, warnings = _manifest(archive)
    records = {folded(record.name): record for record in manifest.databases} if manifest else {}
    found: list[Found] = []
    for entry in archive.entries:
        if folded(entry.name) in (MANIFEST_NAME, INFO_NAME):
            continue
        record = records.get(folded(entry.name))
        if record is not None or archive.begins_with(entry, MAGIC):
            found.append((entry, record))
            continue
        warnings.append(_left_out(archive, entry, foreign=manifest is None))
    if not found:
        raise UntrustedArchiveError(f"{archive.name} holds no SQLite database.", cause=Reason(Cause.NO_DATABASE))
    held = {folded(entry.name) for entry, _ in found}
    missing = tuple(record for name, record in records.items() if name not in held)
    if only:
        found = _only(archive.name, found, only)
        missing = ()
    return Contents(manifest=manifest, found=tuple(found), missing=missing, warnings=tuple(warnings))


def _manifest(archive: ZipReader) -> tuple[Manifest | None, list[str]]:
    """Read the manifest; without one that can be read, nothing proves what the databases are."""
    entry = next((entry for entry in archive.entries if folded(entry.name) == MANIFEST_NAME), None)
    if entry is None:
        why = f"{archive.name} was not made by SQLite Courier, or its {MANIFEST_NAME} was taken out"
    else:
        try:
            return Manifest.from_json(archive.read(entry, most=MAX_MANIFEST)), []
        except DamagedArchiveError as error:
            why = f"The manifest of {archive.name} can't be used ({error.sentence.rstrip('.')})"
    return None, [f"{why}: nothing proves that its databases are what was backed up."]


def _left_out(archive: ZipReader, entry: ZipEntry, *, foreign: bool) -> str:
    """Return why a member is left out. Raises `UntrustedArchiveError` where it should have been a database."""
    if _SIDECAR.search(entry.name) and entry.bytes:
        return (
            f"{archive.name} holds {entry.name}, which is left out: it is a raw copy of a running database, and its"
            " newest rows may be missing."
        )
    if foreign and (_DATABASE.search(entry.name) or len(archive.entries) == 1):
        what = "is not an SQLite database" if entry.bytes else "is empty (0 bytes)"
        raise UntrustedArchiveError(
            f"{entry.name} in {archive.name} {what}.",
            hint="If it is encrypted with SQLCipher, put it back by hand while its application is stopped.",
            cause=Reason(Cause.NO_DATABASE),
        )
    return f"{archive.name} holds {entry.name}, which is no database; it is left out."


def _only(archive: str, found: Sequence[Found], only: Sequence[str]) -> list[Found]:
    wanted = {folded(re.split(r"[/\\]", name)[-1]): name for name in only}
    chosen = [(entry, record) for entry, record in found if folded(entry.name) in wanted]
    vain = wanted.keys() - {folded(entry.name) for entry, _ in chosen}
    if vain:
        names = ", ".join(sorted(entry.name for entry, _ in found))
        raise NotFoundError(
            f"There is no {', '.join(sorted(wanted[name] for name in vain))} in {archive}.", hint=f"It holds {names}."
        )
    return chosen
