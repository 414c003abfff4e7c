"""Runs backups one at a time: makes the archive, delivers it, and records the outcome whatever it is."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from loguru import logger

from bot.clock import Clock
from bot.config.settings import Settings
from bot.errors import AbortedError, BusyError, CourierError, NotFoundError, TelegramError
from bot.models import (
    Backup,
    BackupState,
    Delivery,
    DeliveryState,
    Progress,
    Recipient,
    RunInProgress,
    RunResult,
    Stage,
    Trigger,
)
from bot.services.alarms.alarms import Alarms
from bot.services.backup.pipeline import BackupPlan, NothingLeftError, make_backup
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.delivery.ledger import Ledger
from bot.services.files.locks import what_runs
from bot.services.files.store import Store
from bot.services.files.under_way import RunsUnderWay
from bot.services.messages.preferences import Preferences
from bot.services.retention.housekeeping import Housekeeping, where_gone
from bot.services.snapshot.databases import Discovery

FINISH_WITHIN = 2.0
"""Seconds a shutdown gives the running stage before it is abandoned; ten in all, with delivery and closing."""


@dataclass(slots=True)
class _Run:
    """The run under way in this process."""

    trigger: Trigger
    requested_by: str
    started_at: datetime
    abort: Abort
    progress: Progress
    asked_in: int | None = None  # the private chat in which somebody pressed the button

    def seen(self) -> RunInProgress:
        return RunInProgress(
            started_at=self.started_at,
            trigger=self.trigger,
            requested_by=self.requested_by,
            progress=self.progress,
        )


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
        settle: Callable[[], Awaitable[object]],
        discover: Callable[[], Awaitable[Discovery]],
        under_way: RunsUnderWay,
        ended: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`settle` puts in order, before a run, what a cut-off restore has left; `ended` is called after every run,
        whatever became of it.
        """
        self._settings, self._catalogue, self._store = settings, catalogue, store
        self._ledger, self._preferences, self._alarms = ledger, preferences, alarms
        self._housekeeping, self._settle, self._discover = housekeeping, settle, discover
        self._ended, self._clock = ended, clock
        self._run: _Run | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._watchers: set[asyncio.Queue[Progress]] = set()
        self._under_way = under_way

    @property
    def running(self) -> RunInProgress | None:
        """The run under way in this process."""
        return self._run.seen() if self._run is not None else None

    async def back_up(
        self, *, trigger: Trigger, requested_by: str, actor: str = "", asked_in: int | None = None
    ) -> RunResult:
        """Back up every database, prove the archive, deliver it, and tidy the store.

        It is delivered to those who want it, and in any case to `asked_in`, the private chat it was asked for in.
        Raises `BusyError` when a run is under way, here or in another process; `NothingToBackUpError`, `ArchiveError`,
        `NoSpaceError`, `AbortedError` when there is no new backup, after it was recorded and reported as failed.
        A recipient that could not be served is no error: it stands in the result and in the ledger. `actor` is who the
        record names, by default `requested_by` where a person asked.
        """
        if (running := self._under_way.here) is not None:  # nothing may be awaited after this
            raise BusyError(what_runs(running), hint="Wait for it to finish.")
        run = _Run(trigger, requested_by, self._clock(), Abort(), Progress(stage=Stage.STARTING), asked_in=asked_in)
        self._run = run
        self._idle.clear()
        try:
            await self._settle()  # a half copy of a restore that was killed would be taken for a crashed writer
            async with self._under_way.lock.hold(trigger=trigger, requested_by=requested_by):
                if trigger in (Trigger.BUTTON, Trigger.COMMAND):
                    await self._catalogue.service.audit(actor or requested_by, "started a backup")
                backup = await self._back_up(run)
                await self._housekeeping.prune_after_run()
                refusal: TelegramError | None = None
                try:
                    await self._deliver(backup, run)
                except TelegramError as error:  # a refused token, which may pass: the backup is one all the same
                    logger.error("backup {} is not delivered to the chats yet: {}", backup.id, error.sentence)
                    refusal = error
                await self._drop_if_needless(backup.id)
                settled = await settle(self._catalogue, backup.id)
                if refusal is not None and trigger not in (Trigger.SCHEDULE, Trigger.CATCH_UP):
                    raise refusal  # whoever asked for it waits for an answer
                return RunResult(backup=settled, deliveries=await self._catalogue.deliveries.of(backup.id))
        finally:
            self._report(run, Progress(stage=Stage.DONE))
            self._run = None
            self._idle.set()
            self._ended()

    # --- the archive -------------------------------------------------------------------------------------------

    async def _back_up(self, run: _Run) -> Backup:
        """Make the archive and record what became of it, whatever became of it."""
        catalogue = self._catalogue
        backup_id = await catalogue.backups.begin(
            trigger=run.trigger, requested_by=run.requested_by, started_at=run.started_at
        )
        logger.info("backup {} started: {}, asked for by {}", backup_id, run.trigger, run.requested_by)
        try:
            async with self._store.run_folder() as work:
                plan = await self._plan(run, work)
                product = await make_backup(plan, abort=run.abort, report=lambda progress: self._report(run, progress))
        except BaseException as error:
            await asyncio.shield(self._record_failure(backup_id, error))
            raise
        backup = await catalogue.backups.finish(
            backup_id,
            state=BackupState.STORED,
            finished_at=self._clock(),
            archive=product.archive,
            databases=product.databases,
            skipped=product.skipped,
        )
        logger.info(
            "backup {} proven: {}, {} databases, {} bytes, sha256 {}",
            backup_id, backup.archive_name, len(backup.databases), backup.archive_bytes, backup.archive_sha256[:16],
        )  # fmt: skip
        for record in backup.skipped:
            logger.error("backup {} is without {} ({}): {}", backup_id, record.path, record.reason, record.detail)
        if run.trigger is Trigger.SAFETY:
            return backup
        return replace(backup, shrunken=await self._alarms.compare_with_previous(backup_id, backup.databases))

    async def _plan(self, run: _Run, work: Path) -> BackupPlan:
        settings = self._settings
        found = await self._discover()
        await self._catalogue.databases.remember(found.databases)
        name = await self._store.name_archive(run.started_at, sealed=settings.seal is not None)
        return BackupPlan(
            databases=found.databases,
            missing=found.missing,
            target=self._store.folder / name,
            work=work,
            started_at=run.started_at,
            trigger=run.trigger,
            host=platform.node(),
            timezone=settings.timezone.key,
            check=settings.check,
            compression=settings.compression,
            busy_timeout=settings.busy_timeout,
            allow_journal_recovery=settings.allow_journal_recovery,
            seal=settings.seal,
        )

    async def _record_failure(self, backup_id: int, error: BaseException) -> None:
        """Write down why there is no backup."""
        stopped = isinstance(error, (AbortedError, asyncio.CancelledError))
        code = error.code if isinstance(error, CourierError) else "aborted" if stopped else "error"
        sentence = error.sentence if isinstance(error, CourierError) else f"{type(error).__name__}: {error}"
        await self._catalogue.backups.finish(
            backup_id,
            state=BackupState.INTERRUPTED if stopped else BackupState.FAILED,
            finished_at=self._clock(),
            skipped=error.skipped if isinstance(error, NothingLeftError) else (),
            error_code=code,
            error="The service was stopped." if isinstance(error, asyncio.CancelledError) else sentence,
        )
        if stopped:
            logger.warning("backup {} was interrupted: {}", backup_id, sentence)
            return
        logger.error("backup {} failed: {}", backup_id, sentence)

    # --- its deliveries ----------------------------------------------------------------------------------------

    async def _deliver(self, backup: Backup, run: _Run) -> None:
        """Send the backup to everybody to whom it is due.

        Raises `TelegramError` where the token is refused, after everybody outside Telegram was served.
        """
        due = await self._preferences.assign_recipients(backup, asked_in=run.asked_in)
        self._report(run, Progress(stage=Stage.DELIVER, total=backup.archive_bytes))
        self._alarms.nudge()  # what this backup lacks is told at once, however long its upload takes
        while due:
            await self._ledger.deliver(
                backup,
                to=due,
                silent=run.trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP),  # what is wrong is loud by its alarm
                hushed=await self._preferences.silent_recipients(due, self._clock()),
                progress=lambda done, total: self._report(run, Progress(stage=Stage.DELIVER, done=done, total=total)),
                abort=run.abort,
            )
            substitute = await self._preferences.reassign_if_unreachable(backup)
            due = (substitute,) if substitute is not None else ()

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
                actor, "took a backup again", f"backup {backup_id}, to {recipient.address}"
            )
        (delivery,) = await self._ledger.deliver(backup, to=[recipient], silent=False, force=True)
        await settle(self._catalogue, backup_id)
        return delivery

    async def _drop_if_needless(self, backup_id: int) -> None:
        """Take back the archive of a run that found nothing changed, if that was asked for; the run stays recorded."""
        backup = await self._catalogue.backups.get(backup_id)
        if not backup.on_disk or not await self._preferences.is_redundant(backup):
            return
        try:
            await self._store.delete(backup.archive_name)
        except CourierError as error:
            logger.warning("{} could not be removed: {}", backup.archive_name, error.sentence)
            return
        await self._catalogue.backups.mark_deleted(backup.id)
        logger.info("backup {} is unchanged since backup {}: its archive is not kept", backup.id, backup.same_as)

    # --- progress ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[asyncio.Queue[Progress]]:
        """Give a queue that always holds the newest progress event alone; it never makes the run wait."""
        queue: asyncio.Queue[Progress] = asyncio.Queue(maxsize=1)
        self._watchers.add(queue)
        if self._run is not None:
            queue.put_nowait(self._run.progress)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def _report(self, run: _Run, progress: Progress) -> None:
        """Pass a progress event on; called on the event loop."""
        new_stage = progress.stage is not run.progress.stage
        run.progress = progress
        if new_stage:
            self._under_way.lock.tell(progress.stage)
        for queue in tuple(self._watchers):
            with suppress(asyncio.QueueEmpty):
                queue.get_nowait()
            with suppress(asyncio.QueueFull):
                queue.put_nowait(progress)

    # --- the end -----------------------------------------------------------------------------------------------

    async def stop(self, why: str) -> None:
        """Let the running stage finish, or abandon it cleanly; returns when no run is under way."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), FINISH_WITHIN)
        if self._run is not None:
            self._run.abort.set(why)
        await self._idle.wait()


async def settle(catalogue: Catalogue, backup_id: int) -> Backup:
    """Bring a proven backup's state in line with its deliveries, and return it."""
    backup = await catalogue.backups.get(backup_id)
    if not backup.proven or backup.state is BackupState.RUNNING:
        return backup
    state = _settled_state(backup, await catalogue.deliveries.of(backup_id))
    if state is not backup.state:
        await catalogue.backups.set_state(backup_id, state)
    return replace(backup, state=state)


def _settled_state(backup: Backup, deliveries: tuple[Delivery, ...]) -> BackupState:
    """Say what has become of a proven backup, from what it lacks and who has received it."""
    if backup.skipped:
        return BackupState.PARTIAL
    idle = (DeliveryState.SUPERSEDED, DeliveryState.NOT_DUE)
    due = [delivery for delivery in deliveries if delivery.state not in idle]
    sent = [delivery for delivery in due if delivery.received]
    # Who was told where a too large archive lies is owed no more, and is nobody who has it.
    if sent and all(delivery.state is DeliveryState.SENT for delivery in due):
        return BackupState.DELIVERED
    return BackupState.PARTIAL if sent else BackupState.STORED
