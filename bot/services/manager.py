"""The one door: one lock, one state, progress events; handlers, scheduler and command line all come through here."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from loguru import logger

from bot.clock import Clock, utc_now
from bot.config import Settings
from bot.errors import AbortedError, ArchiveError, BusyError, CourierError, NotFoundError
from bot.journal import JournalPage, journal_file, read_journal
from bot.models import (
    Backup,
    BackupDetails,
    BackupPage,
    BackupState,
    Delivery,
    DeliveryState,
    Health,
    Progress,
    Recipient,
    RunInProgress,
    RunResult,
    Stage,
    Status,
    Trigger,
)
from bot.services import databases as discovery
from bot.services.abort import Abort
from bot.services.alarms.alarms import Alarms
from bot.services.catalogue import AuditEntry, Catalogue
from bot.services.delivery.ledger import Ledger
from bot.services.drill import Drills
from bot.services.health import measure_health
from bot.services.inbox import Inbox
from bot.services.keep_rules import KeepRules
from bot.services.locks import RunLock, what_runs
from bot.services.notices.upkeep import Upkeep
from bot.services.pipeline import NothingLeftError, Plan, make_backup
from bot.services.preferences import Preferences
from bot.services.restore.running import Nobody
from bot.services.restore_points.pin import PinKeeper
from bot.services.restoring import Restores
from bot.services.retention import Decision, plan_prune
from bot.services.sealing.keys import Keys
from bot.services.status import read_status
from bot.services.store import Store
from bot.services.timetable import Notices, Timetable
from bot.services.trimming import Trimming

ALL = 1_000_000
"""More backups than any store holds."""

NOTE_LONGEST = 200
"""Characters of a note."""

DRILLS_OFF = "off"
"""DRILL_SCHEDULE without test-restores."""

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
    backup_id: int | None = None
    asked_in: int | None = None  # the private chat in which somebody pressed the button

    def seen(self) -> RunInProgress:
        return RunInProgress(
            started_at=self.started_at,
            trigger=self.trigger,
            requested_by=self.requested_by,
            progress=self.progress,
        )


class Manager:
    """Runs one backup at a time and answers everything that is asked about backups.

    `ledger` is None where nothing is delivered by this process: deliveries are then recorded as owed, and the process
    that runs the service sends them.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        store: Store,
        *,
        ledger: Ledger | None = None,
        notices: Notices | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.store = store
        self.ledger = ledger
        self.timezone = settings.timezone
        self.admins = frozenset(settings.admin_ids)
        self.polling_trouble: Callable[[], str] = str
        self.seal, self.keys = settings.seal, settings.keys
        self.drills = Drills(catalogue, store, keys=self.keys, clock=clock)  # replaced where Telegram can be asked
        self.pins: PinKeeper | None = None  # where somebody keeps the restore points pinned
        self.preferences = Preferences(
            catalogue,
            admins=settings.admin_ids,
            recipients=settings.recipients,
            timezone=settings.timezone,
            unchanged=settings.when_unchanged,
            chat_keep_hours=settings.chat_keep_hours,
            store_folder=store.folder,
            clock=clock,
        )
        self.upkeep: Upkeep | None = None  # where somebody keeps digests and notes, and tidies the chats
        self.alarms = Alarms(
            catalogue, reminder=settings.alarm_reminder, shrink_percent=settings.shrink_alarm, clock=clock
        )
        self.alarms.loudness = self.preferences.loudness
        self.trimming = Trimming(catalogue, clock=clock)
        self.inbox: Inbox | None = None  # where admins can send archives
        self.timetable = Timetable(catalogue, settings, ledger=ledger, notices=notices, clock=clock)
        self._clock = clock
        self._run: _Run | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._watchers: set[asyncio.Queue[Progress]] = set()
        self._lock = RunLock(store.folder, clock=clock)
        self.restores = Restores(
            settings,
            catalogue,
            store,
            discover=self.discover,
            busy=self.running_anywhere,
            herald=Nobody(),
            clock=clock,
        )

    def use_keys(self, keys: Keys) -> None:
        """Open sealed archives with these keys from now on; for a process that talks to no Telegram."""
        self.keys = keys
        self.drills = Drills(self.catalogue, self.store, keys=keys, clock=self._clock)

    # --- one run -----------------------------------------------------------------------------------------------

    @property
    def running(self) -> RunInProgress | None:
        """The run under way in this process."""
        return self._run.seen() if self._run is not None else None

    async def running_anywhere(self) -> RunInProgress | None:
        """The run under way in this process or, by the lock, in another one."""
        return self.running or self.restores.running or await self._lock.run()

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
        if (running := self.running or self.restores.running) is not None:
            raise BusyError(what_runs(running), hint="Wait for it to finish.")
        run = _Run(trigger, requested_by, self._clock(), Abort(), Progress(stage=Stage.STARTING), asked_in=asked_in)
        self._run = run
        self._idle.clear()
        try:
            async with self._lock.hold(trigger=trigger, requested_by=requested_by):
                if trigger in (Trigger.BUTTON, Trigger.COMMAND):
                    await self.catalogue.audit(actor or requested_by, "started a backup")
                backup = await self._back_up(run)
                await self.prune()
                deliveries = await self._deliver(backup, run)
                await self._drop_if_needless(backup.id)
                return RunResult(backup=await self.settle(backup.id), deliveries=deliveries)
        finally:
            self._report(run, Progress(stage=Stage.DONE))
            self._run = None
            self._idle.set()
            self.news_to_pin()
            self.alarms.nudge()

    async def _back_up(self, run: _Run) -> Backup:
        """Make the archive and record what became of it, whatever became of it."""
        catalogue = self.catalogue
        run.backup_id = backup_id = await catalogue.begin_backup(
            trigger=run.trigger, requested_by=run.requested_by, started_at=run.started_at
        )
        logger.info("backup {} started: {}, asked for by {}", backup_id, run.trigger, run.requested_by)
        try:
            async with self.store.run_folder() as work:
                plan = await self._plan(run, work)
                product = await make_backup(plan, abort=run.abort, report=lambda progress: self._report(run, progress))
        except BaseException as error:
            await asyncio.shield(self._record_failure(backup_id, error))
            raise
        backup = await catalogue.finish_backup(
            backup_id,
            state=BackupState.STORED,
            finished_at=self._clock(),
            archive_name=product.archive.path.name,
            archive_bytes=product.archive.bytes,
            archive_sha256=product.archive.sha256,
            sealed=product.archive.sealed,
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
        return replace(backup, shrunken=await self.alarms.weigh(backup_id, backup.databases))

    async def _plan(self, run: _Run, work: Path) -> Plan:
        settings = self.settings
        found = await self.discover()
        await self.catalogue.remember_names(found.databases)
        return Plan(
            databases=found.databases,
            missing=found.missing,
            target=self.store.folder / await self.store.name_archive(run.started_at, sealed=self.seal is not None),
            work=work,
            started_at=run.started_at,
            trigger=run.trigger,
            host=platform.node(),
            timezone=self.timezone.key,
            check=settings.check,
            compression=settings.compression,
            busy_timeout=settings.busy_timeout,
            allow_journal_recovery=settings.allow_journal_recovery,
            seal=self.seal,
        )

    async def _record_failure(self, backup_id: int, error: BaseException) -> None:
        """Write down why there is no backup."""
        stopped = isinstance(error, (AbortedError, asyncio.CancelledError))
        code = error.code if isinstance(error, CourierError) else "aborted" if stopped else "error"
        sentence = error.sentence if isinstance(error, CourierError) else f"{type(error).__name__}: {error}"
        await self.catalogue.finish_backup(
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

    async def _deliver(self, backup: Backup, run: _Run) -> tuple[Delivery, ...]:
        """Send the backup to everybody to whom it is due; without a ledger, write down that it is owed."""
        due = await self.preferences.apportion(backup, asked_in=run.asked_in)
        if self.ledger is None:
            return await self.catalogue.deliveries(backup.id)
        self._report(run, Progress(stage=Stage.DELIVER, total=backup.archive_bytes))
        self.alarms.nudge()  # what this backup lacks is told at once, however long its upload takes
        while due:
            await self.ledger.deliver(
                backup,
                to=due,
                silent=run.trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP),  # what is wrong is loud by its alarm
                hushed=await self.preferences.hushed(due, self._clock()),
                progress=lambda done, total: self._report(run, Progress(stage=Stage.DELIVER, done=done, total=total)),
                abort=run.abort,
            )
            stand_in = await self.preferences.stand_in(backup)
            due = (stand_in,) if stand_in is not None else ()
        return await self.catalogue.deliveries(backup.id)

    async def _drop_if_needless(self, backup_id: int) -> None:
        """Take back the archive of a run that found nothing changed, if that was asked for; the run stays recorded."""
        backup = await self.catalogue.backup(backup_id)
        if not backup.on_disk or not await self.preferences.needless(backup):
            return
        try:
            await self.store.delete(backup.archive_name)
        except CourierError as error:
            logger.warning("{} could not be removed: {}", backup.archive_name, error.sentence)
            return
        await self.catalogue.mark_deleted(backup.id)
        logger.info("backup {} is unchanged since backup {}: its archive is not kept", backup.id, backup.same_as)

    def news_to_pin(self) -> None:
        """Something changed that the pinned messages tell; they follow in the background."""
        if self.pins is not None:
            self.pins.nudge()
        if self.upkeep is not None:
            self.upkeep.nudge()

    async def settle(self, backup_id: int) -> Backup:
        """Bring a proven backup's state in line with its deliveries, and return it."""
        backup = await self.catalogue.backup(backup_id)
        if not backup.proven or backup.state is BackupState.RUNNING:
            return backup
        state = settled_state(backup, await self.catalogue.deliveries(backup_id))
        if state is not backup.state:
            await self.catalogue.set_state(backup_id, state)
        return replace(backup, state=state)

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
            self._lock.tell(progress.stage)
        for queue in tuple(self._watchers):
            with suppress(asyncio.QueueEmpty):
                queue.get_nowait()
            with suppress(asyncio.QueueFull):
                queue.put_nowait(progress)

    # --- what is asked -----------------------------------------------------------------------------------------

    async def discover(self) -> discovery.Discovery:
        """Find the databases that a run would back up now."""
        known = await self.catalogue.known_names()
        return await asyncio.to_thread(discovery.find_databases, self.settings.databases, known)

    async def status(self) -> Status:
        """Everything `Backup Status` shows."""
        plan = await self.timetable.plan()
        return await read_status(
            self.catalogue,
            discovery=await self.discover(),
            recipients=self.settings.recipients,
            schedule=plan.expression,
            now=self._clock(),
            running=await self.running_anywhere(),
            warnings=(
                *self.settings.warnings,
                *filter(None, [plan.fault, self.polling_trouble(), self.restores.trouble]),
            ),
            overridden=plan.override,
            setting=plan.setting,
        )

    async def health(self) -> Health:
        """Everything `System Health` shows; asks Telegram and every recipient."""
        health = await measure_health(
            await self.status(),
            self.store,
            self.ledger,
            archives=await self.catalogue.backups(limit=ALL, on_disk_only=True),
            max_count=self.settings.max_backup_count,
        )
        return replace(
            health, drill_trouble=self.drills.trouble, drills_planned=self.settings.drill_schedule != DRILLS_OFF
        )

    async def journal_page(self, *, level: str | None, page: int, per_page: int = 10) -> JournalPage:
        """A page of the log, newest first, of `level` and above."""
        return await asyncio.to_thread(
            read_journal, self.settings.log_dir, level=level, limit=per_page, offset=page * per_page
        )

    def journal_file(self) -> Path:
        """The log file being written now."""
        return journal_file(self.settings.log_dir)

    async def history(self, page: int, per_page: int = 8) -> BackupPage:
        """Page `page` of all runs, newest first; a page past the end shows the last one."""
        total = await self.catalogue.count_backups()
        pages = max(1, -(-total // per_page))
        page = min(max(0, page), pages - 1)
        backups = await self.catalogue.backups(limit=per_page, offset=page * per_page)
        by_rule = (
            frozenset(d.backup.id for d in await self.plan_prune() if d.by_rule) if self.keep_rules.any else frozenset()
        )
        return BackupPage(backups=backups, page=page, pages=pages, total=total, by_rule=by_rule)

    async def details(self, backup_id: int) -> BackupDetails:
        """One backup with its deliveries and its future. Raises `NotFoundError`."""
        backup = await self.catalogue.backup(backup_id)
        decision = next((d for d in await self.plan_prune() if d.backup.id == backup_id), None)
        return BackupDetails(
            backup=backup,
            deliveries=await self.catalogue.deliveries(backup_id),
            retention=decision.why if decision else "",
            volumes=max(1, -(-backup.archive_bytes // self.volume_bytes)),
            drills=await self.catalogue.drills(backup_id),
            restorable=await self.restores.is_restorable(backup),
        )

    @property
    def volume_bytes(self) -> int:
        return self.settings.volume_size_mb * 1024 * 1024

    # --- what admins do ----------------------------------------------------------------------------------------

    async def record(self, actor: str, action: str, detail: str = "") -> None:
        """Write down what an admin did that changes nothing here, such as taking a copy."""
        await self.catalogue.audit(actor, action, detail)

    async def actions(self, page: int, per_page: int = 10) -> tuple[tuple[AuditEntry, ...], bool]:
        """A page of what admins did, newest first, and whether there is more."""
        entries = await self.catalogue.audits(limit=per_page + 1, offset=page * per_page)
        return entries[:per_page], len(entries) > per_page

    async def send_again(self, backup_id: int, recipient: Recipient, *, actor: str = "") -> Delivery:
        """Send one backup to one chat once more. Raises `NotFoundError` when its archive is gone."""
        backup = await self.catalogue.backup(backup_id)
        if not backup.on_disk:
            raise NotFoundError(
                f"The archive of backup {backup_id} is no longer on the disk.",
                hint="Scroll up in the chat: what was delivered stays there."
                if backup.same_as is None
                else f"Nothing had changed: backup {backup.same_as} holds the same.",
            )
        if self.ledger is None:
            raise CourierError("This process does not talk to Telegram.", hint="Ask the running service.")
        if actor:
            await self.catalogue.audit(actor, "took a backup again", f"backup {backup_id}, to {recipient.address}")
        (delivery,) = await self.ledger.deliver(backup, to=[recipient], silent=False, force=True)
        await self.settle(backup_id)
        return delivery

    async def pin(self, backup_id: int, pinned: bool, *, actor: str) -> Backup:
        """Keep a backup for good, or give it back to retention."""
        backup = await self.catalogue.backup(backup_id)
        if pinned and not backup.on_disk:
            raise NotFoundError(f"The archive of backup {backup_id} is no longer on the disk; nothing to keep.")
        await self.catalogue.set_pinned(backup_id, pinned)
        await self.catalogue.audit(actor, "pinned" if pinned else "unpinned", f"backup {backup_id}")
        return replace(backup, pinned=pinned)

    async def note(self, backup_id: int, words: str, *, actor: str) -> Backup:
        """Write a note on a backup, in one line of at most `NOTE_LONGEST`; an empty one removes it."""
        note = " ".join("".join(ch for ch in words if ch.isprintable() or ch.isspace()).split())[:NOTE_LONGEST]
        await self.catalogue.set_note(backup_id, note)
        await self.catalogue.audit(actor, "noted" if note else "removed the note", f"backup {backup_id}: {note}")
        return await self.catalogue.backup(backup_id)

    async def delete(self, backup_id: int, *, actor: str) -> None:
        """Delete one archive from the disk. Refused for a pinned one and for the last good backup of a database."""
        backup = await self.catalogue.backup(backup_id)
        if not backup.on_disk:
            raise NotFoundError(f"The archive of backup {backup_id} is no longer on the disk.")
        if backup.pinned:
            raise CourierError(f"Backup {backup_id} is pinned.", hint="Unpin it first.")
        latest = await self.catalogue.latest_by_database()
        last_of = sorted(name for name, newest in latest.items() if newest.id == backup_id)
        if last_of:
            raise CourierError(
                f"Backup {backup_id} is the last good backup of {', '.join(last_of)}; it is never deleted.",
                hint="Make a new backup first.",
            )
        await self.store.delete(backup.archive_name)
        await self.catalogue.mark_deleted(backup_id)
        await self.catalogue.audit(actor, "deleted", f"backup {backup_id}, {backup.archive_name}")
        logger.warning("backup {} ({}) deleted by {}", backup_id, backup.archive_name, actor)

    async def pause(self, *, actor: str, until: datetime | None = None, admin_id: int | None = None) -> None:
        """Stop scheduled runs until resumed, over restarts too; manual backups stay possible."""
        await self.timetable.pause(actor=actor, until=until, admin_id=admin_id)

    async def resume(self, *, actor: str, admin_id: int | None = None) -> None:
        """Let scheduled runs happen again; one follows at once when any was left out."""
        await self.timetable.resume(actor=actor, admin_id=admin_id)

    async def recipient_started(self, chat_id: int, name: str) -> None:
        """A person pressed Start: what is owed to them goes out now."""
        await self.catalogue.name_recipient(Recipient(chat_id=chat_id), name)
        if self.ledger is not None:
            await self.ledger.recipient_started(chat_id)
        self.alarms.returned(chat_id)
        self.news_to_pin()

    async def recipient_returned(self, chat_id: int) -> None:
        """The bot was unblocked or added again: what is owed there goes out now. Nothing happens to a stranger."""
        if self.ledger is not None:
            await self.ledger.recipient_started(chat_id)
        self.alarms.returned(chat_id)

    async def recipient_left(self, chat_id: int, reason: str) -> None:
        """The bot was blocked or removed: nothing is tried there until it is back. Nothing happens to a stranger."""
        if self.ledger is not None:
            await self.ledger.recipient_left(chat_id, reason)

    async def recipient_moved(self, old_chat_id: int, new_chat_id: int) -> None:
        """A group became a supergroup: what is owed there goes to its new id."""
        if self.ledger is not None:
            await self.ledger.recipient_moved(old_chat_id, new_chat_id)

    # --- retention ---------------------------------------------------------------------------------------------

    async def plan_prune(self) -> tuple[Decision, ...]:
        """Say for every archive on the disk whether it stays, and why; deletes nothing."""
        backups = await self.catalogue.backups(limit=ALL, on_disk_only=True)
        sending = {
            delivery.backup_id for delivery in await self.catalogue.owed() if delivery.state is DeliveryState.SENDING
        }
        return plan_prune(
            backups,
            now=self._clock(),
            max_age=timedelta(days=self.settings.max_backup_age_days),
            max_count=self.settings.max_backup_count,
            in_use=sending,
            rules=self.keep_rules,
        )

    @property
    def keep_rules(self) -> KeepRules:
        """What is kept beyond age and count, as the settings say."""
        settings = self.settings
        return KeepRules(
            hourly=settings.keep_hourly,
            daily=settings.keep_daily,
            weekly=settings.keep_weekly,
            monthly=settings.keep_monthly,
            timezone=self.timezone,
        )

    async def prune(self) -> tuple[Decision, ...]:
        """Delete what the plan drops, and return what was dropped. A file that can't be deleted stays catalogued."""
        dropped = []
        for decision in await self.plan_prune():
            if decision.keep:
                continue
            try:
                await self.store.delete(decision.backup.archive_name)
            except ArchiveError as error:
                logger.error("{} could not be pruned: {}", decision.backup.archive_name, error.sentence)
                continue
            except NotFoundError:
                logger.warning("{} was already gone from the disk", decision.backup.archive_name)
            await self.catalogue.mark_deleted(decision.backup.id)
            logger.info("pruned {}: {}", decision.backup.archive_name, decision.why)
            dropped.append(decision)
        await self.trimming.trim()
        return tuple(dropped)

    # --- the end -----------------------------------------------------------------------------------------------

    async def stop(self, why: str = "The service was stopped.") -> None:
        """Let the running stage finish, or abandon it cleanly; returns when no run is under way."""
        await asyncio.gather(self._stop_run(why), self.restores.stop(why))

    async def _stop_run(self, why: str) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), FINISH_WITHIN)
        if self._run is not None:
            self._run.abort.set(why)
        await self._idle.wait()


def settled_state(backup: Backup, deliveries: tuple[Delivery, ...]) -> BackupState:
    """Say what has become of a proven backup, from what it lacks and who has received it."""
    if backup.skipped:
        return BackupState.PARTIAL
    idle = (DeliveryState.SUPERSEDED, DeliveryState.NOT_DUE)
    due = [delivery for delivery in deliveries if delivery.state not in idle]
    sent = [delivery for delivery in due if delivery.state is DeliveryState.SENT]
    if due and len(sent) == len(due):
        return BackupState.DELIVERED
    return BackupState.PARTIAL if sent else BackupState.STORED
