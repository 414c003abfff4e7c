"""Runs backups one at a time; `Runs.back_up` is the whole of a run, from its plan to its pruning and delivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from loguru import logger

from bot.config.settings import Settings
from bot.errors import BusyError, CourierError, NotFoundError, TelegramError
from bot.models import (
    Action,
    Backup,
    Delivery,
    Progress,
    Recipient,
    ReportRun,
    RunInProgress,
    RunResult,
    Stage,
    Trigger,
)
from bot.services.alarms.alarms import Alarms
from bot.services.archive.snapshots import ArchivePlan
from bot.services.backup.checks import archive_checked, checking, counting
from bot.services.backup.discover import discover
from bot.services.backup.earlier import Comparison
from bot.services.catalogue import Catalogue, record_delivered, record_stored, recorded
from bot.services.concurrency.abort import Abort
from bot.services.delivery.ledger import Ledger
from bot.services.files.locks import what_runs
from bot.services.files.store import Store
from bot.services.files.under_way import RunsUnderWay
from bot.services.messages.preferences import Preferences
from bot.services.retention.housekeeping import Housekeeping, where_gone
from bot.services.snapshot.snapshot import take_snapshot, take_snapshots

FINISH_WITHIN = 2.0
"""Seconds a shutdown gives the running stage before it is abandoned; ten in all, with delivery and closing."""

_BY_THE_CLOCK = (Trigger.SCHEDULE, Trigger.CATCH_UP)


@dataclass(slots=True)
class _Run:
    """The run under way in this process; `asked_in` is the private chat in which somebody pressed the button."""

    seen: RunInProgress
    asked_in: int | None
    report: ReportRun
    abort: Abort = field(default_factory=Abort)


class Runs:
    """The backup run under way in this process, if there is one, and the lock that it shares with other processes."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        store: Store,
        *,
        ledger: Ledger,
        preferences: Preferences,
        alarms: Alarms,
        housekeeping: Housekeeping,
        under_way: RunsUnderWay,
    ) -> None:
        self._settings, self._catalogue, self._store = settings, catalogue, store
        self._ledger, self._preferences, self._alarms = ledger, preferences, alarms
        self._housekeeping, self._under_way = housekeeping, under_way
        self._run: _Run | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> RunInProgress | None:
        """The run under way in this process."""
        return self._run.seen if self._run is not None else None

    async def back_up(
        self, *, trigger: Trigger, requested_by: str, asked_in: int | None = None, report: ReportRun = lambda _: None
    ) -> RunResult:
        """Back up every database, prove the archive, deliver it, and tidy the store: a run from its plan to its end.

        It is delivered to those who want it, and in any case to `asked_in`, the private chat it was asked for in.
        Raises `BusyError` when a run is under way, here or in another process; `NothingToBackUpError`, `ArchiveError`,
        `NoSpaceError`, `AbortedError` when there is no new backup, after it was recorded and reported as failed.
        A recipient that could not be served is no error: it stands in the result and in the ledger. `report` hears how
        far the run is.
        """
        settings, catalogue, store = self._settings, self._catalogue, self._store
        async with self._alone(trigger, requested_by, asked_in, report) as run:
            abort, report = run.abort, partial(self._report, run)
            if trigger in (Trigger.BUTTON, Trigger.COMMAND):
                await catalogue.service.audit(requested_by, Action.BACKUP_STARTED)
            record = recorded(catalogue, trigger=trigger, requested_by=requested_by, started_at=run.seen.started_at)
            async with record as backup_id, store.run_folder() as work:
                # Plan: the databases that are there and those that are missing, and the name of the archive.
                found = await discover(settings, catalogue)
                await catalogue.databases.remember(found.databases)
                plan = await self._plan_archive(run)

                # Snapshot: a private copy of each database as it is at one instant, all of them side by side.
                snapshots, unread = await take_snapshots(
                    found.databases,
                    work,
                    busy_timeout=settings.busy_timeout,
                    abort=abort,
                    progress=counting(report, Stage.SNAPSHOT),
                    allow_journal_recovery=settings.allow_journal_recovery,
                    clock=catalogue.clock,
                )

                # Check, archive, prove: the checks on one core while the archive is written and proven on the other.
                # What is damaged, or is lost on the way, is left out and named; the others go on. What has not changed
                # by a byte since the newest archive is taken over from it, with its check; of what has, blocks that are
                # the same.
                take_again = partial(
                    take_snapshot,
                    into=work,
                    busy_timeout=settings.busy_timeout,
                    allow_journal_recovery=settings.allow_journal_recovery,
                    clock=catalogue.clock,
                )
                async with checking(settings.check.method, take_again, abort=abort) as checks:
                    archive, manifest = await archive_checked(
                        plan,
                        snapshots,
                        checks,
                        [*found.missing, *unread],
                        comparison=Comparison(settings, catalogue, store),
                        abort=abort,
                        report=report,
                    )

            # Store: from here on it is a backup, whatever becomes of its deliveries.
            backup = await record_stored(catalogue, backup_id, archive, manifest)
            await catalogue.deflated.remember({one.path: archive.deflated[one.name] for one in manifest.databases})
            backup = replace(backup, shrunken=await self._alarms.compare_with_previous(backup_id, backup.databases))

            # Prune, now that there is a newer backup that was proven; it makes room before the uploads begin.
            await self._housekeeping.prune_after_run()

            # Deliver, to everybody to whom it is due. What nobody needs, since nothing had changed, is taken back.
            refusal = await self._deliver(backup, run)
            await self._drop_if_needless(backup_id)
            settled = await record_delivered(catalogue, backup_id)
            if refusal is not None and trigger not in _BY_THE_CLOCK:
                raise refusal  # whoever asked for it waits for an answer
            return RunResult(backup=settled, deliveries=await catalogue.deliveries.of(backup_id))

    @asynccontextmanager
    async def _alone(
        self, trigger: Trigger, requested_by: str, asked_in: int | None, report: ReportRun
    ) -> AsyncIterator[_Run]:
        """Be the only run, here and in all processes. Raises `BusyError`."""
        if (running := self._under_way.here) is not None:  # nothing may be awaited after this
            raise BusyError(what_runs(running), hint="Wait for it to finish.")
        seen = RunInProgress(
            started_at=self._catalogue.clock(),
            trigger=trigger,
            requested_by=requested_by,
            progress=Progress(stage=Stage.STARTING),
        )
        run = self._run = _Run(seen, asked_in, report)
        self._idle.clear()
        try:
            # A half copy of a restore that was killed would be taken for a crashed writer.
            await self._under_way.settle()
            async with self._under_way.lock.hold(trigger=trigger, requested_by=requested_by):
                try:
                    yield run
                finally:
                    await self._store.emptied()
        finally:
            self._report(run, Progress(stage=Stage.DONE))
            self._run = None
            self._idle.set()
            self._under_way.ended()

    async def _plan_archive(self, run: _Run) -> ArchivePlan:
        settings = self._settings
        name = await self._store.name_archive(run.seen.started_at, sealed=settings.seal is not None)
        return ArchivePlan(
            target=self._store.folder / name,
            created_at=run.seen.started_at,
            trigger=run.seen.trigger,
            host=settings.server,
            timezone=settings.timezone.key,
            compression=settings.compression,
            seal=settings.seal,
        )

    # --- its deliveries ----------------------------------------------------------------------------------------

    async def _deliver(self, backup: Backup, run: _Run) -> TelegramError | None:
        """Send the backup to everybody to whom it is due.

        Returns what Telegram says where it refuses the token, which may pass; everybody outside it was served then.
        """
        try:
            due = await self._preferences.assign_recipients(backup, asked_in=run.asked_in)
            self._report(run, Progress(stage=Stage.DELIVER, total=backup.archive_bytes))
            self._alarms.nudge()  # what this backup lacks is told at once, however long its upload takes
            while due:
                await self._ledger.deliver(
                    backup,
                    to=due,
                    silent=run.seen.trigger in _BY_THE_CLOCK,  # what is wrong is loud by its alarm
                    hushed=await self._preferences.silent_recipients(due, self._catalogue.clock()),
                    progress=counting(partial(self._report, run), Stage.DELIVER),
                    abort=run.abort,
                )
                substitute = await self._preferences.reassign_if_unreachable(backup)
                due = (substitute,) if substitute is not None else ()
        except TelegramError as error:
            logger.error("backup {} is not delivered to the chats yet: {}", backup.id, error.sentence)
            return error
        return None

    async def send_again(self, backup_id: int, recipient: Recipient, *, actor: str = "") -> Delivery:
        """Send one backup to one chat once more. Raises `NotFoundError` when its archive is gone."""
        backup = await self._catalogue.backups.get(backup_id)
        if not backup.on_disk or backup.damaged:
            raise NotFoundError(
                f"The archive of backup {backup_id} is {'damaged' if backup.damaged else where_gone(backup)}.",
                hint="Scroll up in the chat: what was delivered stays there."
                if backup.same_as is None
                else f"Nothing had changed: backup {backup.same_as} holds the same.",
            )
        if actor:
            await self._catalogue.service.audit(
                actor, Action.TAKEN_AGAIN, ("backup", backup_id), ("recipient", recipient.address)
            )
        (delivery,) = await self._ledger.deliver(backup, to=[recipient], silent=False, force=True)
        await record_delivered(self._catalogue, backup_id)
        return delivery

    async def _drop_if_needless(self, backup_id: int) -> None:
        """Take back the archive of a run that found nothing changed, if that was asked for; the run stays recorded."""
        backup = await self._catalogue.backups.get(backup_id)
        if not backup.on_disk or not await self._preferences.is_redundant(backup):
            return
        try:
            await self._housekeeping.remove(backup)
        except CourierError as error:
            logger.warning("{} could not be removed: {}", backup.archive_name, error.sentence)
            return
        logger.info("backup {} is unchanged since backup {}: its archive is not kept", backup.id, backup.same_as)

    def _report(self, run: _Run, progress: Progress) -> None:
        """Pass a progress event on; called on the event loop."""
        if progress.stage is not run.seen.progress.stage:
            self._under_way.lock.tell(progress.stage)
        run.seen = replace(run.seen, progress=progress)
        run.report(progress)

    # --- the end -----------------------------------------------------------------------------------------------

    async def stop(self, why: str) -> None:
        """Let the running stage finish, or abandon it cleanly; returns when no run is under way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_WITHIN):
                await self._idle.wait()
        if self._run is not None:
            self._run.abort.set(why)
        await self._idle.wait()
