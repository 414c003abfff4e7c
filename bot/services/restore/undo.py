"""Undoes the last restore in place: restores its safety copy."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from loguru import logger

from bot.errors import AbortedError, CourierError, NotFoundError
from bot.models import (
    CheckMethod,
    DatabaseChange,
    DatabaseFacts,
    InUse,
    Reason,
    ReportRestore,
    RestoreAct,
    RestoreMethod,
    SourceCode,
    TargetState,
    Verdict,
)
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_checked
from bot.services.files.names import folded
from bot.services.files.private_file import copy_into, create_private, sha256_of
from bot.services.restore.context import Prepared, RestoreContext
from bot.services.restore.in_use import named, who_uses
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.intake import take_in
from bot.services.restore.journal import Record, RecordEntry, RecordState, RestoreJournal, RestorePhase
from bot.services.restore.plan import make_plan, plan_change
from bot.services.restore.private_copy import describe, examine, fingerprint_of
from bot.services.restore.replacement import Replacement
from bot.services.restore.sources import find_source
from bot.services.restore.targets import Target, known_active, read_target

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
    intake = await _what_there_was(context, record, entries, scratch, abort=abort, report=report)
    changes = await _changes(context, record, entries, intake, scratch, abort=abort, report=report)
    if not changes:
        raise NotFoundError("The last restore left nothing that can be undone.")
    plan = await asyncio.to_thread(make_plan, intake, changes, context, folder=None)
    plan = replace(plan, act=record.act.next)
    brought = {one.name for one in intake.databases}
    takes_back = {entry.name: entry.replacement for entry in entries if entry.replacement and entry.name not in brought}
    return Prepared(plan=plan, intake=intake, scratch=scratch, takes_back=takes_back)


async def _what_there_was(
    context: RestoreContext,
    record: Record,
    entries: Sequence[RecordEntry],
    scratch: Path,
    *,
    abort: Abort,
    report: ReportRestore,
) -> Intake:
    """Take in what goes back into live files: out of the safety copy, or out of a file where that is in no backup."""
    live = [entry for entry in entries if entry.method is RestoreMethod.INTO_LIVE]
    stored = tuple(entry.name for entry in live if not entry.kept and entry.old_fingerprint)
    databases, warnings, backup = list[Incoming](), list[str](), None
    if stored:
        source = await find_source(
            context.catalogue, context.store.folder, str(record.safety_id), ZoneInfo(context.timezone)
        )
        taken = await take_in(
            replace(source, only=stored), scratch, check=CheckMethod.QUICK, keys=context.keys, abort=abort,
            report=report,
        )  # fmt: skip
        databases, warnings, backup = list(taken.databases), list(taken.warnings), taken.backup
    for entry in live:
        if entry.kept:
            databases.append(await _kept(entry, scratch, context, abort))
            if databases[-1].report.verdict is Verdict.DAMAGED:
                warnings.append(f"{entry.name} was damaged before the restore, and will be as damaged again.")
        elif not entry.old_fingerprint:
            warnings.append(f"{entry.name} was an empty file before the restore; it is left as it is now.")
    return Intake(
        source=Reason(SourceCode.BEFORE_RESTORE, (("of", record.source.code), *record.source.facts))
        if record.act is RestoreAct.RESTORE
        else Reason(SourceCode.BEFORE_ACT, (("act", record.act),)),
        databases=tuple(databases),
        taken_at=record.started_at,
        backup=backup,
        warnings=tuple(warnings),
    )


async def _changes(
    context: RestoreContext,
    record: Record,
    entries: Sequence[RecordEntry],
    intake: Intake,
    scratch: Path,
    *,
    abort: Abort,
    report: ReportRestore,
) -> list[DatabaseChange]:
    """Plan each database. To an undo, what was not written since the restore is no loss; a redo takes away again what
    the undo brought back, as the restore did.
    """
    redo = record.act is RestoreAct.UNDO
    incoming = {one.name: one for one in intake.databases}
    targets: dict[str, Target] = {}
    written: dict[str, str] = {}  # since the restore: names, each with the fingerprint of what the restore brought
    for entry in entries:
        if entry.name in incoming:
            target = await read_target(Path(entry.path), scratch, context, abort=abort)
            targets[entry.name] = known_active(target, context.active)
            if target.snapshot is not None and not redo:
                found = await run_checked(fingerprint_of, target.snapshot.file, abort=abort)
                if found != entry.new_fingerprint:
                    written[entry.name] = entry.new_fingerprint
    changes: list[DatabaseChange] = []
    folder = scratch / "brought"
    await asyncio.to_thread(folder.mkdir, 0o700)
    try:
        brought = await _brought(context, record, written, folder, abort=abort, report=report)
        for entry in entries:
            name = entry.name
            if name in incoming:
                change = await run_checked(
                    partial(
                        plan_change,
                        incoming[name],
                        targets[name],
                        folder=None,
                        force=False,
                        brought=brought.get(name),
                        told_apart=redo or name in brought,
                    ),
                    abort=abort,
                )
                await targets[name].forget_copy()
                if name in written and name not in brought and not change.same:
                    change = replace(change, warnings=(*change.warnings, NOT_TOLD_APART.format(name)))
                changes.append(change)
            elif entry.replacement is not None:
                changes.append(await asyncio.to_thread(_move_back, entry, entry.replacement))
    finally:
        await asyncio.to_thread(partial(shutil.rmtree, folder, ignore_errors=True))
    return changes


async def _brought(
    context: RestoreContext,
    record: Record,
    wanted: Mapping[str, str],
    folder: Path,
    *,
    abort: Abort,
    report: ReportRestore,
) -> Mapping[str, Path]:
    """Unpack again what the restore brought of these databases, by name, with their fingerprints.

    One that can't be had is left out: its archive is gone, was never catalogued, or holds something else by now.
    Raises `AbortedError`.
    """
    if record.backup_id is None or not wanted:
        return {}
    try:
        source = await find_source(
            context.catalogue, context.store.folder, str(record.backup_id), ZoneInfo(context.timezone)
        )
        known = {folded(database.name) for database in source.backup.databases} if source.backup else set()
        only = tuple(name for name in wanted if folded(name) in known)
        if not only:
            return {}
        taken = await take_in(
            replace(source, only=only), folder, check=CheckMethod.QUICK, keys=context.keys, abort=abort, report=report
        )
    except AbortedError:
        raise
    except (CourierError, OSError) as error:
        logger.info("what the restore brought can't be compared with: {}", error)
        return {}
    return {one.name: one.snapshot.file for one in taken.databases if wanted.get(one.name) == one.fingerprint}


def _move_back(entry: RecordEntry, former: Replacement) -> DatabaseChange:
    target = Path(entry.target)
    in_use, by = who_uses(target)
    obstacles = []
    if in_use is InUse.OPEN:
        obstacles.append(f"{target} is open{named(by)}. Stop its application, then undo.")
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
        describe, kept.name, entry.name, copy, origin=Path(entry.path), taken_at=context.clock()
    )
    report, fingerprint = await examine(snapshot, CheckMethod.QUICK, abort=abort)
    return Incoming(
        name=entry.name,
        snapshot=snapshot,
        report=report,
        sha256=await asyncio.to_thread(sha256_of, copy),
        fingerprint=fingerprint,
    )


def _copy(source: Path, target: Path) -> None:
    with create_private(target) as out:
        copy_into(out, source)
