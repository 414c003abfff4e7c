"""Checks what must hold before a restore, and what must hold after it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from bot.errors import RestoreError, RestoreRefusedError
from bot.models import CheckMethod, Database, DatabaseChange, InUse, RestoreMethod, TargetState, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_checked, run_to_end
from bot.services.files.private_file import sha256_of
from bot.services.files.store import create_private_folder
from bot.services.restore.context import Prepared
from bot.services.restore.in_use import named, who_uses
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.private_copy import examine
from bot.services.snapshot.snapshot import take_snapshot


async def require_as_planned(prepared: Prepared) -> None:
    """See that nothing is in the way, and that the targets are still what was planned for.

    Raises `RestoreRefusedError`.
    """
    if prepared.plan.all_obstacles:
        raise RestoreRefusedError(prepared.plan.all_obstacles[0], hint="Nothing was changed.")
    for change in prepared.plan.changes:
        await asyncio.to_thread(require_target, change, force=prepared.force)


def require_target(change: DatabaseChange, *, force: bool) -> None:
    """See that what was planned for is still there, and that nobody has open what is to be replaced. Blocking.

    Raises `RestoreRefusedError`.
    """
    target = change.target
    there = os.path.lexists(target)
    if change.method is RestoreMethod.INTO_LIVE:
        if not there:
            raise RestoreRefusedError(f"{target} is gone since the plan was made.", hint="Make a new plan.")
        return
    if there != (change.state is not TargetState.MISSING):
        what = "is there now" if there else "is gone"
        raise RestoreRefusedError(f"{target} {what}, unlike when the plan was made.", hint="Make a new plan.")
    in_use, by = who_uses(target)
    if in_use is InUse.OPEN:
        raise RestoreRefusedError(
            f"{target} can't be replaced: it is open{named(by)}.", hint="Stop its application, then restore."
        )
    if in_use is InUse.UNKNOWN and there and not force:
        raise RestoreRefusedError(
            f"That nobody has {target} open can't be proven here.",
            hint="Stop its application, then restore at the command line with --force.",
        )


async def require_unchanged(intake: Intake, abort: Abort) -> None:
    """See that the private copies are still what was checked. Raises `RestoreRefusedError`, `AbortedError`."""
    for one in intake.databases:
        if await run_checked(sha256_of, one.snapshot.file, abort=abort) != one.sha256:
            raise RestoreRefusedError(f"The private copy of {one.name} has changed since it was checked.")


def make_folder(folder: Path) -> None:
    """Make the folder that is restored into. Blocking. Raises `RestoreRefusedError`."""
    try:
        create_private_folder(folder)
    except OSError as error:
        raise RestoreRefusedError(f"The folder {folder} can't be made: {error.strerror or error}.") from error


async def prove_result(
    change: DatabaseChange,
    incoming: Incoming,
    scratch: Path,
    *,
    busy_timeout: float,
    written_since: Callable[[], bool],
    abort: Abort,
    progress: Callable[[int, int], None],
) -> str:
    """Read the target through SQL and hold it against the backup: whole, and page by page the same.

    Where its application has committed meanwhile (`written_since`), only that it is whole can be told; the sentence
    returned says so. Raises `RestoreError`, `SnapshotError`, `AbortedError`.
    """
    name = change.name
    database = Database(path=change.target, name=name)
    snapshot = await take_snapshot(database, scratch, busy_timeout=busy_timeout, abort=abort, progress=progress)
    # It may be what a stranger brought.
    found, fingerprint = await examine(snapshot, CheckMethod.QUICK, abort=abort, foreign=True)
    await asyncio.to_thread(snapshot.file.unlink)
    damaged_before = incoming.report.verdict is Verdict.DAMAGED  # an undo brings back what there was
    if found.verdict is Verdict.DAMAGED and not damaged_before:
        raise RestoreError(f"{name} is damaged after the restore: {found.messages[:1]}.", rolled_back=False)
    if fingerprint == incoming.fingerprint:
        return ""
    if await run_to_end(written_since, stop=bool):
        return "Its application has written to it since."
    if found.rows != incoming.report.rows:
        raise RestoreError(f"{name} does not hold the rows that the backup holds.", rolled_back=False)
    if found.schema_sha256 != incoming.report.schema_sha256:
        raise RestoreError(f"{name} does not have the schema that the backup has.", rolled_back=False)
    raise RestoreError(f"{name} is not page by page what the backup is.", rolled_back=False)
