"""Undoes the last restore in place: restores its safety copy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bot.errors import NotFoundError
from bot.models import (
    CheckMethod,
    DatabaseChange,
    DatabaseFacts,
    InUse,
    ReportRestore,
    RestoreMethod,
    Snapshot,
    TargetState,
    Verdict,
)
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.private_file import copy_into, create_private, sha256_of
from bot.services.restore.brought import brought_by
from bot.services.restore.context import Prepared, RestoreContext
from bot.services.restore.in_use import who_uses
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.intake import take_in
from bot.services.restore.journal import Record, RecordEntry, RecordState, RestoreJournal, RestorePhase
from bot.services.restore.plan import make_plan, plan_change
from bot.services.restore.private_copy import describe, fingerprint_of
from bot.services.restore.replacement import Replacement
from bot.services.restore.sources import find_source
from bot.services.restore.targets import Target, known_active, look_at_target
from bot.services.snapshot.check import check_snapshot

NOT_TOLD_APART = (
    "{} was written to since the restore. What the restore brought is no longer at hand to compare with, so what was"
    " written is not counted; it will be undone too."
)

_NOTHING = DatabaseFacts(bytes=0, page_size=0, journal_mode="", application_id=0, user_version=0, rows=(), schema=())


async def prepare_undo(context: RestoreContext, scratch: Path, *, abort: Abort, report: ReportRestore) -> Prepared:
    """Plan to bring back what the last restore in place replaced; it is itself a restore, and can be undone again.

    Live files get the content of the safety copy; files that were replaced are moved back, and the restored ones set
    aside. Raises `NotFoundError` where there is nothing to undo.
    """
    record = await asyncio.to_thread(RestoreJournal(context.store.folder).read)
    if record is None or record.state not in (RecordState.DONE, RecordState.INTERRUPTED):
        raise NotFoundError("There is no restore to undo.", hint="`sqlite-courier list` shows the backups there are.")
    entries = [entry for entry in record.entries if entry.phase is not RestorePhase.WAITING]
    live = [entry for entry in entries if entry.method is RestoreMethod.INTO_LIVE]
    stored = [entry for entry in live if not entry.kept and entry.old_fingerprint]
    databases: list[Incoming] = []
    warnings: list[str] = []
    backup = None
    if stored:
        origin = await find_source(context.catalogue, context.store.folder, str(record.safety_id))
        names = tuple(entry.name for entry in stored)
        taken = await take_in(
            replace(origin, only=names), scratch, check=CheckMethod.QUICK, keys=context.keys, abort=abort, report=report
        )
        databases.extend(taken.databases)
        warnings.extend(taken.warnings)
        backup = taken.backup
    for entry in live:
        if entry.kept:
            databases.append(await _kept(entry, scratch, context, abort))
            if databases[-1].report.verdict is Verdict.DAMAGED:
                warnings.append(f"{entry.name} was damaged before the restore, and will be as damaged again.")
        elif not entry.old_fingerprint:
            warnings.append(f"{entry.name} was an empty file before the restore; it is left as it is now.")
    intake = Intake(
        source=f"what was there before the restore of {record.source}",
        databases=tuple(databases),
        taken_at=record.started_at,
        backup=backup,
    )
    changes, takes_back = await _changes(context, record, intake, scratch, abort=abort, report=report)
    if not changes:
        raise NotFoundError("The last restore left nothing that can be undone.")
    plan = await asyncio.to_thread(make_plan, intake, changes, context, folder=None, warnings=warnings)
    return Prepared(plan=plan, intake=intake, scratch=scratch, takes_back=takes_back, undo_of=record.id)


async def _changes(
    context: RestoreContext, record: Record, intake: Intake, scratch: Path, *, abort: Abort, report: ReportRestore
) -> tuple[list[DatabaseChange], dict[str, Replacement]]:
    changes: list[DatabaseChange] = []
    takes_back: dict[str, Replacement] = {}
    incoming = {one.name: one for one in intake.databases}
    entries = [entry for entry in record.entries if entry.phase is not RestorePhase.WAITING]
    targets, written = {}, []
    for entry in entries:
        if entry.name not in incoming:
            continue
        target = await look_at_target(Path(entry.path), scratch, context, abort=abort)
        targets[entry.name] = target = known_active(target, context.active)
        if target.snapshot is not None and not await _is_as_restored(entry, target.snapshot, abort):
            written.append(entry.name)
    async with brought_by(context, record, written, scratch, abort=abort, report=report) as brought:
        for entry in entries:
            if entry.name in incoming:
                changes.append(
                    await _bring_back(
                        entry, incoming[entry.name], targets[entry.name], written=written, brought=brought, abort=abort
                    )
                )
            elif entry.replacement is not None:
                takes_back[entry.name] = entry.replacement
                changes.append(await asyncio.to_thread(_move_back, entry, entry.replacement))
    return changes, takes_back


async def _is_as_restored(entry: RecordEntry, snapshot: Snapshot, abort: Abort) -> bool:
    own = Abort(parent=abort)
    found = await run_to_end(partial(fingerprint_of, snapshot.file, check=own.check), stop=own.set)
    return found == entry.new_fingerprint


async def _bring_back(
    entry: RecordEntry,
    incoming: Incoming,
    target: Target,
    *,
    written: Sequence[str],
    brought: Mapping[str, Path],
    abort: Abort,
) -> DatabaseChange:
    """Plan one database; what was not written since the restore is no loss."""
    own = Abort(parent=abort)
    plan = partial(
        plan_change,
        incoming,
        target,
        folder=None,
        force=False,
        brought=brought.get(entry.name),
        told_apart=entry.name in brought,
        check=own.check,
    )
    change = await run_to_end(plan, stop=own.set)
    await target.forget_copy()
    if entry.name in written and entry.name not in brought and not change.same:
        return replace(change, warnings=(*change.warnings, NOT_TOLD_APART.format(entry.name)))
    return change


def _move_back(entry: RecordEntry, former: Replacement) -> DatabaseChange:
    target = Path(entry.target)
    in_use, by = who_uses(target)
    obstacles = []
    if in_use is InUse.OPEN:
        obstacles.append(f"{target} is open{f' by {chr(44).join(by)}' if by else ''}. Stop its application, then undo.")
    aside = former.set_aside_files()
    if former.existed and not aside:
        obstacles.append(f"{former.aside}, which was set aside, is gone.")
    what = f"{aside[0]} comes back" if aside else f"there was no {entry.name} before, and there will be none"
    return DatabaseChange(
        name=entry.name,
        path=Path(entry.path),
        target=target,
        method=RestoreMethod.REPLACE,
        state=TargetState.READABLE if target.exists() else TargetState.MISSING,
        now=None,
        then=replace(_NOTHING, bytes=aside[0].stat().st_size if aside else 0),
        taken_at=None,
        in_use=in_use,
        used_by=by,
        warnings=(f"{entry.name} was replaced: {what}; the restored database is set aside, not deleted.",),
        obstacles=tuple(obstacles),
    )


async def _kept(entry: RecordEntry, scratch: Path, context: RestoreContext, abort: Abort) -> Incoming:
    """Take in a database as it was: also a damaged one, since its damage is known."""
    copy = scratch / f"kept-{entry.name.encode().hex()[:40]}.db"
    kept = Path(entry.kept)
    if not await asyncio.to_thread(kept.is_file):
        raise NotFoundError(f"{kept}, the copy of {entry.name} before the restore, is gone.")
    await asyncio.to_thread(_copy, kept, copy)
    snapshot = await asyncio.to_thread(
        partial(describe, kept.name, entry.name, copy, origin=Path(entry.path), taken_at=context.clock())
    )
    report = await check_snapshot(snapshot, CheckMethod.QUICK, abort=abort)
    return Incoming(
        name=entry.name,
        snapshot=snapshot,
        report=report,
        sha256=await asyncio.to_thread(sha256_of, copy),
        fingerprint=await asyncio.to_thread(fingerprint_of, copy),
    )


def _copy(source: Path, target: Path) -> None:
    with create_private(target) as out:
        copy_into(out, source)
