"""Turns archives and volumes of unknown origin into private, checked databases."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from bot.clock import Clock, local_and_utc, utc_now
from bot.errors import CourierError, DamagedArchiveError, NoSpaceError, UntrustedArchiveError
from bot.models import (
    BackedUp,
    Backup,
    CheckMethod,
    CheckReport,
    RestoreProgress,
    RestoreStage,
    Snapshot,
    Verdict,
)
from bot.services.archive.manifest import Manifest
from bot.services.archive.unsealing import archive_called, unseal
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end, side_by_side
from bot.services.files.store import is_archive_name
from bot.services.restore.contents import Contents, look_into
from bot.services.restore.incoming import (
    Incoming,
    Intake,
    describe,
    fingerprint_of,
    require_claims,
    unpack,
)
from bot.services.restore.untrusted import ScreenedMember, screened
from bot.services.restore.volumes import arrange_volumes, join_volumes
from bot.services.sealing.header import is_sealed
from bot.services.sealing.keys import NO_KEYS, Keys
from bot.services.snapshot.check import check_snapshot

Report = Callable[[RestoreProgress], None]

SPARE_BYTES = 16 << 20
"""Left free on the disk of the private folder."""

CHECKS_AT_ONCE = 2

_UTC = ZoneInfo("UTC")

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
    leave_out_damaged: bool = False,
    clock: Clock = utc_now,
    timezone: ZoneInfo = _UTC,
) -> Intake:
    """Unpack and prove an archive, or its volumes in any order, in the private folder `room`.

    With `backup`, the catalogue vouches for the archive by its checksum: what was checked in full when it was backed up
    is then bit for bit the same, and gets the quick check alone. `only` names databases by member name or
    path. Otherwise the content is judged, however it was packed: a database with the SHA-256 that the manifest gives it
    is proven. One that is missing, one that no manifest names, and a manifest that is missing or unreadable are told in
    the warnings. Every database returned passed its integrity check, or could not be checked and says so there.

    The words of what was brought give its time in `timezone`.

    A damaged database is refused with all others, or with `leave_out_damaged` left out, and told in the warnings, as
    long as another one is sound.

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
    if backup is not None and not compared:
        await run_to_end(lambda: _require_sha256(archive, sha256, own.check, tell), stop=own.set)
    with ExitStack() as opened:
        file, parts = await run_to_end(
            lambda: opened.enter_context(screened(archive, trusted=backup is not None)), stop=own.set
        )
        contents = await run_to_end(lambda: look_into(archive.name, file, parts, only), stop=own.set)
        await run_to_end(lambda: _require_space(room, contents.bytes, "the unpacked databases"), stop=own.set)
        names = {record.name if record else part.name: record for part, record in contents.found}
        expect({name: Path(record.path) if record else None for name, record in names.items()}, contents.bytes)
        damaged: dict[str, CourierError] | None = {} if leave_out_damaged else None
        unpacked, missing = await run_to_end(
            lambda: _unpack(archive.name, file, contents, room, check=own.check, tell=tell, taken_at=clock(),
                            damaged=damaged),
            stop=own.set,
        )  # fmt: skip
    databases, warnings = await _checked(
        archive.name, unpacked, method=check, abort=own, report=report, vouched=backup is not None, damaged=damaged
    )
    if damaged and not databases:
        raise next(iter(damaged.values()))
    warnings += [f"{error.sentence} It is left out." for error in (damaged or {}).values()]
    manifest = contents.manifest
    lacks = [f"{archive.name} no longer holds {name}, which its manifest names." for name in missing]
    strange = [one.name for one in databases if manifest is not None and one.record is None]
    lacks += [f"The manifest of {archive.name} does not name {name}: nothing proves what it is." for name in strange]
    return Intake(
        source=_words(archive, backup, manifest, volumes, timezone),
        databases=databases,
        taken_at=manifest.created_at if manifest else None,
        backup=backup,
        warnings=(*contents.warnings, *lacks, *warnings),
        manifest=manifest,
        missing=missing,
        damaged=tuple(damaged or ()),
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


def _require_space(room: Path, needed: int, what: str) -> None:
    free = shutil.disk_usage(room).free
    if needed + SPARE_BYTES > free:
        raise NoSpaceError(
            f"There is no space for {what} in {room.parent}: {needed:,} bytes are needed, and {free:,} are free.",
            hint="Free some space, or set SNAPSHOT_DIR to a folder on another disk.",
        )


def _require_sha256(archive: Path, sha256: str, check: Callable[[], None], tell: Report) -> None:
    """See that an archive is, by its checksum, the one which the catalogue knows. Raises `DamagedArchiveError`."""
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


def _unpack(
    archive: str,
    file: BinaryIO,
    contents: Contents,
    room: Path,
    *,
    check: Callable[[], None],
    tell: Report,
    taken_at: datetime,
    damaged: dict[str, CourierError] | None,
) -> tuple[list[tuple[Snapshot, str, BackedUp | None]], tuple[str, ...]]:
    """Unpack the databases, and hold each against its manifest; return them with the names of those that are missing.

    One that was renamed is known by its content. Where the bytes of a database differ, it is put down as `damaged`.
    Raises `DamagedArchiveError` where nothing is.
    """
    missing = list(contents.missing)
    before, unpacked = 0, []

    def take(number: int, part: ScreenedMember, claim: BackedUp | None) -> None:
        copy = room / f"incoming-{number:04}.db"
        steps = unpack(archive, file, part, copy, claimed=claim.sha256 if claim else "")
        while True:
            check()
            try:
                done = next(steps)
            except StopIteration as end:
                sha256 = str(end.value)
                break
            tell(RestoreProgress(stage=RestoreStage.READ, done=before + done, total=contents.bytes, detail=part.name))
        record = claim or next((lost for lost in missing if lost.sha256 == sha256), None)
        if record is not None and record in missing:
            missing.remove(record)
        if record is not None and sha256 != record.sha256:
            raise DamagedArchiveError(
                f"{archive} is damaged: {part.name} is not the database that its manifest describes (SHA-256).",
                hint="Take another backup, or restore the others in it with --only.",
            )
        snapshot = describe(
            archive,
            record.name if record else part.name,
            copy,
            origin=Path(record.path if record else part.name),
            taken_at=record.taken_at if record else taken_at,
        )
        if record is not None:  # what the database's header can't tell
            snapshot = replace(snapshot, journal_mode=record.journal_mode)
        unpacked.append((snapshot, sha256, record))

    for number, (part, claim) in enumerate(contents.found):
        try:
            take(number, part, claim)
        except DamagedArchiveError as error:
            if damaged is None:
                raise
            damaged[claim.name if claim else part.name] = error
        before += part.bytes
    return unpacked, tuple(record.name for record in missing)


async def _checked(
    archive: str,
    unpacked: Sequence[tuple[Snapshot, str, BackedUp | None]],
    *,
    method: CheckMethod,
    abort: Abort,
    report: Report,
    vouched: bool,
    damaged: dict[str, CourierError] | None,
) -> tuple[tuple[Incoming, ...], list[str]]:
    """Check the private copies side by side; a damaged one is refused, or put down as `damaged`."""
    records = {record.name: record for _, _, record in unpacked if record is not None}
    gate, done = asyncio.Semaphore(CHECKS_AT_ONCE), 0
    total = sum(snapshot.bytes for snapshot, _, _ in unpacked)

    async def look(snapshot: Snapshot) -> tuple[CheckReport, str]:
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
            done += snapshot.bytes
            report(RestoreProgress(stage=RestoreStage.CHECK, done=done, total=total, detail=name))
            return verdict, fingerprint

    tasks = [asyncio.ensure_future(look(snapshot)) for snapshot, _, _ in unpacked]
    try:
        looks = await asyncio.gather(*tasks)
    except BaseException:
        abort.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    databases, warnings = [], []
    for (snapshot, sha256, record), (verdict, fingerprint) in zip(unpacked, looks, strict=True):
        name = snapshot.database.name
        if verdict.verdict is Verdict.DAMAGED:
            first = verdict.messages[0] if verdict.messages else "the integrity check failed"
            error = UntrustedArchiveError(
                f"{name} in {archive} is damaged, and a damaged database is not restored: {first}.",
                hint="Take another backup.",
            )
            if damaged is None:
                raise error
            damaged[name] = error
            continue
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
            )
        )
    return tuple(databases), warnings


def _words(archive: Path, backup: Backup | None, manifest: Manifest | None, volumes: int, timezone: ZoneInfo) -> str:
    if backup is not None:
        return f"backup {backup.id} of {local_and_utc(backup.started_at, timezone)}"
    joined = f" of {volumes} volumes" if volumes > 1 else ""
    made = f", made {local_and_utc(manifest.created_at, timezone)}" if manifest else ""
    called = "" if archive.name == _UNNAMED else f" {archive.name}"
    return f"the archive{called}{joined}{made}"
