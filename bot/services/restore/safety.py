"""Takes the safety copy: copies and checks what a restore will replace, catalogued as a pinned backup."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from bot.errors import CourierError, RestoreRefusedError, SnapshotError
from bot.models import (
    INFO_NAME,
    MANIFEST_NAME,
    BackedUp,
    Backup,
    BackupState,
    CheckMethod,
    CheckReport,
    Compression,
    Database,
    DatabaseChange,
    Member,
    RestoreProgress,
    RestoreStage,
    SkipReason,
    Snapshot,
    Trigger,
    Verdict,
)
from bot.services.archive.backup_info import build_info
from bot.services.archive.manifest import backed_up, build_manifest
from bot.services.archive.write import MemberSource, write_archive
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import side_by_side
from bot.services.concurrency.threads import run_to_end
from bot.services.files.durability import sync_file
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
    house: RestoreContext, changes: Sequence[DatabaseChange], room: Path, *, abort: Abort, report: Report
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
                busy_timeout=house.busy_timeout,
                abort=abort,
                progress=lambda done, total, name=change.name: report(  # type: ignore[misc]
                    RestoreProgress(stage=RestoreStage.SAFETY, done=done, total=total, detail=name)
                ),
                allow_journal_recovery=True,
                clock=house.clock,
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
            kept = await run_to_end(partial(_keep, house, snapshot), stop=abort.set)
            copies.append(copy(kept=str(kept)))
        else:
            copies.append(copy(checked=(snapshot, verdict)))
    return tuple(copies)


async def store_safety_copies(
    house: RestoreContext,
    found: Sequence[tuple[Snapshot, CheckReport]],
    requested_by: str,
    abort: Abort,
    report: Report,
) -> Backup:
    """Store checked copies as a pinned backup. Raises `ArchiveError`, `NoSpaceError`, `AbortedError`."""
    started_at = house.clock()
    catalogue, store = house.catalogue, house.store
    target = store.folder / await store.name_archive(started_at, sealed=house.seal is not None)
    backup_id = await catalogue.backups.begin(trigger=Trigger.SAFETY, requested_by=requested_by, started_at=started_at)
    databases: tuple[BackedUp, ...] = ()

    async def close_with_manifest(members: Sequence[Member]) -> Sequence[MemberSource]:
        nonlocal databases
        databases = tuple(backed_up(*pair, member) for pair, member in zip(found, members, strict=True))
        return _descriptions(house, databases, started_at, target.name)

    try:
        archive = await write_archive(
            target,
            [MemberSource(name=s.database.name, file=s.file, modified=s.taken_at) for s, _ in found],
            epilogue=close_with_manifest,
            compression=Compression.FAST,  # a person waits for the restore behind it
            abort=abort,
            progress=lambda done, total: report(
                RestoreProgress(stage=RestoreStage.SAFETY, done=done, total=total, detail=target.name)
            ),
            seal=house.seal,
        )
    except BaseException as error:
        expected = isinstance(error, CourierError)
        await asyncio.shield(
            catalogue.backups.finish(
                backup_id,
                state=BackupState.INTERRUPTED,
                finished_at=house.clock(),
                error_code=error.code if isinstance(error, CourierError) else "error",
                error=str(error) if expected else f"{type(error).__name__}: {error}",
            )
        )
        raise
    await catalogue.backups.finish(
        backup_id,
        state=BackupState.STORED,
        finished_at=house.clock(),
        archive=archive,
        databases=databases,
    )
    await catalogue.backups.set_pinned(backup_id, True)
    await catalogue.backups.set_note(backup_id, "what was there before a restore")
    return await catalogue.backups.get(backup_id)


def _descriptions(
    house: RestoreContext, databases: Sequence[BackedUp], started_at: datetime, archive: str
) -> tuple[MemberSource, MemberSource]:
    manifest = build_manifest(
        created_at=started_at,
        trigger=Trigger.SAFETY,
        host=house.host,
        timezone=house.timezone,
        databases=databases,
        skipped=(),
    )
    return (
        MemberSource(
            name=INFO_NAME,
            content=build_info(manifest, archive, sealed=house.seal.label if house.seal else ""),
            modified=started_at,
        ),
        MemberSource(name=MANIFEST_NAME, content=manifest.to_json(), modified=started_at),
    )


def _of_nothing(name: str, room: Path) -> SafetyCopy:
    """Stand in for a target of 0 bytes: an empty database to go back to."""
    file = room / f"empty-{secrets.token_hex(4)}.db"
    file.touch(0o600)
    return SafetyCopy(name=name, file=file, fingerprint="", journal_mode="delete")


def _keep(house: RestoreContext, snapshot: Snapshot) -> Path:
    """Copy a damaged database to where it stays, and bring it to the disk."""
    folder = house.store.folder / KEPT_FOLDER
    create_private_folder(folder)
    kept = folder / f"{house.clock():%Y%m%d_%H%M%S}-{snapshot.file.stem}.db"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with snapshot.file.open("rb") as source, os.fdopen(os.open(kept, flags, 0o600), "wb") as out:
        while piece := source.read(1 << 20):
            out.write(piece)
        out.flush()
        sync_file(out.fileno())
    return kept
