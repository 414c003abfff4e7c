"""The way of a backup, from the settings to a proven archive: one function that reads as the product."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.errors import CourierError, NothingToBackUpError
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
    Skipped,
    SkippedRecord,
    SkipReason,
    Snapshot,
    Stage,
    Trigger,
    Verdict,
)
from bot.services.abort import Abort
from bot.services.archive import Source, write_archive
from bot.services.backup_info import build_info
from bot.services.check import check_snapshot
from bot.services.manifest import backed_up, build_manifest
from bot.services.sealing.keys import Seal
from bot.services.snapshot import take_snapshots

Report = Callable[[Progress], None]

CHECKS_AT_ONCE = 2
"""integrity_check is one core's work and a page cache each: two keep both cores of a small machine and the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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
class Product:
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


class _DamagedSnapshotError(CourierError):
    """A snapshot turned out damaged while the archive was being written: it has to be written again without it."""

    def __init__(self, damaged: tuple[Skipped, ...]) -> None:
        super().__init__("a snapshot is damaged")
        self.damaged = damaged


async def make_backup(plan: Plan, *, abort: Abort, report: Report) -> Product:
    """Snapshot, check, compress and prove every database of the plan.

    All snapshots are taken side by side first; then their checks and the compression run beside one another. Returns
    only with an archive that was re-read and compared; a database that can't be copied or is damaged is left out and
    named. The private copies are left in the plan's work folder, which is the caller's to remove.

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
    plan: Plan, snapshots: Sequence[Snapshot], skipped: list[Skipped], *, abort: Abort, report: Report
) -> Product:
    """Write the archive while the checks run; write it again without the snapshots that turn out damaged."""
    stop = Abort(parent=abort)
    checks = _start_checks(snapshots, plan.check, stop)
    try:
        while True:
            left_out = {entry.database.name for entry in skipped}
            included = [snapshot for snapshot in snapshots if snapshot.database.name not in left_out]
            if not included:
                raise NothingLeftError(_records(skipped))
            try:
                return await _write(plan, included, skipped, checks, abort=abort, report=report)
            except _DamagedSnapshotError as error:
                skipped = [*skipped, *error.damaged]
    finally:
        stop.set()
        await asyncio.gather(*checks.values(), return_exceptions=True)


def _start_checks(
    snapshots: Iterable[Snapshot], method: CheckMethod, stop: Abort
) -> Mapping[str, asyncio.Task[CheckReport]]:
    """Begin all checks, the largest first, since it is the last to finish."""
    at_once = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(snapshot: Snapshot) -> CheckReport:
        async with at_once:
            return await check_snapshot(snapshot, method, abort=stop)

    by_size = sorted(snapshots, key=lambda snapshot: snapshot.bytes, reverse=True)
    return {snapshot.database.name: asyncio.create_task(check(snapshot)) for snapshot in by_size}


async def _write(
    plan: Plan,
    included: Sequence[Snapshot],
    skipped: Sequence[Skipped],
    checks: Mapping[str, asyncio.Task[CheckReport]],
    *,
    abort: Abort,
    report: Report,
) -> Product:
    databases: tuple[BackedUp, ...] = ()

    async def close_with_manifest(members: Sequence[Member]) -> Sequence[Source]:
        nonlocal databases
        reports = [await checks[snapshot.database.name] for snapshot in included]
        damaged = tuple(
            _damaged(snapshot, report)
            for snapshot, report in zip(included, reports, strict=True)
            if report.verdict is Verdict.DAMAGED
        )
        if damaged:
            raise _DamagedSnapshotError(damaged)
        databases = tuple(backed_up(*triple) for triple in zip(included, reports, members, strict=True))
        manifest = build_manifest(
            created_at=plan.started_at,
            trigger=plan.trigger,
            host=plan.host,
            timezone=plan.timezone,
            databases=databases,
            skipped=_records(skipped),
        )
        info = build_info(manifest, plan.target.name, sealed=plan.seal.label if plan.seal else "")
        return (
            Source(name=INFO_NAME, content=info, modified=plan.started_at),
            Source(name=MANIFEST_NAME, content=manifest.to_json(), modified=plan.started_at),
        )

    archive = await write_archive(
        plan.target,
        [Source(name=snapshot.database.name, file=snapshot.file, modified=snapshot.taken_at) for snapshot in included],
        epilogue=close_with_manifest,
        compression=plan.compression,
        abort=abort,
        progress=lambda done, total: report(Progress(stage=Stage.CHECK, done=done, total=total)),
        seal=plan.seal,
    )
    return Product(archive=archive, databases=databases, skipped=_records(skipped))


def _damaged(snapshot: Snapshot, report: CheckReport) -> Skipped:
    return Skipped(
        database=snapshot.database,
        reason=SkipReason.DAMAGED,
        detail=f"The database is damaged: {report.messages[0] if report.messages else 'the integrity check failed'}.",
    )


def _records(skipped: Iterable[Skipped]) -> tuple[SkippedRecord, ...]:
    return tuple(
        SkippedRecord(name=entry.database.name, path=str(entry.database.path), reason=entry.reason, detail=entry.detail)
        for entry in skipped
    )
