"""Takes the safety copy: copies and checks what a restore will replace, catalogued as a pinned backup."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.errors import RestoreRefusedError, SnapshotError
from bot.models import (
    Backup,
    CheckMethod,
    CheckReport,
    Compression,
    Database,
    DatabaseChange,
    RestoreProgress,
    RestoreStage,
    SkipReason,
    Snapshot,
    Trigger,
    Verdict,
)
from bot.services.archive.snapshots import ArchivePlan, SnapshotArchive
from bot.services.catalogue import record_stored, recorded
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import side_by_side
from bot.services.concurrency.threads import run_to_end
from bot.services.files.private_file import copy_into, create_private, removed_on_failure, to_the_disk
from bot.services.files.store import create_private_folder
from bot.services.restore.context import Report, RestoreContext
from bot.services.restore.private_copy import fingerprint_of
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import take_snapshot

KEPT_FOLDER = "before-restore"
"""Where copies of damaged databases are kept: they are no backups, and yet all that is left of what was there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyCopy:
    """What was in one target: `file` is private and gone after the restore, `kept` is where a damaged one stays.

    `checked` is what goes into the backup, None where nothing does.
    """

    name: str
    file: Path
    fingerprint: str
    journal_mode: str
    kept: str = ""
    late: bool = False  # taken anew, of what its application wrote meanwhile
    checked: tuple[Snapshot, CheckReport] | None = None


async def take_safety_copies(
    context: RestoreContext, changes: Sequence[DatabaseChange], room: Path, *, abort: Abort, report: Report
) -> tuple[SafetyCopy, ...]:
    """Copy the targets that will be written to, by the recipe of backups; `store_safety_copies` makes a backup of them.

    A hot journal of a crashed application is rolled back by it. The check is the quick one: a safety copy keeps what
    there was, and compares no index with its table. What fails it is kept as a plain file. Raises
    `RestoreRefusedError`, `AbortedError`; nothing was changed then.
    """
    copies: list[SafetyCopy] = []
    for change in changes:
        report(RestoreProgress(stage=RestoreStage.SAFETY, detail=change.name))
        try:
            snapshot = await take_snapshot(
                Database(path=change.path, name=change.name),
                room,
                busy_timeout=context.busy_timeout,
                abort=abort,
                progress=lambda done, total, name=change.name: report(  # type: ignore[misc]
                    RestoreProgress(stage=RestoreStage.SAFETY, done=done, total=total, detail=name)
                ),
                allow_journal_recovery=True,
                clock=context.clock,
            )
        except SnapshotError as error:
            if error.reason is not SkipReason.EMPTY:
                raise RestoreRefusedError(
                    f"No safety copy of {change.name} can be made, so it is not touched: {error.sentence}",
                    hint=error.hint,
                ) from error
            copies.append(await asyncio.to_thread(_of_nothing, change.name, room))
            continue
        own = Abort(parent=abort)
        verdict, fingerprint = await side_by_side(
            check_snapshot(snapshot, CheckMethod.QUICK, abort=own),
            run_to_end(partial(fingerprint_of, snapshot.file, check=own.check), stop=own.set),
            stop=own.set,
        )
        copy = partial(
            SafetyCopy,
            name=change.name,
            file=snapshot.file,
            fingerprint=fingerprint,
            journal_mode=snapshot.journal_mode,
        )
        if verdict.verdict is Verdict.DAMAGED:
            kept = await run_to_end(partial(_keep, context, snapshot), stop=abort.set)
            copies.append(copy(kept=str(kept)))
        else:
            copies.append(copy(checked=(snapshot, verdict)))
    return tuple(copies)


async def store_safety_copies(
    context: RestoreContext,
    found: Sequence[tuple[Snapshot, CheckReport]],
    requested_by: str,
    abort: Abort,
    report: Report,
) -> Backup:
    """Store checked copies as a pinned backup. Raises `ArchiveError`, `NoSpaceError`, `AbortedError`."""
    catalogue, started_at = context.catalogue, context.clock()
    name = await context.store.name_archive(started_at, sealed=context.seal is not None)
    plan = ArchivePlan(
        target=context.store.folder / name,
        created_at=started_at,
        trigger=Trigger.SAFETY,
        host=context.host,
        timezone=context.timezone,
        compression=Compression.FAST,  # a person waits for the restore behind it
        seal=context.seal,
    )

    def tell(done: int, total: int) -> None:
        report(RestoreProgress(stage=RestoreStage.SAFETY, done=done, total=total, detail=name))

    record = recorded(catalogue, trigger=plan.trigger, requested_by=requested_by, started_at=started_at)
    copies, reports = zip(*found, strict=True)
    async with record as backup_id, SnapshotArchive(plan, abort=abort) as writing:
        await writing.take_in(copies, progress=tell)
        archive, manifest = await writing.complete(reports)
    await record_stored(catalogue, backup_id, archive, manifest)
    await catalogue.backups.set_pinned(backup_id, True)
    await catalogue.backups.set_note(backup_id, "what was there before a restore")
    return await catalogue.backups.get(backup_id)


def _of_nothing(name: str, room: Path) -> SafetyCopy:
    """Stand in for a target of 0 bytes: an empty database to go back to."""
    file = room / f"empty-{secrets.token_hex(4)}.db"
    file.touch(0o600)
    return SafetyCopy(name=name, file=file, fingerprint="", journal_mode="delete")


def _keep(context: RestoreContext, snapshot: Snapshot) -> Path:
    """Copy a damaged database to where it stays, and bring it to the disk."""
    folder = context.store.folder / KEPT_FOLDER
    create_private_folder(folder)
    kept = folder / f"{context.clock():%Y%m%d_%H%M%S}-{snapshot.file.stem}.db"
    out = create_private(kept)
    with removed_on_failure(kept), out:
        copy_into(out, snapshot.file)
        to_the_disk(out)
    return kept
