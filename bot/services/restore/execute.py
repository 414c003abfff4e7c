"""Executes a restore: verifies, takes safety copies, restores, checks, and rolls everything back on a failure."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from loguru import logger

from bot.errors import AbortedError, CourierError, RestoreError, RestoreRefusedError
from bot.models import (
    Backup,
    DatabaseChange,
    InUse,
    RestoredDatabase,
    RestoreMethod,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
    Trigger,
    Verdict,
)
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import settled, side_by_side
from bot.services.concurrency.threads import run_to_end
from bot.services.files.locks import RunLock
from bot.services.files.store import create_private_folder
from bot.services.restore.context import Prepared, Report, RestoreContext
from bot.services.restore.guards import prove_result, require_as_planned
from bot.services.restore.in_use import who_uses
from bot.services.restore.incoming import Incoming
from bot.services.restore.journal import (
    IN_PLACE,
    TO_FOLDER,
    Record,
    RecordEntry,
    RecordState,
    RestoreJournal,
    RestorePhase,
)
from bot.services.restore.late_writes import DETAIL, LateWrites, discard, keep_late, store_late
from bot.services.restore.live import LiveCopy
from bot.services.restore.private_copy import sha256_of
from bot.services.restore.replacement import bring_back, copy_beside, name_replacement, put_in_place, swap_back
from bot.services.restore.safety import SafetyCopy, store_safety_copies, take_safety_copies

T = TypeVar("T")


async def restore(
    prepared: Prepared,
    house: RestoreContext,
    *,
    requested_by: str,
    abort: Abort,
    report: Report = lambda _: None,
) -> RestoreResult:
    """Do what the plan says, and return only when every database was checked through SQL.

    The safety copy is archived while the first database is copied, which waits for it before it commits.

    Holds the lock of the runs. Until the first database is written, an abort leaves everything as it was; from then
    on an abort or a failure brings everything back by itself. Killed at any instant, each database is the old one or
    the new one, and `restore.json` beside the archives tells the next start (see `pending`).

    Raises `BusyError`; `RestoreRefusedError`, `AbortedError` and others with nothing changed; `RestoreError`, which
    says whether everything is back.
    """
    lock = RunLock(house.store.control, clock=house.clock)

    def told(progress: RestoreProgress) -> None:
        lock.tell(progress.stage)
        report(progress)

    async with lock.hold(trigger=Trigger.SAFETY, requested_by=requested_by):
        return await _Restore(prepared, house, requested_by, abort, told).run()


class _Restore:
    """One restore on its way."""

    def __init__(
        self, prepared: Prepared, house: RestoreContext, requested_by: str, abort: Abort, report: Report
    ) -> None:
        self._prepared = prepared
        self._plan = prepared.plan
        self._house = house
        self._requested_by = requested_by
        self._abort = Abort(parent=abort)
        self._report = report
        name = IN_PLACE if self._plan.folder is None else TO_FOLDER
        self._journal = RestoreJournal(house.store.control, name)
        self._copies: dict[str, SafetyCopy] = {}
        self._storing: asyncio.Task[Backup] | None = None
        self._stop_storing = Abort(parent=self._abort)
        self._safety: Backup | None = None
        self._lives: dict[str, LiveCopy] = {}
        self._late: dict[str, LateWrites] = {}
        self._committed: list[str] = []  # databases that hold the new content, in order
        self._waits = False  # for the safety copy, with nothing else to do
        self._loop = asyncio.get_running_loop()

    async def run(self) -> RestoreResult:
        try:
            return await self._run()
        finally:
            for copy in self._lives.values():
                await run_to_end(copy.close, stop=bool)

    async def _run(self) -> RestoreResult:
        started = time.monotonic()
        await self._require_as_planned()
        if self._plan.folder is not None:
            await asyncio.to_thread(_make_folder, self._plan.folder)
        self._house.mark("verified")
        await side_by_side(self._verify_again(), self._take_safety(), stop=self._abort.set)
        self._house.mark("safety copy taken")
        self._record = await self._begin()
        self._house.mark("journal written")
        try:
            self._abort.check()
            self._storing = self._store_safety()
            done = []
            for change in self._plan.changes:
                await self._write(self._record.with_phase(change.name, RestorePhase.STARTED))
                done.append(await self._restore_one(change))
                await self._write(self._record.with_phase(change.name, RestorePhase.DONE))
                self._house.mark("one database done")
        except BaseException as error:
            # To its end, whoever is cancelled meanwhile: half a restore is what must not be.
            await settled(self._roll_back(error))
            raise
        await self._write(replace(self._record, state=RecordState.DONE))
        warnings, safety = self._plan.all_warnings, self._safety
        if self._late:
            safety, trouble = await self._store_late(safety)
            warnings = (*warnings, *trouble)
        await self._note_success()
        self._report(RestoreProgress(stage=RestoreStage.DONE))
        files = {entry.name: Path(entry.kept) for entry in self._record.entries if entry.kept}
        kept = all(entry.kept or entry.replacement or safety for entry in self._record.entries)
        return RestoreResult(
            id=self._record.id,
            source=self._plan.source,
            databases=tuple(replace(database, kept=files.get(database.name)) for database in done),
            safety=safety,
            undoable=self._plan.folder is None and kept,
            seconds=time.monotonic() - started,
            warnings=warnings,
        )

    async def _write(self, record: Record) -> None:
        self._record = record
        await asyncio.to_thread(self._journal.write, record)

    # --- before anything changes -------------------------------------------------------------------------------

    async def _require_as_planned(self) -> None:
        """See that nothing is in the way, and that the targets are still what was planned for."""
        if self._plan.all_obstacles:
            raise RestoreRefusedError(self._plan.all_obstacles[0], hint="Nothing was changed.")
        for change in self._plan.changes:
            await asyncio.to_thread(require_as_planned, change, force=self._prepared.force)

    async def _verify_again(self) -> None:
        """See that the private copies are still what was checked."""
        for incoming in self._prepared.intake.databases:
            if (
                await self._in_thread(partial(sha256_of, incoming.snapshot.file, check=self._abort.check))
                != incoming.sha256
            ):
                raise RestoreRefusedError(f"The private copy of {incoming.name} has changed since it was checked.")

    async def _take_safety(self) -> None:
        live = self._live_changes()
        for change in live:
            self._lives[change.name] = copy = self._live_copy(change, self._abort.check, RestoreStage.RESTORE)
            copy.keep = partial(self._keep, change)
            copy.ready = self._wait_for_safety
            await self._in_thread(copy.watch)
        copies = await take_safety_copies(
            self._house, live, self._prepared.room, abort=self._abort, report=self._report
        )
        self._copies = {copy.name: copy for copy in copies}

    async def _begin(self) -> Record:
        at = self._house.clock()
        restore_id = secrets.token_hex(4)
        stamp = f"{at:%Y%m%d_%H%M%S}-{restore_id}"  # never that of a restore which this one undoes
        entries = []
        for change in self._plan.changes:
            incoming, copy = self._prepared.incoming(change), self._copies.get(change.name)
            live = change.method is RestoreMethod.INTO_LIVE
            entries.append(
                RecordEntry(
                    name=change.name,
                    path=str(change.path),
                    target=str(change.target),
                    method=change.method,
                    old_fingerprint=copy.fingerprint if copy else "",
                    new_fingerprint=incoming.fingerprint if incoming else "",
                    journal_mode=copy.journal_mode if copy else "",
                    replacement=None if live else await asyncio.to_thread(name_replacement, change.target, stamp),
                    kept=copy.kept if copy else "",
                    undoes=self._prepared.takes_back.get(change.name),
                )
            )
        record = Record(
            id=restore_id,
            state=RecordState.UNDER_WAY,
            started_at=at,
            requested_by=self._requested_by,
            source=self._plan.source,
            safety_id=None,
            backup_id=self._plan.backup_id,
            entries=tuple(entries),
        )
        self._abort.check()
        await asyncio.to_thread(self._journal.write, record)
        return record

    def _store_safety(self) -> asyncio.Task[Backup] | None:
        """Begin to make a backup of the safety copies; it goes on beside the copy of the first database."""
        found = [copy.checked for copy in self._copies.values() if copy.checked is not None]
        if not found:
            return None

        def tell(progress: RestoreProgress) -> None:
            if self._waits:  # or else two stages would be told at once
                self._report(progress)

        work = store_safety_copies(self._house, found, self._requested_by, self._stop_storing, tell)
        return asyncio.create_task(work, name="the safety copy of a restore")

    async def _safety_stored(self) -> None:
        """Wait until what is about to be replaced is a backup, which the journal names. Raises what storing it raises.

        Nothing is replaced before.
        """
        if self._storing is None or self._safety is not None:
            return
        self._waits = True
        await asyncio.wait([self._storing])
        self._waits = False
        self._safety = self._storing.result()
        await self._write(replace(self._record, safety_id=self._safety.id))
        self._house.mark("safety copy stored")

    def _wait_for_safety(self) -> None:
        """Blocking, for the thread that copies."""
        asyncio.run_coroutine_threadsafe(self._safety_stored(), self._loop).result()

    async def _give_up_safety(self) -> None:
        """Let the storing end before anything is rolled back."""
        if self._storing is not None:
            self._stop_storing.set()
            await asyncio.wait([self._storing])
            if not self._storing.cancelled():
                self._storing.exception()  # seen: it is not what failed first, or is what is rolled back for

    # --- one database ------------------------------------------------------------------------------------------

    async def _restore_one(self, change: DatabaseChange) -> RestoredDatabase:
        entry = next(entry for entry in self._record.entries if entry.name == change.name)
        incoming = self._prepared.incoming(change)
        logger.info("restoring {} ({}) from {}", change.target, change.method, self._plan.source)
        if entry.replacement is not None:
            await self._safety_stored()
        self._report(RestoreProgress(stage=RestoreStage.RESTORE, detail=change.name))  # it may wait for a lock first
        if entry.undoes is not None and entry.replacement is not None:
            await self._in_thread(partial(swap_back, entry.undoes, entry.replacement, mark=self._house.mark))
            self._committed.append(change.name)
            return RestoredDatabase(name=change.name, target=change.target, method=change.method, rows=(),
                                    detail="What was there before is there again.",
                                    set_aside=entry.replacement.set_aside_files())  # fmt: skip
        if incoming is None:
            raise RestoreError(f"There is nothing to restore {change.name} from.", rolled_back=True)
        if entry.replacement is None:
            copy = self._lives[change.name]
            copy.source = incoming.snapshot.file
            try:
                detail = await self._run_live(copy, change.name)
                more = await self._verify(change, incoming, copy)
            finally:
                await run_to_end(copy.close, stop=bool)
            late = DETAIL if change.name in self._late else ""
            return self._restored(change, incoming, " ".join(filter(None, (detail, late, more))))
        names, tell = entry.replacement, self._teller(RestoreStage.RESTORE, change.name)
        await self._in_thread(partial(copy_beside, names, incoming.snapshot.file, check=self._abort.check, tell=tell))
        self._house.mark("copied beside")
        await asyncio.to_thread(require_as_planned, change, force=self._prepared.force)
        try:
            await self._in_thread(partial(put_in_place, names, mark=self._house.mark))
        finally:
            self._committed.append(change.name)
        await self._verify(change, incoming, None)
        return self._restored(change, incoming, "", names.set_aside_files())

    def _live_changes(self) -> list[DatabaseChange]:
        return [change for change in self._plan.changes if change.method is RestoreMethod.INTO_LIVE]

    def _live_copy(self, change: DatabaseChange, check: Callable[[], None], stage: RestoreStage) -> LiveCopy:
        return LiveCopy(
            target=change.target,
            busy_timeout=self._house.busy_timeout,
            check=check,
            tell=self._teller(stage, change.name),
            mark=self._house.mark,
        )

    def _keep(self, change: DatabaseChange, connection: sqlite3.Connection) -> None:
        """Copy what was committed since the safety copy, while nobody can commit more. Blocking."""
        late = keep_late(self._house, change, connection, self._abort.check)
        if late.fingerprint == self._copies[change.name].fingerprint:
            discard({change.name: late})
            return
        self._late[change.name] = late
        self._copies[change.name] = replace(
            self._copies[change.name], file=late.file, fingerprint=late.fingerprint, kept=str(late.file)
        )
        self._record = self._record.with_entry(change.name, kept=str(late.file), old_fingerprint=late.fingerprint)
        self._journal.write(self._record)
        self._house.mark("kept what was written meanwhile")

    async def _run_live(self, copy: LiveCopy, name: str) -> str:
        try:
            return await self._in_thread(copy.run)
        finally:
            if copy.committed:
                self._committed.append(name)

    async def _verify(self, change: DatabaseChange, incoming: Incoming, copy: LiveCopy | None) -> str:
        """Hold the target, read through SQL, against the backup. Raises `RestoreError`."""
        self._report(RestoreProgress(stage=RestoreStage.VERIFY, detail=change.name))
        detail = await prove_result(
            change,
            incoming,
            self._prepared.room,
            busy_timeout=self._house.busy_timeout,
            written_since=copy.written_since if copy else lambda: False,
            abort=self._abort,
            progress=self._teller(RestoreStage.VERIFY, change.name, threaded=False),
        )
        self._house.mark("checked")
        return detail

    def _restored(
        self, change: DatabaseChange, incoming: Incoming, detail: str, aside: tuple[Path, ...] = ()
    ) -> RestoredDatabase:
        return RestoredDatabase(
            name=change.name,
            target=change.target,
            method=change.method,
            rows=incoming.report.rows,
            detail=detail,
            set_aside=aside,
            tables=change.tables if change.now is not None else (),
            checked=incoming.report.verdict is not Verdict.UNCHECKED,
        )

    # --- back --------------------------------------------------------------------------------------------------

    async def _roll_back(self, error: BaseException) -> None:
        """Bring back what was there, and raise the `RestoreError` that says so (or pass an abort on)."""
        why = error.sentence if isinstance(error, CourierError) else f"{type(error).__name__}: {error}"
        logger.error("the restore failed and is rolled back: {}", why)
        self._report(RestoreProgress(stage=RestoreStage.ROLL_BACK))
        self._house.mark("rolling back")
        await self._give_up_safety()
        troubles, record = [], self._record
        for entry in reversed(record.entries):
            if entry.phase is RestorePhase.WAITING:
                continue
            try:
                await self._bring_back(entry)
            except (CourierError, OSError) as trouble:
                troubles.append(f"{entry.name}: {trouble}")
        state = RecordState.UNDER_WAY if troubles else RecordState.ROLLED_BACK
        with suppress(CourierError):
            await self._write(replace(record, state=state))
            if not troubles:
                await asyncio.to_thread(discard, self._late)
        self._house.mark("rolled back")
        hint = error.hint if isinstance(error, CourierError) else ""
        if troubles:
            safety = f" What was there is in backup {record.safety_id}." if record.safety_id else ""
            raise RestoreError(
                f"The restore failed: {why} And it could not be rolled back in full: {' '.join(troubles)}{safety}",
                rolled_back=False,
                hint=hint or "Run `sqlite-courier restore --undo`.",
            ) from error
        if isinstance(error, AbortedError):
            raise AbortedError(f"{why} Everything is as it was before the restore.", hint=error.hint) from error
        if isinstance(error, (CourierError, OSError)):
            raise RestoreError(
                f"The restore failed: {why} Everything is as it was before.", rolled_back=True, hint=hint
            ) from error

    async def _bring_back(self, entry: RecordEntry) -> None:
        if entry.undoes is not None and entry.replacement is not None:
            back = partial(swap_back, entry.replacement, entry.undoes, mark=self._house.mark)
            await run_to_end(back, stop=bool)
            return
        if entry.replacement is not None:
            in_use, _ = await asyncio.to_thread(who_uses, Path(entry.target))
            if in_use is InUse.OPEN and entry.name in self._committed:
                raise RestoreError(f"{entry.target} was opened meanwhile.", rolled_back=False)
            await run_to_end(partial(bring_back, entry.replacement, even_if_new=True), stop=bool)
            return
        if entry.name in self._committed:
            change = next(change for change in self._plan.changes if change.name == entry.name)
            copy = self._live_copy(change, lambda: None, RestoreStage.ROLL_BACK)
            copy.source = self._copies[entry.name].file
            try:
                await run_to_end(copy.run, stop=bool)
            finally:
                await run_to_end(copy.close, stop=bool)

    # --- small things ------------------------------------------------------------------------------------------

    async def _store_late(self, safety: Backup | None) -> tuple[Backup | None, tuple[str, ...]]:
        """Catalogue what was written after the safety copy; as long as it is not, the journal knows the files."""
        try:
            backup, stored = await store_late(
                self._house,
                self._live_changes(),
                self._copies,
                self._late,
                instead=safety,
                requested_by=self._requested_by,
                abort=Abort(),  # the restore is done: nothing is left to be given up
                report=self._report,
            )
        except (CourierError, OSError) as error:
            logger.error("the late copies are kept as files: {}", error)
            files = ", ".join(str(late.file) for late in self._late.values())
            return safety, (
                f"What was written shortly before the restore is in no backup, but kept as {files}: {error}",
            )
        if backup is None:
            return safety, ()
        record = replace(self._record, safety_id=backup.id)
        for name in stored:
            record = record.with_entry(name, kept="")
        await self._write(record)
        await asyncio.to_thread(discard, {name: self._late[name] for name in stored})
        return backup, ()

    async def _note_success(self) -> None:
        record = self._record
        where = f"into {self._plan.folder}" if self._plan.folder else "in place"
        names = ", ".join(entry.name for entry in record.entries)
        action = "undid a restore" if self._prepared.undo_of else "restored"
        await self._house.catalogue.service.audit(
            self._requested_by, action, f"{names} from {self._plan.source} {where}"
        )
        logger.warning("{} restored from {} {}, asked for by {}", names, self._plan.source, where, self._requested_by)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await run_to_end(work, stop=self._abort.set)

    def _teller(self, stage: RestoreStage, name: str, *, threaded: bool = True) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            progress = RestoreProgress(stage=stage, done=done, total=total, detail=name)
            if threaded:
                self._loop.call_soon_threadsafe(self._report, progress)
            else:
                self._report(progress)

        return tell


def _make_folder(folder: Path) -> None:
    try:
        create_private_folder(folder)
    except OSError as error:
        raise RestoreRefusedError(f"The folder {folder} can't be made: {error.strerror or error}.") from error
