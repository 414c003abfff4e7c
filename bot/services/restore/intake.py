"""Turns archives, volumes and database files of unknown origin into private, checked databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from bot.errors import DamagedArchiveError, UntrustedArchiveError
from bot.models import (
    BackedUp,
    Cause,
    CheckMethod,
    CheckReport,
    Facts,
    Reason,
    ReportRestore,
    RestoreProgress,
    RestoreStage,
    Snapshot,
    SourceCode,
    Verdict,
    because,
    readable,
)
from bot.services.archive.manifest import Manifest
from bot.services.archive.screening import screened
from bot.services.archive.unsealing import unseal
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import side_by_side
from bot.services.concurrency.threads import run_to_end
from bot.services.files.names import bare_name
from bot.services.files.private_file import copy_into, create_private, sha256_of
from bot.services.files.space import require_space
from bot.services.files.store import is_archive_name
from bot.services.restore.bare import is_bare_database, warnings_of, wrapped
from bot.services.restore.contents import Contents, look_into
from bot.services.restore.incoming import Incoming, Intake, require_claims
from bot.services.restore.private_copy import examine, whereabouts
from bot.services.restore.sources import RestoreSource
from bot.services.restore.unpacking import Unpacked, unpack_databases
from bot.services.restore.volumes import arrange_volumes
from bot.services.sealing.header import is_sealed
from bot.services.sealing.keys import NO_KEYS, Keys
from bot.words.checks import unchecked_words

CHECKS_AT_ONCE = 2

_UNNAMED = "joined.zip"  # volumes whose names don't say of which archive

ExpectDatabases = Callable[[Mapping[str, Path | None], int], None]
"""Told the names of the databases about to be unpacked, with the paths which a manifest says they are from, and how
many bytes they will take."""


class _ReadingProgress(Protocol):
    def __call__(self, done: int, total: int, name: str) -> None: ...


async def take_in(
    source: RestoreSource,
    folder: Path,
    *,
    keys: Keys = NO_KEYS,
    check: CheckMethod = CheckMethod.FULL,
    abort: Abort,
    report: ReportRestore = lambda _: None,
    expect: ExpectDatabases = lambda _names, _bytes: None,
    leave_out_damaged: bool = False,
) -> Intake:
    """Unpack and prove an archive, or its volumes in any order, in the private folder `folder`.

    With the backup of the source, the catalogue vouches for the archive by its checksum: what was checked in full when
    it was backed up is then bit for bit the same, and gets the quick check alone. Otherwise the content is judged,
    however it was packed: a database with the SHA-256 that the manifest gives it is proven. One that is missing, one
    that no manifest names, and a manifest that is missing or unreadable are told in the warnings. Every database
    returned passed its integrity check, or could not be checked and says so there.

    A database file that comes by itself is taken as an archive that holds it alone, without a manifest.

    A damaged database is refused with all others, or with `leave_out_damaged` left out, and told in the warnings, as
    long as another one is sound.

    `expect` hears of the databases before they are unpacked; that does not yet mean that they will pass.

    A sealed archive is opened with `keys` into the folder first, so its ZIP lies there in the open until that goes.

    Nothing is written outside of `folder`, and no name out of the archive is used there. Raises
    `UntrustedArchiveError`, `MissingVolumesError`, `DamagedArchiveError`, `SealError`, `NotFoundError`, `NoSpaceError`,
    `AbortedError`.
    """
    own = Abort(parent=abort)
    loop = asyncio.get_running_loop()

    def progress(done: int, total: int, name: str) -> None:
        event = RestoreProgress(stage=RestoreStage.READ, done=done, total=total, detail=name)
        loop.call_soon_threadsafe(report, event)

    def unpack() -> tuple[Path, Reason, Contents, Unpacked]:
        file, volumes = _one_file(source, folder, keys, check=own.check, progress=progress)
        bare = source.backup is None and volumes == 1 and is_bare_database(file)
        if bare:
            file = wrapped(file, folder, check=own.check)
        with screened(file, trusted=source.backup is not None) as archive:
            contents = look_into(archive, source.only)
            if bare:
                contents = replace(contents, warnings=warnings_of(source.files[0]))
            require_space(folder.parent, contents.bytes, "for the unpacked databases")
            loop.call_soon_threadsafe(expect, contents.origins, contents.bytes)
            unpacked = unpack_databases(
                archive, contents, folder, check=own.check, leave_out_damaged=leave_out_damaged,
                progress=lambda done, name: progress(done, contents.bytes, name),
            )  # fmt: skip
        return file, _source(file, source, volumes, contents.manifest, bare=bare), contents, unpacked

    file, brought, contents, unpacked = await run_to_end(unpack, stop=own.set)
    looks = await _check_all(unpacked, method=check, vouched=source.backup is not None, abort=own, report=report)
    databases, doubts = list[Incoming](), list[str]()
    for (snapshot, sha256, record), (verdict, fingerprint) in zip(unpacked.copies, looks, strict=True):
        name = snapshot.database.name
        if verdict.verdict is Verdict.DAMAGED:
            first = verdict.messages[0] if verdict.messages else "the integrity check failed"
            unpacked.damaged[name] = error = UntrustedArchiveError(
                f"{whereabouts(name, file.name)} is damaged, and a damaged database is not restored: {first}.",
                hint="Take another backup.",
                cause=because(Cause.MEMBER_DAMAGED, name=name),
            )
            if not leave_out_damaged:
                raise error
            continue
        if verdict.verdict is Verdict.UNCHECKED:
            doubts.append(f"{name} could not be checked in full: {unchecked_words(verdict.unchecked)}.")
        if verdict.foreign_key_violations:
            doubts.append(f"{name} holds {verdict.foreign_key_violations} rows that refer to missing rows.")
        if record is not None:
            require_claims(file.name, record, snapshot, verdict, sha256)
        databases.append(
            Incoming(
                name=name, snapshot=snapshot, report=verdict, sha256=sha256, fingerprint=fingerprint, record=record
            )
        )
    if unpacked.damaged and not databases:
        raise next(iter(unpacked.damaged.values()))
    manifest = contents.manifest
    strange = [one.name for one in databases if manifest is not None and one.record is None]
    return Intake(
        source=brought,
        file="" if file.name == _UNNAMED else file.name,
        databases=tuple(databases),
        taken_at=manifest.created_at if manifest else None,
        backup=source.backup,
        warnings=(
            *contents.warnings,
            *(f"{file.name} no longer holds {name}, which its manifest names." for name in unpacked.missing),
            *(f"The manifest of {file.name} does not name {name}: nothing proves what it is." for name in strange),
            *doubts,
            *(f"{error.sentence} It is left out." for error in unpacked.damaged.values()),
        ),
        manifest=manifest,
        missing=unpacked.missing,
        damaged=tuple(unpacked.damaged),
    )


def _one_file(
    source: RestoreSource, folder: Path, keys: Keys, *, check: Callable[[], None], progress: _ReadingProgress
) -> tuple[Path, int]:
    """Return the archive as one ZIP, the one that the catalogue vouches for where it does, and how many volumes it came
    in; the same one brought twice counts once.
    """
    ordered = source.files if source.in_order else arrange_volumes(source.files, check=check)
    sha256 = source.backup.archive_sha256 if source.backup is not None else ""
    called, total = bare_name(ordered[0].name), sum(file.stat().st_size for file in ordered)
    if is_sealed(ordered[0]):
        opened, _ = unseal(
            ordered, folder, keys, expected_sha256=sha256, check=check, progress=partial(progress, name=called)
        )
        return opened, len(ordered)
    if len(ordered) == 1:
        archive = ordered[0]
    else:
        require_space(folder.parent, total, "for the joined volumes")
        archive = folder / (called if is_archive_name(called) else _UNNAMED)
        with create_private(archive) as joined:
            copy_into(joined, *ordered, check=check)
    if sha256 and sha256_of(archive, check=check, tell=partial(progress, total=total, name=called)) != sha256:
        raise DamagedArchiveError.because(Cause.OTHER_ARCHIVE, archive=archive.name)
    return archive, len(ordered)


async def _check_all(
    unpacked: Unpacked, *, method: CheckMethod, vouched: bool, abort: Abort, report: ReportRestore
) -> tuple[tuple[CheckReport, str], ...]:
    """Check the private copies side by side, and take the fingerprint of each."""
    gate, done = asyncio.Semaphore(CHECKS_AT_ONCE), 0
    total = sum(snapshot.bytes for snapshot, _, _ in unpacked.copies)

    async def look(snapshot: Snapshot, record: BackedUp | None) -> tuple[CheckReport, str]:
        nonlocal done
        async with gate:
            name = snapshot.database.name
            report(RestoreProgress(stage=RestoreStage.CHECK, done=done, total=total, detail=name))
            known = record is not None and record.verdict is Verdict.OK and record.method is CheckMethod.FULL
            found = await examine(
                snapshot, CheckMethod.QUICK if vouched and known else method, abort=abort, foreign=True
            )
            done += snapshot.bytes
            report(RestoreProgress(stage=RestoreStage.CHECK, done=done, total=total, detail=name))
            return found

    return await side_by_side(*(look(snapshot, record) for snapshot, _, record in unpacked.copies), stop=abort.set)


def _source(archive: Path, source: RestoreSource, volumes: int, manifest: Manifest | None, *, bare: bool) -> Reason:
    if source.backup is not None:
        at = source.backup.started_at.isoformat()
        return Reason(SourceCode.BACKUP, (("backup", source.backup.id), ("at", at)))
    file: Facts = () if archive.name == _UNNAMED else (("file", readable(archive.name)),)
    if bare:
        return Reason(SourceCode.DATABASE_FILE, file)
    joined: Facts = (("volumes", volumes),) if volumes > 1 else ()
    made: Facts = (("at", manifest.created_at.isoformat()),) if manifest is not None else ()
    return Reason(SourceCode.ARCHIVE, (*file, *joined, *made))
