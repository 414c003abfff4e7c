"""Copies what a restore is about to replace, and stores it as a backup for 30 days: what is committed late too."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from loguru import logger

from bot.errors import CourierError, RestoreRefusedError, SnapshotError
from bot.models import (
    SAFETY_KEPT,
    Backup,
    CheckMethod,
    CheckReport,
    Compression,
    Database,
    DatabaseChange,
    ReportRestore,
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
from bot.services.concurrency.nursery import Nursery
from bot.services.concurrency.threads import run_to_end
from bot.services.restore.context import RestoreContext
from bot.services.restore.journal import RestoreJournal
from bot.services.restore.kept_copies import copy_late, keep_damaged, remove_files
from bot.services.restore.private_copy import describe, examine
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import take_snapshot

Checked = tuple[Snapshot, CheckReport]


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
    checked: Checked | None = None


class SafetyCopies:
    """The safety copies of one restore, by the name of the database, and the backup that is made of them.

    `changes` are those of live files. `backup` is there once it is stored, which goes on beside the copying.
    """

    def __init__(
        self,
        context: RestoreContext,
        changes: Sequence[DatabaseChange],
        journal: RestoreJournal,
        *,
        requested_by: str,
        abort: Abort,
        report: ReportRestore,
    ) -> None:
        self.changes = tuple(changes)
        self.copies: dict[str, SafetyCopy] = {}
        self.backup: Backup | None = None
        self._context, self._journal, self._requested_by = context, journal, requested_by
        self._abort, self._report = abort, report
        self._nursery = Nursery()
        self._storing: asyncio.Task[Backup] | None = None
        self._stop_storing = Abort(parent=abort)
        self._waited_for = False  # nothing else is done meanwhile
        self._loop = asyncio.get_running_loop()

    async def take(self, scratch: Path) -> None:
        """Copy the live files by the recipe of backups.

        A hot journal of a crashed application is rolled back by it. The check is the quick one: a safety copy keeps
        what there was, and compares no index with its table. What fails it is kept as a plain file. Raises
        `RestoreRefusedError`, `AbortedError`; nothing was changed then.
        """
        for change in self.changes:
            self.copies[change.name] = await self._take(change, scratch)

    async def _take(self, change: DatabaseChange, scratch: Path) -> SafetyCopy:
        def tell(done: int, total: int) -> None:
            self._report(RestoreProgress(stage=RestoreStage.SAFETY, done=done, total=total, detail=change.name))

        tell(0, 0)
        try:
            snapshot = await take_snapshot(
                Database(path=change.path, name=change.name),
                scratch,
                busy_timeout=self._context.busy_timeout,
                abort=self._abort,
                progress=tell,
                allow_journal_recovery=True,
                clock=self._context.clock,
            )
        except SnapshotError as error:
            if error.reason is SkipReason.EMPTY:  # there is an empty database to go back to
                file = scratch / f"empty-{secrets.token_hex(4)}.db"
                await asyncio.to_thread(file.touch, 0o600)
                return SafetyCopy(name=change.name, file=file, fingerprint="", journal_mode="delete")
            raise RestoreRefusedError(
                f"No safety copy of {change.name} can be made, so it is not touched: {error.sentence}", hint=error.hint
            ) from error
        verdict, fingerprint = await examine(snapshot, CheckMethod.QUICK, abort=self._abort)
        copy = SafetyCopy(
            name=change.name, file=snapshot.file, fingerprint=fingerprint, journal_mode=snapshot.journal_mode
        )
        if verdict.verdict is not Verdict.DAMAGED:
            return replace(copy, checked=(snapshot, verdict))
        kept = await run_to_end(partial(keep_damaged, self._context, snapshot), stop=self._abort.set)
        return replace(copy, kept=str(kept))

    # --- the backup of them --------------------------------------------------------------------------------------

    def begin_storing(self) -> None:
        """Begin to make a backup of the copies; it goes on beside the copy of the first database."""
        found = [copy.checked for copy in self.copies.values() if copy.checked is not None]
        if found:
            self._storing = self._nursery.start(self._store(found, self._stop_storing))

    async def _store(self, found: Sequence[Checked], abort: Abort) -> Backup:
        """Store checked copies as a backup with its day. Raises `ArchiveError`, `NoSpaceError`, `AbortedError`."""
        context, started_at = self._context, self._context.clock()
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
            if self._waited_for:  # or else two stages would be told at once
                self._report(RestoreProgress(stage=RestoreStage.SAFETY, done=done, total=total, detail=name))

        backups = context.catalogue.backups
        record = recorded(
            context.catalogue, trigger=plan.trigger, requested_by=self._requested_by, started_at=started_at
        )
        copies, reports = zip(*found, strict=True)
        async with record as backup_id, SnapshotArchive(plan, abort=abort) as writing:
            await writing.take_in(copies, progress=tell)
            archive, manifest = await writing.complete(reports)
        await record_stored(context.catalogue, backup_id, archive, manifest)
        await backups.set_keep_until(backup_id, started_at + SAFETY_KEPT)
        return await backups.get(backup_id)

    async def stored(self) -> None:
        """Wait until what is about to be replaced is a backup, which the journal names. Raises what storing it raises.

        Nothing is replaced before.
        """
        if self._storing is None or self.backup is not None:
            return
        self._waited_for = True
        await asyncio.wait([self._storing])
        self._waited_for = False
        self.backup = self._storing.result()
        await self._journal.update(replace(self._journal.record, safety_id=self.backup.id))
        self._context.on_step("safety copy stored")

    def wait_until_stored(self) -> None:
        """Do as `stored`, for the thread that copies. Blocking."""
        asyncio.run_coroutine_threadsafe(self.stored(), self._loop).result()

    async def give_up(self) -> None:
        """Let the storing end before anything is rolled back."""
        if self._storing is not None:
            self._stop_storing.set()
            await asyncio.wait([self._storing])
            if not self._storing.cancelled():
                self._storing.exception()  # seen: it is not what failed first, or is what is rolled back for

    # --- what was written after they were taken ------------------------------------------------------------------

    def keep_late(self, change: DatabaseChange, connection: sqlite3.Connection) -> None:
        """Copy what was committed since the safety copy, while nobody can commit more. Blocking."""
        file, fingerprint = copy_late(self._context, change, connection, self._abort.check)
        copy = self.copies[change.name]
        if fingerprint == copy.fingerprint:
            remove_files([file])
            return
        self.copies[change.name] = replace(copy, file=file, fingerprint=fingerprint, kept=str(file), late=True)
        record = self._journal.record.with_entry(change.name, kept=str(file), old_fingerprint=fingerprint)
        self._journal.write(record)
        self._context.on_step("kept what was written meanwhile")

    def has_late(self, name: str) -> bool:
        """Tell whether its application wrote to a database after it was copied."""
        return self.copies[name].late

    def discard_late(self) -> None:
        """Remove what was kept: it is back where it was. Blocking."""
        remove_files([copy.file for copy in self.copies.values() if copy.late])

    async def store_late(self) -> tuple[str, ...]:
        """Catalogue what was written after the safety copy, in place of it; return warnings where that can't be done.

        As long as it is not, the journal knows the files.
        """
        late = [str(copy.file) for copy in self.copies.values() if copy.late]
        if not late:
            return ()
        try:
            stored = await self._store_anew()
        except (CourierError, OSError) as error:
            logger.error("what was written shortly before the restore is in no backup, but kept as files: {}", error)
            return (
                f"What was written shortly before the restore is in no backup, but kept as {', '.join(late)}: {error}",
            )
        if self.backup is not None and stored:
            record = replace(self._journal.record, safety_id=self.backup.id)
            for copy in stored:
                record = record.with_entry(copy.name, kept="")
            await self._journal.update(record)
            await asyncio.to_thread(remove_files, [copy.file for copy in stored])
        return ()

    async def _store_anew(self) -> list[SafetyCopy]:
        """Store the late copies, with the other safety copies, as the backup of what was there.

        Returns the late ones that are in it, whose files are no longer needed; a damaged one is in no backup.
        """
        found, stored = [], []
        for change in self.changes:
            copy = self.copies[change.name]
            if not copy.late:
                found.extend([copy.checked] if copy.checked else [])
                continue
            if not (await asyncio.to_thread(copy.file.stat)).st_size:
                stored.append(copy)
                continue
            snapshot = await asyncio.to_thread(
                describe,
                self._context.store.folder.name,
                change.name,
                copy.file,
                origin=change.path,
                taken_at=self._context.clock(),
            )
            snapshot = replace(snapshot, journal_mode=copy.journal_mode)
            verdict = await check_snapshot(snapshot, CheckMethod.QUICK, abort=Abort())  # the restore is done
            if verdict.verdict is not Verdict.DAMAGED:
                found.append((snapshot, verdict))
                stored.append(copy)
        if not stored or not found:
            return []
        self._waited_for = True
        backup = await self._store(found, Abort())
        if self.backup is not None:
            await self._context.catalogue.backups.set_keep_until(self.backup.id, None)
        self.backup = backup
        return stored
