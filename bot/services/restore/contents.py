"""Describes the content of an archive: its databases, each with what the manifest claims of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from bot.errors import DamagedArchiveError, NotFoundError, UntrustedArchiveError
from bot.models import MANIFEST_NAME, BackedUp
from bot.services.archive.manifest import MAX_MANIFEST, Manifest
from bot.services.files.names import folded
from bot.services.restore.incoming import read_member
from bot.services.restore.untrusted import ScreenedMember, is_description, starts_as_database


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The databases to unpack, each with its record in the manifest, None where it has none; `missing` are the records
    whose databases were not found under their names.
    """

    manifest: Manifest | None
    found: tuple[tuple[ScreenedMember, BackedUp | None], ...]
    missing: tuple[BackedUp, ...]
    warnings: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part, _ in self.found)


def look_into(archive: str, file: BinaryIO, parts: Sequence[ScreenedMember], only: Sequence[str]) -> Contents:
    """Tell what of an open, screened archive is to be unpacked: its databases, or those that `only` names.

    How it was packed says nothing: what is in folders, renamed in case or form, or left out, is held against the
    manifest all the same. Raises `UntrustedArchiveError` where it holds no database, `NotFoundError` for what `only`
    names in vain.
    """
    manifest, warnings = _manifest(archive, file, parts)
    records = {folded(record.name): record for record in manifest.databases} if manifest else {}
    found: list[tuple[ScreenedMember, BackedUp | None]] = []
    for part in parts:
        if is_description(part):
            continue
        record = records.get(folded(part.name))
        if record is not None or starts_as_database(file, part):
            found.append((part, record))
            continue
        warnings.append(_left_out(archive, part, foreign=manifest is None, alone=len(parts) == 1))
    if not found:
        raise UntrustedArchiveError(f"{archive} holds no SQLite database.")
    held = {folded(part.name) for part, _ in found}
    missing = tuple(record for name, record in records.items() if name not in held)
    if only:
        found = _only(archive, found, only)
        missing = ()
    return Contents(manifest=manifest, found=tuple(found), missing=missing, warnings=tuple(warnings))


def _manifest(archive: str, file: BinaryIO, parts: Sequence[ScreenedMember]) -> tuple[Manifest | None, list[str]]:
    """Read the manifest; without one that can be read, nothing proves what the databases are."""
    part = next((part for part in parts if folded(part.name) == MANIFEST_NAME), None)
    if part is None:
        why = f"{archive} was not made by SQLite Courier, or its {MANIFEST_NAME} was taken out"
    else:
        try:
            if max(part.bytes, part.compressed_bytes) > MAX_MANIFEST:
                raise DamagedArchiveError(f"{MANIFEST_NAME} is said to hold {part.bytes:,} bytes.")
            return Manifest.from_json(read_member(archive, file, part)), []
        except DamagedArchiveError as error:
            why = f"The manifest of {archive} can't be used ({error.sentence.rstrip('.')})"
    return None, [f"{why}: nothing proves that its databases are what was backed up."]


def _left_out(archive: str, part: ScreenedMember, *, foreign: bool, alone: bool) -> str:
    """Return why a member is left out. Raises `UntrustedArchiveError` where it should have been a database."""
    if part.is_sidecar and part.bytes:
        return (
            f"{archive} holds {part.name}, which is left out: it is a raw copy of a running database, and its newest"
            " rows may be missing."
        )
    if foreign and (part.is_called_database or alone):
        what = "is empty (0 bytes)" if not part.bytes else "is not an SQLite database"
        raise UntrustedArchiveError(
            f"{part.name} in {archive} {what}.",
            hint="If it is encrypted with SQLCipher, put it back by hand while its application is stopped.",
        )
    return f"{archive} holds {part.name}, which is no database; it is left out."


def _only(
    archive: str, found: Sequence[tuple[ScreenedMember, BackedUp | None]], only: Sequence[str]
) -> list[tuple[ScreenedMember, BackedUp | None]]:
    wanted = {folded(re.split(r"[/\\]", name)[-1]): name for name in only}
    chosen = [(part, record) for part, record in found if folded(part.name) in wanted]
    vain = wanted.keys() - {folded(part.name) for part, _ in chosen}
    if vain:
        names = ", ".join(sorted(part.name for part, _ in found))
        raise NotFoundError(
            f"There is no {', '.join(sorted(wanted[name] for name in vain))} in {archive}.", hint=f"It holds {names}."
        )
    return chosen
