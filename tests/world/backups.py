"""A backup made as a run makes it, from the snapshots to the proof, in a folder and without a catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bot.clock import utc_now
from bot.models import Archive, CheckMethod, Compression, Database, ReportRun, Stage, Trigger
from bot.services.archive.manifest import Manifest
from bot.services.archive.snapshots import ArchivePlan
from bot.services.backup.checks import archive_checked, checking, counting
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.snapshot import take_snapshot, take_snapshots


async def make_backup(
    target: Path, databases: Sequence[Database], work: Path, *, report: ReportRun = lambda _progress: None
) -> tuple[Archive, Manifest]:
    """Snapshot, check, archive and prove the databases; the private copies lie in `work` meanwhile."""
    plan = ArchivePlan(
        target=target,
        created_at=utc_now(),
        trigger=Trigger.COMMAND,
        host="here",
        timezone="UTC",
        compression=Compression.FAST,
        seal=None,
    )
    abort, take_again = Abort(), partial(take_snapshot, into=work, busy_timeout=20)
    try:
        snapshots, unread = await take_snapshots(
            databases, work, busy_timeout=20, abort=abort, progress=counting(report, Stage.SNAPSHOT)
        )
        async with checking(CheckMethod.FULL, take_again, abort=abort) as checks:
            return await archive_checked(plan, snapshots, checks, unread, abort=abort, report=report)
    finally:
        shutil.rmtree(work)
