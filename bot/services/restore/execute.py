"""Writes one database after the other, proves each through SQL, and brings all back where anything fails."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from loguru import logger

from bot.errors import AbortedError, CourierError, RestoreError
from bot.models import (
    DatabaseChange,
    InUse,
    ReportRestore,
    RestoredDatabase,
    RestoreMethod,
    RestoreProgress,
    RestoreStage,
    Verdict,
)
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.restore.context import Prepared, RestoreContext
from bot.services.restore.guards import prove_result, require_target
from bot.services.restore.in_use import who_uses
from bot.services.restore.incoming import Incoming
from bot.services.restore.journal import Record, RecordEntry, RecordState, RestoreJournal, RestorePhase
from bot.services.restore.kept_copies import DETAIL
from bot.services.restore.live import LiveCopy
from bot.services.restore.replacement import (
    Replacement,
    bring_back,
    copy_beside,
    name_replacement,
    put_in_place,
    swap_back,
)
from bot.services.restore.safety import SafetyCopies

T = TypeVar("T")


class Execution:
    """The databases of one restore on their way. The journal tells of each step before it is taken."""

    def __init__(
        self,
        prepared: Prepared,
        context: RestoreContext,
        safety: SafetyCopies,
        journal: RestoreJournal,
        *,
        abort: Abort,
        report: ReportRestore,
    ) -> None:
        self._prepared, self._context = prepared, context
        self._safety, self._journal = safety, journal
        self._abort, self._report = abort, report
        self._copies: dict[str, LiveCopy] = {}
        self._committed: set[str] = set()  # databases that hold the new content
        self._loop = asyncio.get_running_loop()

    async def take_safety_copies(self) -> None:
        """Remember what the live files are like, and copy them: what is committed in between, `LiveCopy` finds."""
        for change in self._safety.changes:
            self._copies[change.name] = copy = self._live_copy(change, self._abort.check, RestoreStage.RESTORE)
            copy.keep = partial(self._safety.keep_late, change)
            copy.ready = self._safety.wait_until_stored
            await self._in_thread(copy.watch)
        await self._safety.take(self._prepared.scratch)

    async def begin_journal(self, requested_by: str) -> None:
        """Write down what is about to be done, before the first step of it. Raises `RestoreError`, `AbortedError`."""
        plan, at, restore_id = self._prepared.plan, self._context.clock(), secrets.token_hex(4)
        stamp = f"{at:%Y%m%d_%H%M%S}-{restore_id}"  # never that of a restore which this one undoes
        entries = []
        for change in plan.changes:
            incoming, copy = self._prepared.incoming(change), self._safety.copies.get(change.name)
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
        self._abort.check()
        await self._journal.update(
            Record(
                id=restore_id,
                state=RecordState.UNDER_WAY,
                started_at=at,
                requested_by=requested_by,
                source=plan.source,
                act=plan.act,
                safety_id=None,
                backup_id=plan.backup_id,
                entries=tuple(entries),
            )
        )

    async def restore(self, change: DatabaseChange) -> RestoredDatabase:
        """Bring one database, and see that it is what the backup holds. Raises `RestoreError`, `AbortedError`."""
        logger.info("restoring {} ({})", change.target, change.method)
        await self._note(change, RestorePhase.STARTED)
        entry, incoming = self._journal.record.entry(change.name), self._prepared.incoming(change)
        if entry.replacement is not None:
            await self._safety.stored()
        self._report(RestoreProgress(stage=RestoreStage.RESTORE, detail=change.name))  # it may wait for a lock first
        if entry.undoes is not None and entry.replacement is not None:
            await self._in_thread(partial(swap_back, entry.undoes, entry.replacement, on_step=self._context.on_step))
            self._committed.add(change.name)
            done = RestoredDatabase(
                name=change.name,
                target=change.target,
                method=change.method,
                rows=(),
                detail="What was there before is there again.",
                set_aside=entry.replacement.set_aside_files(),
            )
        elif incoming is None:
            raise RestoreError(f"There is nothing to restore {change.name} from.", rolled_back=True)
        elif entry.replacement is not None:
            await self._replace(change, incoming, entry.replacement)
            done = _restored(change, incoming, set_aside=entry.replacement.set_aside_files())
        else:
            done = _restored(change, incoming, detail=await self._write_into(change, incoming))
        await self._note(change, RestorePhase.DONE)
        self._context.on_step("one database done")
        return done

    async def _replace(self, change: DatabaseChange, incoming: Incoming, names: Replacement) -> None:
        copy = partial(
            copy_beside,
            names,
            incoming.snapshot.file,
            check=self._abort.check,
            tell=self._teller(RestoreStage.RESTORE, change.name),
        )
        await self._in_thread(copy)
        self._context.on_step("copied beside")
        await asyncio.to_thread(require_target, change, force=self._prepared.force)
        try:
            await self._in_thread(partial(put_in_place, names, on_step=self._context.on_step))
        finally:
            self._committed.add(change.name)
        await self._prove(change, incoming, lambda: False)

    async def _write_into(self, change: DatabaseChange, incoming: Incoming) -> str:
        """Copy into a live file; return sentences of what is worth saying."""
        copy = self._copies[change.name]
        copy.source = incoming.snapshot.file
        try:
            try:
                detail = await self._in_thread(copy.run)
            finally:
                if copy.committed:
                    self._committed.add(change.name)
            more = await self._prove(change, incoming, copy.written_since)
        finally:
            await run_to_end(copy.close, stop=bool)
        late = DETAIL if self._safety.has_late(change.name) else ""
        return " ".join(filter(None, (detail, late, more)))

    async def _prove(self, change: DatabaseChange, incoming: Incoming, written_since: Callable[[], bool]) -> str:
        self._report(RestoreProgress(stage=RestoreStage.VERIFY, detail=change.name))
        detail = await prove_result(
            change,
            incoming,
            self._prepared.scratch,
            busy_timeout=self._context.busy_timeout,
            written_since=written_since,
            abort=self._abort,
            progress=self._teller(RestoreStage.VERIFY, change.name, threaded=False),
        )
        self._context.on_step("checked")
        return detail

    async def roll_back(self, error: BaseException) -> None:
        """Bring back what was there, and raise the `RestoreError` that says so (or pass an abort on)."""
        why = error.sentence if isinstance(error, CourierError) else f"{type(error).__name__}: {error}"
        logger.error("the restore failed and is rolled back: {}", why)
        self._report(RestoreProgress(stage=RestoreStage.ROLL_BACK))
        self._context.on_step("rolling back")
        await self._safety.give_up()
        troubles, record = [], self._journal.record
        for entry in reversed(record.entries):
            if entry.phase is RestorePhase.WAITING:
                continue
            try:
                await self._bring_back(entry)
            except (CourierError, OSError) as trouble:
                troubles.append(f"{entry.name}: {trouble}")
        state = RecordState.UNDER_WAY if troubles else RecordState.ROLLED_BACK
        with suppress(CourierError):
            await self._journal.update(replace(record, state=state))
            if not troubles:
                await asyncio.to_thread(self._safety.discard_late)
        self._context.on_step("rolled back")
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
            back = partial(swap_back, entry.replacement, entry.undoes, on_step=self._context.on_step)
            await run_to_end(back, stop=bool)
        elif entry.replacement is not None:
            in_use, _ = await asyncio.to_thread(who_uses, Path(entry.target))
            if in_use is InUse.OPEN and entry.name in self._committed:
                raise RestoreError(f"{entry.target} was opened meanwhile.", rolled_back=False)
            await run_to_end(partial(bring_back, entry.replacement, even_if_new=True), stop=bool)
        elif entry.name in self._committed:
            change = next(change for change in self._safety.changes if change.name == entry.name)
            copy = self._live_copy(change, lambda: None, RestoreStage.ROLL_BACK)
            copy.source = self._safety.copies[entry.name].file
            try:
                await run_to_end(copy.run, stop=bool)
            finally:
                await run_to_end(copy.close, stop=bool)

    async def aclose(self) -> None:
        """Let go of the live files."""
        for copy in self._copies.values():
            await run_to_end(copy.close, stop=bool)

    def _live_copy(self, change: DatabaseChange, check: Callable[[], None], stage: RestoreStage) -> LiveCopy:
        return LiveCopy(
            target=change.target,
            busy_timeout=self._context.busy_timeout,
            check=check,
            tell=self._teller(stage, change.name),
            on_step=self._context.on_step,
        )

    async def _note(self, change: DatabaseChange, phase: RestorePhase) -> None:
        await self._journal.update(self._journal.record.with_entry(change.name, phase=phase))

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


def _restored(
    change: DatabaseChange, incoming: Incoming, *, detail: str = "", set_aside: tuple[Path, ...] = ()
) -> RestoredDatabase:
    return RestoredDatabase(
        name=change.name,
        target=change.target,
        method=change.method,
        rows=incoming.report.rows,
        detail=detail,
        set_aside=set_aside,
        tables=change.tables if change.now is not None else (),
        checked=incoming.report.verdict is not Verdict.UNCHECKED,
    )
