"""Leads every restore from its source over intake, plan, execution and check to its end, or back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from loguru import logger

from bot.errors import DamagedArchiveError, RestoreRefusedError, UntrustedArchiveError
from bot.models import (
    Action,
    DatabaseChange,
    PendingRestore,
    ReportRestore,
    RestoreAct,
    RestoreMethod,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
    Trigger,
)
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import settled, side_by_side
from bot.services.concurrency.threads import run_checked
from bot.services.files.locks import RunLock
from bot.services.files.private_folder import private_folder
from bot.services.restore.context import Prepared, RestoreContext
from bot.services.restore.execute import Execution
from bot.services.restore.guards import make_folder, require_as_planned, require_unchanged
from bot.services.restore.intake import take_in
from bot.services.restore.journal import IN_PLACE, TO_FOLDER, RecordState, RestoreJournal
from bot.services.restore.pending import pending_restore
from bot.services.restore.plan import make_plan, plan_change
from bot.services.restore.safety import SafetyCopies
from bot.services.restore.sources import RestoreSource, found_damaged
from bot.services.restore.targets import Configured, TargetReader, choose_targets
from bot.services.restore.undo import prepare_undo
from bot.words.actors import actor_words
from bot.words.restores import source_words


class Restorer:
    """Plans restores and does them. One instance serves any number of them, one after the other.

    The way of each: its source is taken in and planned (`prepare`); once the plan was agreed to, it is executed and
    checked, and all is brought back where anything fails (`restore`). `configured` are the live files that a restore in
    place may write.
    """

    def __init__(self, context: RestoreContext, configured: Configured) -> None:
        self.context = context
        self._configured = configured

    @asynccontextmanager
    async def prepare(
        self,
        source: RestoreSource,
        *,
        only: Sequence[str] = (),
        folder: Path | None = None,
        force: bool = False,
        abort: Abort,
        report: ReportRestore = lambda _: None,
    ) -> AsyncIterator[Prepared]:
        """Take in what was brought, compare it with what is there, and give the plan; nothing is changed.

        Without `folder` the configured live files are the targets. The private copies live as long as the context.
        Raises what `take_in` raises, and `RestoreRefusedError` where there is no target at all.
        """
        context, own = self.context, Abort(parent=abort)
        if folder is not None:
            await asyncio.to_thread(self._require_not_own, [folder])
        async with private_folder(context.store.work) as scratch, TargetReader(context, scratch, own) as reader:

            def expect(origins: Mapping[str, Path | None], size: int) -> None:
                if folder is None:
                    reader.expect([self._configured.find(*database) for database in origins.items()], beside=size)
                else:
                    reader.expect([folder / name for name in origins], beside=size)

            try:
                intake = await take_in(
                    replace(source, only=tuple(only) or source.only),
                    scratch,
                    keys=context.keys,
                    abort=abort,
                    report=report,
                    expect=expect,
                )
            except (DamagedArchiveError, UntrustedArchiveError) as error:
                raise await found_damaged(
                    context.store, context.catalogue, source, error, ZoneInfo(context.timezone)
                ) from error
            if folder is not None:
                targets, left_out = [(one, folder / one.name) for one in intake.databases], list[str]()
            else:
                targets, left_out = choose_targets(intake, self._configured, context.own, only)
            changes: list[DatabaseChange] = []
            for one, path in targets:
                report(
                    RestoreProgress(stage=RestoreStage.COMPARE, done=len(changes), total=len(targets), detail=one.name)
                )
                target = await reader.at(path)
                compare = partial(plan_change, one, target, folder=folder, force=force)
                changes.append(await run_checked(compare, abort=own))
                await target.forget_copy()
            intake = replace(intake, databases=tuple(one for one, _ in targets), warnings=(*intake.warnings, *left_out))
            plan = await asyncio.to_thread(make_plan, intake, changes, context, folder=folder)
            yield Prepared(plan=plan, intake=intake, scratch=scratch, force=force)

    @asynccontextmanager
    async def prepare_undo(self, *, abort: Abort, report: ReportRestore = lambda _: None) -> AsyncIterator[Prepared]:
        """Plan to bring back what the last restore in place replaced. Raises `NotFoundError` where there is none."""
        async with private_folder(self.context.store.work) as scratch:
            yield await prepare_undo(self.context, scratch, abort=abort, report=report)

    async def restore(
        self, prepared: Prepared, *, requested_by: str, abort: Abort, report: ReportRestore = lambda _: None
    ) -> RestoreResult:
        """Do what the plan says, and return only when every database was checked through SQL.

        The safety copy is archived while the first database is copied, which waits for it before it commits.

        Holds the lock of the runs. Until the first database is written, an abort leaves everything as it was; from then
        on an abort or a failure brings everything back by itself. Killed at any instant, each database is the old one
        or the new one, and `restore.json` beside the archives tells the next start (see `pending`).

        Raises `BusyError`; `RestoreRefusedError`, `AbortedError` and others with nothing changed; `RestoreError`, which
        says whether everything is back.
        """
        context, plan, own = self.context, prepared.plan, Abort(parent=abort)
        await self.pending()
        await asyncio.to_thread(self._require_not_own, [change.target for change in plan.changes])
        lock = RunLock(context.store.control, clock=context.clock)

        def tell(progress: RestoreProgress) -> None:
            lock.tell(progress.stage)
            report(progress)

        async with lock.hold(trigger=Trigger.SAFETY, requested_by=requested_by):
            started = time.monotonic()
            await require_as_planned(prepared)
            if plan.folder is not None:
                await asyncio.to_thread(make_folder, plan.folder)
            context.on_step("verified")
            live = [change for change in plan.changes if change.method is RestoreMethod.INTO_LIVE]
            journal = RestoreJournal(context.store.control, IN_PLACE if plan.folder is None else TO_FOLDER)
            safety = SafetyCopies(context, live, journal, requested_by=requested_by, abort=own, report=tell)
            async with aclosing(Execution(prepared, context, safety, journal, abort=own, report=tell)) as execution:
                await side_by_side(
                    require_unchanged(prepared.intake, own), execution.take_safety_copies(), stop=own.set
                )
                context.on_step("safety copy taken")
                await execution.begin_journal(requested_by)
                context.on_step("journal written")
                try:
                    own.check()
                    safety.begin_storing()
                    restored = [await execution.restore(change) for change in plan.changes]
                    await journal.update(replace(journal.record, state=RecordState.DONE))
                except BaseException as error:
                    # To its end, whoever is cancelled meanwhile: half a restore is what must not be.
                    await settled(execution.roll_back(error))
                    raise
                warnings = (*plan.all_warnings, *await safety.store_late())
                await self._note_success(prepared, requested_by)
            tell(RestoreProgress(stage=RestoreStage.DONE))
        record = journal.record
        kept = {entry.name: Path(entry.kept) for entry in record.entries if entry.kept}
        return RestoreResult(
            id=record.id,
            source=plan.source,
            databases=tuple(replace(database, kept=kept.get(database.name)) for database in restored),
            safety=safety.backup,
            undoable=plan.folder is None
            and all(entry.kept or entry.replacement or safety.backup for entry in record.entries),
            seconds=time.monotonic() - started,
            act=plan.act,
            warnings=warnings,
        )

    async def pending(self) -> PendingRestore | None:
        """Put in order, and tell, what a restore that was cut off has left; see `pending_restore`."""
        return await pending_restore(self.context)

    def _require_not_own(self, targets: Iterable[Path]) -> None:
        """Raise `RestoreRefusedError` where a target is the product's own. Blocking."""
        for target in targets:
            if why := self.context.own.why(target):
                raise RestoreRefusedError(
                    f"{target} {why}: nothing is restored there.", hint="Restore into another folder with --to DIR."
                )

    async def _note_success(self, prepared: Prepared, requested_by: str) -> None:
        plan = prepared.plan
        names = ", ".join(change.name for change in plan.changes)
        where = f"into {plan.folder}" if plan.folder else "in place"
        source = source_words(plan.source, ZoneInfo(self.context.timezone))
        action = Action.UNDONE if plan.act is RestoreAct.UNDO else Action.RESTORED
        folder = (("folder", str(plan.folder)),) if plan.folder else ()
        await self.context.catalogue.service.audit(requested_by, action, *prepared.facts, *folder)
        logger.warning("{} restored from {} {}, asked for by {}", names, source, where, actor_words(requested_by))
