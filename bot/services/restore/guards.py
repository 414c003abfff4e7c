"""Checks what must hold before a restore, and what must hold after it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bot.errors import RestoreError, RestoreRefusedError
from bot.models import CheckMethod, Database, DatabaseChange, InUse, RestoreMethod, TargetState, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import side_by_side
from bot.services.concurrency.threads import run_to_end
from bot.services.restore.in_use import who_uses
from bot.services.restore.incoming import Incoming
from bot.services.restore.private_copy import fingerprint_of
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import take_snapshot


def require_as_planned(change: DatabaseChange, *, force: bool) -> None:
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
        who = f" by {', '.join(by)}" if by else ""
        raise RestoreRefusedError(
            f"{target} can't be replaced: it is open{who}.", hint="Stop its application, then restore."
        )
    if in_use is InUse.UNKNOWN and there and not force:
        raise RestoreRefusedError(
            f"That nobody has {target} open can't be proven here.",
            hint="Stop its application, then restore with --force.",
        )


async def prove_result(
    change: DatabaseChange,
    incoming: Incoming,
    room: Path,
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
    snapshot = await take_snapshot(database, room, busy_timeout=busy_timeout, abort=abort, progress=progress)
    own = Abort(parent=abort)
    found, fingerprint = await side_by_side(
        check_snapshot(snapshot, CheckMethod.QUICK, abort=own, foreign=True),  # it may be what a stranger brought
        run_to_end(partial(fingerprint_of, snapshot.file, check=own.check), stop=own.set),
        stop=own.set,
    )
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
