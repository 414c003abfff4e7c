"""Makes a backup: one function from the databases of the settings to a proven archive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from bot.errors import (
    AbortedError,
    ArchiveError,
    CourierError,
    DamagedArchiveError,
    NothingToBackUpError,
    SnapshotError,
    UntrustedArchiveError,
)
from bot.models import (
    INFO_NAME,
    MANIFEST_NAME,
    Archive,
    BackedUp,
    CheckMethod,
    CheckReport,
    Compression,
    Database,
    Member,
    Progress,
    ReportRun,
    Skipped,
    SkippedRecord,
    SkipReason,
    Snapshot,
    Stage,
    Trigger,
    Verdict,
)
from bot.services.archive.backup_info import build_info
from bot.services.archive.manifest import Manifest, backed_up, build_manifest, manifest_in
from bot.services.archive.screening import screened
from bot.services.archive.write import MemberSource, write_archive
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.sealing.keys import Seal
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.second_look import look_twice, was_written_since
from bot.services.snapshot.snapshot import take_snapshot, take_snapshots
from bot.services.snapshot.sqlite_errors import unforeseen

_PIECE = 1 << 20

CHECKS_AT_ONCE = 2
"""integrity_check is one core's work and a page cache each: two keep both cores of a small machine and the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlan:
    """What one run is to do, resolved from the settings at its beginning."""

    databases: tuple[Database, ...]
    missing: tuple[Skipped, ...]
    target: Path
    work: Path
    started_at: datetime
    trigger: Trigger
    host: str
    timezone: str
    check: CheckMethod
    compression: Compression
    busy_timeout: float
    allow_journal_recovery: bool
    seal: Seal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBackup:
    """What a run has made: the proven archive, what is in it, and what is not and why."""

    archive: Archive
    databases: tuple[BackedUp, ...]
    skipped: tuple[SkippedRecord, ...]


class NothingLeftError(NothingToBackUpError):
    """No database could be backed up; `skipped` says why, one by one."""

    def __init__(self, skipped: Sequence[SkippedRecord]) -> None:
        reasons = "; ".join(f"{record.name}: {record.detail}" for record in skipped)
        super().__init__(
            f"No database could be backed up. {reasons}" if reasons else "DATABASES matches no file.",
            hint="Correct DATABASES, or mend what the reasons name; `sqlite-courier config` shows what is looked for.",
        )
        self.skipped = tuple(skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What the check came to: the snapshot that counts (maybe a second one) with its report; or why none does."""

    snapshot: Snapshot
    report: CheckReport | None = None
    skipped: Skipped | None = None


class _AnewError(CourierError):
    """The archive that is being written holds a snapshot that does not count: it has to be written again without it."""

    def __init__(self) -> None:
        super().__init__("the archive has to be written again")


async def make_backup(plan: BackupPlan, *, abort: Abort, report: ReportRun) -> MadeBackup:
    """Snapshot, check, compress and prove every database of the plan.

    All snapshots are taken side by side first; then their checks and the compression run beside one another. Returns
    only with an archive that was re-read and compared; a database that can't be copied or is damaged is left out and
    named, and so is one whose private copy is lost. Damage is seen twice, in copies of a file at rest. The private
    copies are left in the plan's work folder, which is the caller's to remove.

    Raises `NothingToBackUpError`, `ArchiveError`, `NoSpaceError`, `AbortedError`.
    """
    snapshots, unread = await take_snapshots(
        plan.databases,
        plan.work,
        busy_timeout=plan.busy_timeout,
        abort=abort,
        progress=lambda done, total: report(Progress(stage=Stage.SNAPSHOT, done=done, total=total)),
        allow_journal_recovery=plan.allow_journal_recovery,
    )
    return await _archive_checked(plan, snapshots, [*plan.missing, *unread], abort=abort, report=report)


async def _archive_checked(
    plan: BackupPlan, snapshots: Sequence[Snapshot], skipped: list[Skipped], *, abort: Abort, report: ReportRun
) -> MadeBackup:
    """Write the archive while the checks run; write it again where one of them decides otherwise."""
    stop = Abort(parent=abort)
    checks = _start_checks(plan, snapshots, stop)
    included = list(snapshots)
    try:
        while True:
            if not included:
                raise NothingLeftError(_records(skipped))
            try:
                return await _write(plan, included, skipped, checks, abort=abort, report=report)
            except _AnewError:
                judged = [await checks[snapshot.database.name] for snapshot in included]
                skipped = [*skipped, *(each.skipped for each in judged if each.skipped is not None)]
                included = [each.snapshot for each in judged if each.skipped is None]
            except ArchiveError:
                lost = await run_to_end(partial(_lost, included, abort), stop=abort.set)
                if not lost:
                    raise
                skipped = [*skipped, *lost.values()]
                included = [snapshot for snapshot in included if snapshot.file not in lost]
    finally:
        stop.set()
        await asyncio.gather(*checks.values(), return_exceptions=True)


def _lost(snapshots: Iterable[Snapshot], abort: Abort) -> dict[Path, Skipped]:
    """Return whose private copies this machine can no longer read, by file. Blocking."""
    lost = {}
    for snapshot in snapshots:
        try:
            with snapshot.file.open("rb", buffering=0) as file:
                while file.read(_PIECE):
                    abort.check()
                if file.tell() == snapshot.bytes:
                    continue
                why = "it has another size than it had"
        except OSError as error:
            why = error.strerror or str(error)
        lost[snapshot.file] = Skipped(
            database=snapshot.database,
            reason=SkipReason.FAILED,
            detail=f"The private copy of {snapshot.database.path} was lost: {why}. The database itself may be sound.",
        )
    return lost


def _start_checks(plan: BackupPlan, snapshots: Iterable[Snapshot], stop: Abort) -> Mapping[str, asyncio.Task[_Judged]]:
    """Begin all checks, the largest first, since it is the last to finish."""
    at_once = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(snapshot: Snapshot) -> _Judged:
        async with at_once:
            try:
                return await _judge(plan, snapshot, stop)
            except AbortedError:
                raise
            except Exception as error:
                fault = unforeseen(snapshot.database.path, error)
                return _Judged(snapshot=snapshot, skipped=_skipped(snapshot.database, fault))

    by_size = sorted(snapshots, key=lambda snapshot: snapshot.bytes, reverse=True)
    return {snapshot.database.name: asyncio.create_task(check(snapshot)) for snapshot in by_size}


async def _judge(plan: BackupPlan, first: Snapshot, stop: Abort) -> _Judged:
    """Check a snapshot; one that looks damaged is taken again, of a file at rest, before that is said."""
    report = await check_snapshot(first, plan.check, abort=stop)
    if report.verdict is not Verdict.DAMAGED:
        return _Judged(snapshot=first, report=report)
    database, seen = first.database, [(first, report)]

    async def look() -> _Judged:
        if not seen:
            snapshot = await take_snapshot(
                database,
                plan.work,
                busy_timeout=plan.busy_timeout,
                abort=stop,
                allow_journal_recovery=plan.allow_journal_recovery,
            )
            seen.append((snapshot, await check_snapshot(snapshot, plan.check, abort=stop)))
        snapshot, report = seen.pop()
        if report.verdict is not Verdict.DAMAGED:
            return _Judged(snapshot=snapshot, report=report)
        if snapshot is not first:  # which the archive is still reading
            await asyncio.to_thread(snapshot.file.unlink)
        why = report.messages[0] if report.messages else "the integrity check failed"
        raise SnapshotError(SkipReason.DAMAGED, f"The database is damaged: {why}.")

    if await asyncio.to_thread(was_written_since, database.path, first.taken_at):
        seen.clear()
    try:
        return await look_twice(database.path, look, check=stop.check)
    except SnapshotError as error:
        return _Judged(snapshot=first, skipped=_skipped(database, error))


async def _write(
    plan: BackupPlan,
    included: Sequence[Snapshot],
    skipped: Sequence[Skipped],
    checks: Mapping[str, asyncio.Task[_Judged]],
    *,
    abort: Abort,
    report: ReportRun,
) -> MadeBackup:
    manifest: Manifest | None = None

    async def close_with_manifest(members: Sequence[Member]) -> Sequence[MemberSource]:
        nonlocal manifest
        judged = [await checks[snapshot.database.name] for snapshot in included]
        reports = [each.report for each in judged if each.report is not None]
        if len(reports) < len(included) or [each.snapshot for each in judged] != list(included):
            raise _AnewError
        manifest = build_manifest(
            created_at=plan.started_at,
            trigger=plan.trigger,
            host=plan.host,
            timezone=plan.timezone,
            databases=[backed_up(*triple) for triple in zip(included, reports, members, strict=True)],
            skipped=_records(skipped),
        )
        info = build_info(manifest, plan.target.name, sealed=plan.seal.label if plan.seal else "")
        content = manifest.to_json()
        _require_same(Manifest.from_json(content), manifest)
        return (
            MemberSource(name=INFO_NAME, content=info, modified=plan.started_at),
            MemberSource(name=MANIFEST_NAME, content=content, modified=plan.started_at),
        )

    def read_as_a_restore_would(path: Path) -> None:
        try:
            with screened(path, trusted=True) as archive:
                _require_same(manifest_in(archive), manifest)
        except (UntrustedArchiveError, DamagedArchiveError) as error:
            raise ArchiveError(f"The archive could not be proven: {error.sentence}", hint=error.hint) from error

    archive = await write_archive(
        plan.target,
        [
            MemberSource(name=snapshot.database.name, file=snapshot.file, modified=snapshot.taken_at)
            for snapshot in included
        ],
        epilogue=close_with_manifest,
        compression=plan.compression,
        abort=abort,
        progress=lambda done, total: report(Progress(stage=Stage.CHECK, done=done, total=total)),
        proving=lambda done, total: report(Progress(stage=Stage.PROVE, done=done, total=total)),
        seal=plan.seal,
        reader=read_as_a_restore_would,
    )
    databases = manifest.databases if manifest is not None else ()  # as a reader finds them
    return MadeBackup(archive=archive, databases=databases, skipped=_records(skipped))


def _skipped(database: Database, error: SnapshotError) -> Skipped:
    return Skipped(database=database, reason=error.reason, detail=f"{error.sentence} {error.hint}".strip())


def _require_same(read: Manifest, written: Manifest | None) -> None:
    if read != written:
        raise ArchiveError(
            f"The archive could not be proven: its {MANIFEST_NAME}, read as for a restore, is not what was written.",
            hint="Please report this, with what `sqlite-courier config` prints.",
        )


def _records(skipped: Iterable[Skipped]) -> tuple[SkippedRecord, ...]:
    return tuple(
        SkippedRecord(name=entry.database.name, path=str(entry.database.path), reason=entry.reason, detail=entry.detail)
        for entry in skipped
    )
