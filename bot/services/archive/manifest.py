"""Writes and reads `manifest.json`, the machine-readable description of an archive's content."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bot import __version__
from bot.errors import ArchiveError, DamagedArchiveError
from bot.models import (
    INFO_NAME,
    MANIFEST_FORMAT,
    MANIFEST_NAME,
    BackedUp,
    Cause,
    CheckReport,
    Compression,
    Database,
    Member,
    Reason,
    SkippedRecord,
    Snapshot,
    Trigger,
    Verdict,
    because,
    readable,
)
from bot.services.archive.manifest_words import name_codes
from bot.services.files.names import folded
from bot.services.zip.reader import ZipReader, opened
from bot.words.causes import in_full
from bot.words.checks import unchecked_words

MAX_MANIFEST = 16 << 20
"""Bytes of manifest.json that are read, and written, at most: enough for a hundred thousand tables."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in an archive, what is not and why, when, where and by whom it was made.

    `format` changes with every change that an older version of this product could not read, so also with a new word
    in the vocabulary. `host` and `timezone` (an IANA name) are those of the machine that made it.
    """

    format: int = MANIFEST_FORMAT
    product_version: str = __version__
    created_at: datetime
    trigger: Trigger
    host: str
    timezone: str
    databases: tuple[BackedUp, ...]
    skipped: tuple[SkippedRecord, ...]

    def to_json(self) -> bytes:
        """UTF-8, indented for people who look into it.

        The sentences that say why a database was skipped or could not be checked, and what is to be known of one that
        is there, stand beside their codes: people read them, and so do versions that know no such codes.
        """
        content = _adapter().dump_python(self, mode="json")
        for told, record in zip(content["skipped"], self.skipped, strict=True):
            told["detail"] = in_full(record.why)
        for told, database in zip(content["databases"], self.databases, strict=True):
            told["warning"] = " ".join(map(in_full, database.warnings))
            if database.verdict is Verdict.OK:
                del told["unchecked"]
            else:
                told["detail"] = unchecked_words(database.unchecked)
        return json.dumps(content, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read what `to_json` wrote, here or elsewhere; trusts nothing.

        Raises `DamagedArchiveError` with a sentence that completes the archive's name, see `manifest_in`.
        """
        try:
            head = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise _fault("is not JSON") from error
        found = head.get("format") if isinstance(head, dict) else None
        if not isinstance(found, int) or isinstance(found, bool):
            raise _fault("does not tell its format")
        if found > MANIFEST_FORMAT:
            raise DamagedArchiveError(
                f"{MANIFEST_NAME} is of format {found}: a newer SQLite Courier wrote it, "
                f"and this one ({__version__}) reads formats up to {MANIFEST_FORMAT}.",
                hint="Update SQLite Courier; the databases can be unpacked with any ZIP tool as well.",
                cause=Reason(Cause.NEWER_FORMAT),
            )
        if name_codes(head):
            data = json.dumps(head).encode()
        try:
            manifest = _adapter().validate_json(data, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise _fault(f"can't be right at {where or 'its beginning'} ({first['msg'].lower()})") from error
        manifest._check_claims()
        return manifest

    def _check_claims(self) -> None:
        """Refuse what is well-formed and yet can't be true, or would be unsafe to act upon."""
        times = [self.created_at, *(database.taken_at for database in self.databases)]
        times += [database.checked_at for database in self.databases if database.checked_at is not None]
        if any(time.tzinfo is None for time in times):
            raise _fault("holds a time without a time zone")
        if self.format < 1:
            raise _fault(f"claims format {self.format}")
        taken = {folded(INFO_NAME), folded(MANIFEST_NAME)}
        for database in self.databases:
            name = database.name
            if not name or name in {".", ".."} or any(sign in name for sign in "/\\\0"):
                raise _fault(f"calls a database {name!a}, which is no file name")
            if folded(name) in taken:
                raise _fault(f"uses the name {name} twice")
            taken.add(folded(name))
            numbers = (database.bytes, database.compressed_bytes, database.page_size, database.page_count)
            if min(numbers) < 0 or max(numbers) >= 1 << 63 or not _SHA256.fullmatch(database.sha256):
                raise _fault(f"gives {name} a size or checksum that can't be")


def build_manifest(
    *,
    created_at: datetime,
    trigger: Trigger,
    host: str,
    timezone: str,
    databases: Sequence[BackedUp],
    skipped: Sequence[SkippedRecord],
) -> Manifest:
    """Say what an archive holds, in what a reader takes. Paths that are no Unicode are written with backslash escapes.

    Where it would be larger than `MAX_MANIFEST`, rows by table are left out, of the databases with the longest lists
    first, which then carry a warning. Raises `ArchiveError` where even that is too large.
    """
    manifest = Manifest(
        created_at=created_at.astimezone(UTC),
        trigger=trigger,
        host=readable(host),
        timezone=timezone,
        databases=tuple(databases),
        skipped=tuple(replace(record, name=readable(record.name), path=readable(record.path)) for record in skipped),
    )
    return _fitting(manifest)


def _fitting(manifest: Manifest) -> Manifest:
    with_rows = sorted((one for one in manifest.databases if one.rows), key=_length_of_rows)
    while len(manifest.to_json()) > MAX_MANIFEST:
        if not with_rows:
            raise ArchiveError.because(Cause.MANIFEST_TOO_LARGE, manifest=MANIFEST_NAME, most=MAX_MANIFEST)
        longest = with_rows.pop()
        without = replace(longest, rows=(), warnings=(*longest.warnings, Reason(Cause.TOO_MANY_TABLES)))
        databases = tuple(without if one is longest else one for one in manifest.databases)
        manifest = replace(manifest, databases=databases)
    return manifest


def _length_of_rows(database: BackedUp) -> int:
    return sum(len(table) for table, _rows in database.rows)


def recorded_path(database: Database) -> str:
    """Return the path of a database as manifests and the catalogue record it."""
    return readable(str(database.path))


def backed_up(
    snapshot: Snapshot, report: CheckReport, member: Member, compression: Compression | None = None
) -> BackedUp:
    """Join what is known of one database: its copy, its check, and its member in the archive."""
    return BackedUp(
        name=member.name,
        path=recorded_path(snapshot.database),
        sha256=member.sha256,
        bytes=member.bytes,
        compressed_bytes=member.compressed_bytes,
        page_size=snapshot.page_size,
        page_count=snapshot.page_count,
        journal_mode=snapshot.journal_mode,
        application_id=snapshot.application_id,
        user_version=snapshot.user_version,
        sqlite_version=snapshot.sqlite_version,
        taken_at=snapshot.taken_at.astimezone(UTC),
        verdict=report.verdict,
        method=report.method,
        messages=tuple(map(readable, report.messages)),
        foreign_key_violations=report.foreign_key_violations,
        rows=tuple((readable(table), rows) for table, rows in report.rows),
        schema_sha256=report.schema_sha256,
        warnings=(*snapshot.warnings, *_broken_rules(report)),
        checked_at=report.checked_at and report.checked_at.astimezone(UTC),
        compression=compression,
        unchecked=report.unchecked,
    )


def _broken_rules(report: CheckReport) -> tuple[Reason, ...]:
    """The database is whole, and yet its own program wrote rows that its schema forbids."""
    if report.verdict is not Verdict.OK or not report.messages:
        return ()
    return (because(Cause.BROKEN_RULE, said=report.messages[0]),)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of an archive on the disk, and nothing else of it; blocking, to be called in a thread.

    Raises `NotFoundError`, and `DamagedArchiveError` where there is none, or none that can be read.
    """
    with opened(path) as archive:
        return manifest_in(archive)


def manifest_in(archive: ZipReader) -> Manifest:
    """Read the manifest of an open archive. Raises `DamagedArchiveError`."""
    found = [entry for entry in archive.entries if entry.name == MANIFEST_NAME]
    if len(found) != 1:
        how_many = "no" if not found else "more than one"
        raise DamagedArchiveError(
            f"{archive.name} holds {how_many} {MANIFEST_NAME}: it is no archive of SQLite Courier.",
            cause=Reason(Cause.NO_MANIFEST),
        )
    content = archive.read(found[0], most=MAX_MANIFEST)
    try:
        return Manifest.from_json(content)
    except DamagedArchiveError as error:
        raise DamagedArchiveError(f"{archive.name}: {error.sentence}", hint=error.hint, cause=error.cause) from error


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _fault(what: str) -> DamagedArchiveError:
    return DamagedArchiveError(f"{MANIFEST_NAME} {what}.", cause=Reason(Cause.NO_MANIFEST))
