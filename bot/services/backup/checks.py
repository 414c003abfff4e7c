"""Checks the snapshots of a run beside their archive, and writes that again without what turns out not to count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.errors import AbortedError, ArchiveError, NothingToBackUpError, SnapshotError
from bot.models import (
    Archive,
    Cause,
    CheckMethod,
    CheckReport,
    Progress,
    ReportBytes,
    ReportRun,
    Skipped,
    SkippedRecord,
    SkipReason,
    Snapshot,
    Stage,
    Verdict,
    because,
)
from bot.services.archive.manifest import Manifest
from bot.services.archive.snapshots import ArchivePlan, SnapshotArchive
from bot.services.backup.earlier import NOTHING_EARLIER, Comparison
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import Nursery
from bot.services.concurrency.threads import run_to_end
from bot.services.files.private_file import PIECE
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import skip
from bot.services.snapshot.sqlite_errors import unforeseen
from bot.services.snapshot.torn_reads import retry_torn_reads, was_written_since
from bot.words.causes import mend_of
from bot.words.failures import nothing_words

AT_ONCE = 2
"""integrity_check is one core's work and a page cache each: two keep both cores of a small machine and the memory."""


TakeAgain = Callable[..., Awaitable[Snapshot]]
"""`take_snapshot`, but for the database and `abort`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the check came to: the snapshot that counts (maybe a second one) with its report; or why none does."""

    snapshot: Snapshot
    report: CheckReport | None = None
    skipped: Skipped | None = None


class Checks:
    """The checks of a run, at most one for each database.

    Damage is seen twice, in copies of a file at rest: `take_again` makes the second one.
    """

    def __init__(self, method: CheckMethod, take_again: TakeAgain, *, abort: Abort) -> None:
        self._method, self._take_again, self._stop = method, take_again, Abort(parent=abort)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._tasks = Nursery()
        self._begun: dict[str, asyncio.Task[Checked]] = {}

    def begin(self, snapshots: Iterable[Snapshot]) -> None:
        """Begin what has not begun yet, the largest first, since it is the last to finish."""
        for snapshot in sorted(snapshots, key=lambda snapshot: snapshot.bytes, reverse=True):
            if snapshot.database.name not in self._begun:
                self._begun[snapshot.database.name] = self._tasks.start(self._check(snapshot))

    async def of(self, snapshot: Snapshot) -> Checked:
        """Wait for the end of one that has begun."""
        return await self._begun[snapshot.database.name]

    async def stop(self) -> None:
        """End them; none goes on when this returns."""
        self._stop.set()
        await asyncio.gather(*self._begun.values(), return_exceptions=True)

    async def _check(self, snapshot: Snapshot) -> Checked:
        async with self._at_once:
            try:
                return await _check(snapshot, self._method, self._take_again, self._stop)
            except AbortedError:
                raise
            except Exception as error:
                return Checked(
                    snapshot=snapshot, skipped=skip(snapshot.database, unforeseen(snapshot.database.path, error))
                )


@asynccontextmanager
async def checking(method: CheckMethod, take_again: TakeAgain, *, abort: Abort) -> AsyncIterator[Checks]:
    """Give the checks of a run, of which none goes on when the block is left."""
    checks = Checks(method, take_again, abort=abort)
    try:
        yield checks
    finally:
        await checks.stop()


async def _check(first: Snapshot, method: CheckMethod, take_again: TakeAgain, stop: Abort) -> Checked:
    """Check a snapshot; one that looks damaged is taken again, of a file at rest, before that is said."""
    report = await check_snapshot(first, method, abort=stop)
    if report.verdict is not Verdict.DAMAGED:
        return Checked(snapshot=first, report=report)
    database, seen = first.database, [(first, report)]

    async def check_again() -> Checked:
        if not seen:
            snapshot = await take_again(database, abort=stop)
            seen.append((snapshot, await check_snapshot(snapshot, method, abort=stop)))
        snapshot, report = seen.pop()
        if report.verdict is not Verdict.DAMAGED:
            return Checked(snapshot=snapshot, report=report)
        if snapshot is not first:  # which the archive is still reading
            await asyncio.to_thread(snapshot.file.unlink)
        raise SnapshotError.because(Cause.CHECK_FAILED, **({"said": report.messages[0]} if report.messages else {}))

    if await asyncio.to_thread(was_written_since, database.path, first.taken_at):
        seen.clear()
    try:
        return await retry_torn_reads(database.path, check_again, check=stop.check)
    except SnapshotError as error:
        return Checked(snapshot=first, skipped=skip(database, error))


async def archive_checked(
    plan: ArchivePlan,
    snapshots: Sequence[Snapshot],
    checks: Checks,
    skipped: Sequence[Skipped],
    *,
    comparison: Comparison | None = None,
    abort: Abort,
    report: ReportRun,
) -> tuple[Archive, Manifest]:
    """Write and prove the archive while the checks run; write it again where one of them decides otherwise.

    What the `comparison` finds unchanged is not checked, and its deflated bytes are taken over, as are blocks that are
    the same of what did change. Where an archive with such bytes can't be proven, everything goes the full way. What is
    damaged is left out and added to the `skipped`, and so is what this machine has lost of its own. Raises
    `NothingToBackUpError`, and what `SnapshotArchive` raises.
    """
    included, left_out = list(snapshots), list(skipped)
    known = await comparison.earlier(included, abort=abort) if comparison is not None else NOTHING_EARLIER
    while included:
        same = {name: one for name, one in known.items() if one.same}
        checks.begin(snapshot for snapshot in included if snapshot.database.name not in same)
        archive = SnapshotArchive(plan, abort=abort)
        try:
            async with archive:
                await archive.take_in(
                    included,
                    deflated={name: one.deflated for name, one in same.items()},
                    earlier={name: one.deflated for name, one in known.items() if not one.same},
                    progress=counting(report, Stage.CHECK),
                )
                checked = [
                    Checked(snapshot=snapshot, report=same[snapshot.database.name].report)
                    if snapshot.database.name in same
                    else await checks.of(snapshot)
                    for snapshot in included
                ]
                reports = [one.report for one in checked if one.report is not None]
                if [one.snapshot for one in checked] == included and len(reports) == len(included):
                    return await archive.complete(reports, _records(left_out), proving=counting(report, Stage.PROVE))
            left_out += [one.skipped for one in checked if one.skipped is not None]
            included = [one.snapshot for one in checked if one.skipped is None]
        except ArchiveError as error:
            if comparison is not None and known:
                await comparison.distrust({one.backup.id: one.backup for one in known.values()}.values(), error)
                known = NOTHING_EARLIER
                continue
            lost = await run_to_end(partial(_lost, included, abort), stop=abort.set)
            if not lost:
                raise
            left_out += lost.values()
            included = [snapshot for snapshot in included if snapshot.file not in lost]
    records = _records(left_out)
    mend = "Correct DATABASES, or mend what the reasons name; `sqlite-courier config` shows what is looked for."
    if {record.reason for record in records} == {SkipReason.NO_SPACE}:
        mend = mend_of(records[0].why) if len(records) > 1 else ""  # of a single one, all is in the sentence
    raise NothingToBackUpError(nothing_words(records), hint=mend, skipped=records)


def counting(report: ReportRun, stage: Stage) -> ReportBytes:
    """Return what reports bytes as the progress of a stage."""
    return lambda done, total: report(Progress(stage=stage, done=done, total=total))


def _lost(snapshots: Iterable[Snapshot], abort: Abort) -> dict[Path, Skipped]:
    """Return whose private copies this machine can no longer read, by file. Blocking."""
    lost = {}
    for snapshot in snapshots:
        try:
            with snapshot.file.open("rb", buffering=0) as file:
                while file.read(PIECE):
                    abort.check()
                if file.tell() == snapshot.bytes:
                    continue
                why = {}
        except OSError as error:
            why = {"said": error.strerror or str(error)}
        cause = because(Cause.COPY_LOST if why else Cause.COPY_CUT, path=snapshot.database.path, **why)
        lost[snapshot.file] = Skipped(database=snapshot.database, why=cause)
    return lost


def _records(skipped: Iterable[Skipped]) -> tuple[SkippedRecord, ...]:
    return tuple(
        SkippedRecord(name=entry.database.name, path=str(entry.database.path), reason=entry.reason, why=entry.why)
        for entry in skipped
    )
