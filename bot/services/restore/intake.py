"""Taking in what was brought: archives and volumes that nobody vouches for become private, checked databases."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.clock import Clock, utc_now
from bot.errors import DamagedArchiveError, NoSpaceError, NotFoundError, UntrustedArchiveError
from bot.models import (
    MANIFEST_NAME,
    BackedUp,
    Backup,
    CheckMethod,
    CheckReport,
    RestoreProgress,
    RestoreStage,
    Snapshot,
    Verdict,
)
from bot.services.abort import Abort
from bot.services.check import check_snapshot
from bot.services.manifest import Manifest, read_manifest
from bot.services.restore.facts import schema_of
from bot.services.restore.incoming import (
    Incoming,
    Intake,
    describe,
    fingerprint_of,
    require_claims,
    starts_as_database,
    unpack,
)
from bot.services.restore.untrusted import Part, is_description, screened
from bot.services.restore.volumes import arrange_volumes, join_volumes
from bot.services.sealing.header import is_sealed
from bot.services.sealing.keys import NO_KEYS, Keys
from bot.services.sealing.unsealing import archive_called, unseal
from bot.services.store import is_archive_name
from bot.services.threads import run_to_end, side_by_side
from bot.services.verify import verify_archive

Report = Callable[[RestoreProgress], None]

SPARE_BYTES = 16 << 20
"""Left free on the disk of the private folder."""

CHECKS_AT_ONCE = 2

_UNNAMED = "joined.zip"  # volumes whose names don't say of which archive

Expect = Callable[[Mapping[str, Path | None], int], None]
"""Told the names of the databases about to be unpacked, with the paths which a manifest says they are from, and how
many bytes they will take."""


def _expect_nothing(_databases: Mapping[str, Path | None], _bytes: int) -> None:
    pass


async def take_in(
    files: Sequence[Path],
    room: Path,
    *,
    backup: Backup | None = None,
    only: Sequence[str] = (),
    check: CheckMethod = CheckMethod.FULL,
    keys: Keys = NO_KEYS,
    abort: Abort,
    report: Report = lambda _: None,
    expect: Expect = _expect_nothing,
    clock: Clock = utc_now,
) -> Intake:
    """Unpack and prove an archive, or its volumes in any order, in the private folder `room`.

    With `backup`, the catalogue vouches for the archive by its checksum: what was checked in full when it was backed up
    is then bit for bit the same, and gets the quick check alone. `only` names databases by member name or
    path. With a manifest, every bit of the archive is held against it; without one, the databases are accepted with a
    warning. Every database returned passed its integrity check, or could not be checked and says so in the warnings.

    `expect` hears of the databases before they are unpacked; that does not yet mean that they will pass.

    A sealed archive is opened with `keys` into the room first, so its ZIP lies there in the open until the room goes.

    Nothing is written outside of `room`, and no name out of the archive is used there. Raises `UntrustedArchiveError`,
    `MissingVolumesError`, `DamagedArchiveError`, `SealError`, `NotFoundError`, `NoSpaceError`, `AbortedError`.
    """
    own = Abort(parent=abort)
    loop = asyncio.get_running_loop()

    def tell(progress: RestoreProgress) -> None:
        loop.call_soon_threadsafe(report, progress)

    sha256 = backup.archive_sha256 if backup is not None else ""
    archive, compared, volumes = await run_to_end(
        lambda: _one_file(files, room, keys, sha256, check=own.check, tell=tell), stop=own.set
    )
    parts, chosen, warnings = await run_to_end(
        lambda: _choose(archive, only, room, trusted=backup is not None), stop=own.set
    )
    manifest = None
    if compared:
        manifest = await run_to_end(lambda: read_manifest(archive), stop=own.set)
    elif backup is not None:
        manifest = await run_to_end(lambda: _vouched(archive, sha256, own.check, tell), stop=own.set)
    elif any(part.name == MANIFEST_NAME for part in parts):
        _, manifest = await verify_archive(
            archive,
            abort=own,
            progress=lambda done, total: report(
                RestoreProgress(stage=RestoreStage.READ, done=done, total=total, detail=archive.name)
            ),
        )
    else:
        warnings.append(
            f"{archive.name} was not made by SQLite Courier: nothing proves that its databases are what was backed up."
        )
    records = {record.name: record for record in manifest.databases} if manifest else {}
    origins = {part.name: Path(records[part.name].path) if part.name in records else None for part in chosen}
    expect(origins, sum(part.bytes for part in chosen))
    unpacked = await run_to_end(
        lambda: _unpack(archive, chosen, records, room, check=own.check, tell=tell, taken_at=clock()), stop=own.set
    )
    databases, more = await _checked(
        archive.name, unpacked, method=check, abort=own, report=report, vouched=backup is not None
    )
    return Intake(
        source=_words(archive, backup, manifest, volumes),
        databases=databases,
        taken_at=manifest.created_at if manifest else None,
        backup=backup,
        warnings=(*warnings, *more),
        manifest=manifest,
    )


def _one_file(
    files: Sequence[Path], room: Path, keys: Keys, sha256: str, *, check: Callable[[], None], tell: Report
) -> tuple[Path, bool, int]:
    """Return the archive as one ZIP, whether it was held against the checksum already (as its seal was opened), and in
    how many volumes it came; the same one brought twice counts once."""
    ordered = arrange_volumes(files, check=check)
    if is_sealed(ordered[0]):

        def progress(done: int, total: int) -> None:
            tell(RestoreProgress(stage=RestoreStage.READ, done=done, total=total, detail=archive_called(ordered)))

        opened = unseal(ordered, room, keys, expected_sha256=sha256, check=check, progress=progress)
        return opened.file, bool(sha256), len(ordered)
    if len(ordered) == 1:
        _require_no_database(ordered[0])
        return ordered[0], False, 1
    _require_space(room, sum(file.stat().st_size for file in ordered), "the joined volumes")
    called = re.sub(r"\.\d{3,4}$", "", ordered[0].name)
    joined = join_volumes(ordered, room / (called if is_archive_name(called) else _UNNAMED), check=check)
    return joined, False, len(ordered)


def _require_no_database(file: Path) -> None:
    with file.open("rb") as opened:
        if opened.read(16) == b"SQLite format 3\0":
            raise UntrustedArchiveError(
                f"{file.name} is a database itself, and no archive.",
                hint="Put it into a ZIP and bring that, or copy it to its place while its program is stopped.",
            )


def _choose(
    archive: Path, only: Sequence[str], room: Path, *, trusted: bool
) -> tuple[tuple[Part, ...], tuple[Part, ...], list[str]]:
    """Screen the archive, and pick what is to be unpacked; with the warnings about what is not."""
    warnings: list[str] = []
    with screened(archive, trusted=trusted) as (file, parts):
        ours = any(part.name == MANIFEST_NAME for part in parts)
        found = []
        for part in parts:
            if is_description(part):
                continue
            if ours or starts_as_database(file, part):
                found.append(part)
            elif part.is_sidecar and part.bytes:
                warnings.append(
                    f"{archive.name} holds {part.name}, which is left out: it is a raw copy of a running database, and"
                    " its newest rows may be missing."
                )
            elif part.is_called_database or len(parts) == 1:
                what = "is empty (0 bytes)" if not part.bytes else "is not an SQLite database"
                raise UntrustedArchiveError(
                    f"{part.name} in {archive.name} {what}.",
                    hint="If it is encrypted with SQLCipher, put it back by hand while its application is stopped.",
                )
            else:
                warnings.append(f"{archive.name} holds {part.name}, which is no database; it is left out.")
    if not found:
        raise UntrustedArchiveError(f"{archive.name} holds no SQLite database.")
    if only:
        found = _only(archive.name, found, only)
    _require_space(room, sum(part.bytes for part in found), "the unpacked databases")
    return parts, tuple(found), warnings


def _only(archive: str, parts: Sequence[Part], only: Sequence[str]) -> list[Part]:
    wanted = {re.split(r"[/\\]", name)[-1].casefold(): name for name in only}
    found = [part for part in parts if part.name.casefold() in wanted]
    for part in found:
        wanted.pop(part.name.casefold(), None)
    if wanted:
        names = ", ".join(sorted(part.name for part in parts))
        raise NotFoundError(
            f"There is no {', '.join(sorted(wanted.values()))} in {archive}.", hint=f"It holds {names}."
        )
    return found


def _require_space(room: Path, needed: int, what: str) -> None:
    free = shutil.disk_usage(room).free
    if needed + SPARE_BYTES > free:
        raise NoSpaceError(
            f"There is no space for {what} in {room.parent}: {needed:,} bytes are needed, and {free:,} are free.",
            hint="Free some space, or set SNAPSHOT_DIR to a folder on another disk.",
        )


def _vouched(archive: Path, sha256: str, check: Callable[[], None], tell: Report) -> Manifest:
    """Read the manifest of an archive that is, by its checksum, the one which the catalogue knows."""
    found, done, total = hashlib.sha256(), 0, archive.stat().st_size
    with archive.open("rb") as file:
        while piece := file.read(1 << 20):
            check()
            found.update(piece)
            done += len(piece)
            tell(RestoreProgress(stage=RestoreStage.READ, done=done, total=total, detail=archive.name))
    if found.hexdigest() != sha256:
        raise DamagedArchiveError(
            f"{archive.name} is not the archive that was written under its name (SHA-256).",
            hint="Take another backup; `sqlite-courier verify` tells which ones are whole.",
        )
    return read_manifest(archive)


def _unpack(
    archive: Path,
    chosen: Sequence[Part],
    records: dict[str, BackedUp],
    room: Path,
    *,
    check: Callable[[], None],
    tell: Report,
    taken_at: datetime,
) -> list[tuple[Snapshot, str, BackedUp | None]]:
    total, before, unpacked = sum(part.bytes for part in chosen), 0, []
    with screened(archive, trusted=True) as (file, parts):
        for number, asked in enumerate(chosen):
            part = next((part for part in parts if part == asked), None)
            if part is None:
                raise UntrustedArchiveError(f"{archive.name} was changed while it was read.")
            copy = room / f"incoming-{number:04}.db"
            steps = unpack(archive.name, file, part, copy)
            while True:
                check()
                try:
                    done = next(steps)
                except StopIteration as end:
                    sha256 = str(end.value)
                    break
                tell(RestoreProgress(stage=RestoreStage.READ, done=before + done, total=total, detail=part.name))
            before += part.bytes
            record = records.get(part.name)
            origin = Path(record.path) if record else Path(part.name)
            when = record.taken_at if record else taken_at
            snapshot = describe(archive.name, part.name, copy, origin=origin, taken_at=when)
            if record is not None:  # what the database's header can't tell
                snapshot = replace(snapshot, journal_mode=record.journal_mode)
            unpacked.append((snapshot, sha256, record))
    return unpacked


async def _checked(
    archive: str,
    unpacked: Sequence[tuple[Snapshot, str, BackedUp | None]],
    *,
    method: CheckMethod,
    abort: Abort,
    report: Report,
    vouched: bool,
) -> tuple[tuple[Incoming, ...], list[str]]:
    """Check the private copies side by side; a damaged one is refused."""
    records = {record.name: record for _, _, record in unpacked if record is not None}
    gate, done = asyncio.Semaphore(CHECKS_AT_ONCE), 0
    total = sum(snapshot.bytes for snapshot, _, _ in unpacked)

    async def look(snapshot: Snapshot) -> tuple[CheckReport, str, tuple[tuple[str, str, str], ...]]:
        nonlocal done
        async with gate:
            name = snapshot.database.name
            report(RestoreProgress(stage=RestoreStage.CHECK, done=done, total=total, detail=name))
            known = vouched and records[name].verdict is Verdict.OK and records[name].method is CheckMethod.FULL
            verdict, fingerprint = await side_by_side(
                check_snapshot(snapshot, CheckMethod.QUICK if known else method, abort=abort, foreign=True),
                run_to_end(lambda: fingerprint_of(snapshot.file, check=abort.check), stop=abort.set),
                stop=abort.set,
            )
            schema = await run_to_end(lambda: schema_of(snapshot.file), stop=abort.set)
            done += snapshot.bytes
            report(RestoreProgress(stage=RestoreStage.CHECK, done=done, total=total, detail=name))
            return verdict, fingerprint, schema

    tasks = [asyncio.ensure_future(look(snapshot)) for snapshot, _, _ in unpacked]
    try:
        looks = await asyncio.gather(*tasks)
    except BaseException:
        abort.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    databases, warnings = [], []
    for (snapshot, sha256, record), (verdict, fingerprint, schema) in zip(unpacked, looks, strict=True):
        name = snapshot.database.name
        if verdict.verdict is Verdict.DAMAGED:
            first = verdict.messages[0] if verdict.messages else "the integrity check failed"
            raise UntrustedArchiveError(
                f"{name} in {archive} is damaged, and a damaged database is not restored: {first}.",
                hint="Take another backup.",
            )
        if verdict.verdict is Verdict.UNCHECKED:
            warnings.append(f"{name} could not be checked in full: {', '.join(verdict.messages)}.")
        if verdict.foreign_key_violations:
            warnings.append(f"{name} holds {verdict.foreign_key_violations} rows that refer to missing rows.")
        if record is not None:
            require_claims(archive, record, snapshot, verdict, sha256)
        databases.append(
            Incoming(
                name=name,
                snapshot=snapshot,
                report=verdict,
                sha256=sha256,
                fingerprint=fingerprint,
                record=record,
                schema=schema,
            )
        )
    return tuple(databases), warnings


def _words(archive: Path, backup: Backup | None, manifest: Manifest | None, volumes: int) -> str:
    if backup is not None:
        return f"backup {backup.id} of {backup.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    joined = f" of {volumes} volumes" if volumes > 1 else ""
    made = f", made {manifest.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if manifest else ""
    called = "" if archive.name == _UNNAMED else f" {archive.name}"
    return f"the archive{called}{joined}{made}"
