"""Joins the parts of the product for handlers, scheduler and command line; lets one run happen at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bot.clock import Clock, utc_now
from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.errors import BusyError, CourierError, NotFoundError
from bot.journal.writer import JournalPage, journal_file, read_journal
from bot.models import (
    Backup,
    BackupDetails,
    BackupPage,
    Delivery,
    Health,
    Progress,
    Recipient,
    RunInProgress,
    RunResult,
    Status,
    Trigger,
)
from bot.services.alarms.alarms import Alarms
from bot.services.backup.runs import Runs, settle
from bot.services.catalogue import ALL, AuditEntry, Catalogue
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender
from bot.services.drill.drill import Drills
from bot.services.files.locks import what_runs
from bot.services.files.store import Store
from bot.services.inbox import Inbox
from bot.services.messages.maintenance import ChatMaintenance
from bot.services.messages.preferences import Preferences
from bot.services.messages.timers import Timers, timer_warnings
from bot.services.recovery.pin import PinKeeper
from bot.services.restore.pending import cut_off_restores
from bot.services.restore_chat.running import SilentListener
from bot.services.restore_chat.session import RestoreSessions
from bot.services.retention.housekeeping import Housekeeping, where_gone
from bot.services.retention.inventory import archive_warnings
from bot.services.retention.plan import Decision
from bot.services.retention.rules import KeepRules
from bot.services.retention.trimming import Trimming
from bot.services.schedule.timetable import Notices, Timetable
from bot.services.sealing.keys import Keys
from bot.services.snapshot import databases as discovery
from bot.services.status.health import measure_health
from bot.services.status.history import read_details, read_page
from bot.services.status.status import read_status

DRILLS_OFF = "off"
"""DRILL_SCHEDULE without test-restores."""


class Manager:
    """Runs one backup at a time and answers everything that is asked about backups.

    `ledger` is None where nothing is delivered by this process: deliveries are then recorded as owed, and the process
    that runs the service sends them. `notifier` tells the admins what one of them has changed.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        store: Store,
        *,
        ledger: Ledger | None = None,
        notifier: NoticeSender | None = None,
        notices: Notices | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.store = store
        self.ledger, self.notifier = ledger, notifier
        self.timezone = settings.timezone
        self.admins = frozenset(settings.admin_ids)
        self.polling_trouble: Callable[[], str] = str
        self.keys = settings.keys
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
        self.timers: Timers | None = None  # where somebody can ask for the chats' auto-delete timers
        self._chats = (*settings.recipients, *(Recipient(chat_id=admin) for admin in settings.admin_ids))
        self.upkeep: ChatMaintenance | None = None  # where somebody keeps digests and notes, and tidies the chats
        self.alarms = Alarms(
            catalogue, reminder=settings.alarm_reminder, shrink_percent=settings.shrink_alarm, clock=clock
        )
        self.alarms.loudness = self.preferences.loudness
        self.trimming = Trimming(catalogue, clock=clock)
        self.inbox: Inbox | None = None  # where admins can send archives
        self.timetable = Timetable(catalogue, settings, notifier=notifier, notices=notices, clock=clock)
        self._clock = clock
        self._housekeeping = Housekeeping(settings, catalogue, store, trimming=self.trimming, clock=clock)
        self._runs = Runs(
            settings,
            catalogue,
            store,
            ledger=ledger,
            preferences=self.preferences,
            alarms=self.alarms,
            housekeeping=self._housekeeping,
            settle=lambda: self.restores.settle(),  # noqa: PLW0108 - there is none yet
            discover=self.discover,
            ended=self._run_ended,
            clock=clock,
        )
        self.restores = RestoreSessions(
            settings,
            catalogue,
            store,
            discover=self.discover,
            busy=self.running_anywhere,
            herald=SilentListener(),
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
        return self._runs.running

    async def running_anywhere(self) -> RunInProgress | None:
        """The run under way in this process or, by the lock, in another one."""
        return self.running or self.restores.running or await self._runs.running_elsewhere()

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
        if (running := self.running or self.restores.running) is not None:  # nothing may be awaited after this
            raise BusyError(what_runs(running), hint="Wait for it to finish.")
        return await self._runs.make(trigger=trigger, requested_by=requested_by, actor=actor, asked_in=asked_in)

    def watch(self) -> AbstractAsyncContextManager[asyncio.Queue[Progress]]:
        """Give a queue that always holds the newest progress event alone; it never makes the run wait."""
        return self._runs.watch()

    def _run_ended(self) -> None:
        self.news_to_pin()
        self.alarms.nudge()

    def news_to_pin(self) -> None:
        """Something changed that the pinned messages tell; they follow in the background."""
        if self.pins is not None:
            self.pins.nudge()
        if self.upkeep is not None:
            self.upkeep.nudge()

    # --- what is asked -----------------------------------------------------------------------------------------

    async def discover(self) -> discovery.Discovery:
        """Find the databases that a run would back up now."""
        known = await self.catalogue.databases.known_names()
        expected, let_go = (
            await self.catalogue.databases.expected_paths(),
            await self.catalogue.databases.let_go_paths(),
        )
        own = own_folders(self.settings)
        return await asyncio.to_thread(
            discovery.find_databases, self.settings.databases, known, own=own, expected=expected, let_go=let_go
        )

    async def status(self) -> Status:
        """Everything `Backup Status` shows."""
        plan = await self.timetable.plan()
        status = await read_status(
            self.catalogue,
            discovery=await self.discover(),
            recipients=self.settings.recipients,
            schedule=plan.expression,
            timezone=self.timezone,
            stale_after=self.settings.stale_after,
            now=self._clock(),
            running=await self.running_anywhere(),
            warnings=(
                *self.settings.warnings,
                *filter(None, [plan.fault, self.polling_trouble()]),
                *await archive_warnings(self.catalogue),
                *await timer_warnings(self.catalogue, self._chats),
            ),
            overridden=plan.override,
            setting=plan.setting,
        )
        alarms = await self.alarms.open_alarms()  # also those that a full disk can't take
        return replace(status, alarms=alarms, cut_off=await self.cut_off_restores())

    async def cut_off_restores(self) -> tuple[str, ...]:
        """What is to be said of restores that were cut off, and of those of which that is not known."""
        said = await asyncio.to_thread(cut_off_restores, self.store, self._clock())
        return tuple(dict.fromkeys((*said, *filter(None, [self.restores.trouble]))))

    async def health(self) -> Health:
        """Everything `System Health` shows; asks Telegram and every recipient."""
        health = await measure_health(
            await self.status(),
            self.store,
            None if self.ledger is None else self.ledger.destinations,
            archives=await self.catalogue.backups.select(limit=ALL, on_disk_only=True),
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
        return await read_page(self.catalogue, self._housekeeping, page, per_page)

    async def details(self, backup_id: int) -> BackupDetails:
        """One backup with its deliveries and its future. Raises `NotFoundError`."""
        return await read_details(
            self.catalogue,
            self._housekeeping,
            backup_id,
            volume_bytes=self.settings.volume_size_mb * 1024 * 1024,
            is_restorable=self.restores.is_restorable,
        )

    # --- what admins do ----------------------------------------------------------------------------------------

    async def record(self, actor: str, action: str, detail: str = "") -> None:
        """Write down what an admin did that changes nothing here, such as taking a copy."""
        await self.catalogue.service.audit(actor, action, detail)

    async def actions(self, page: int, per_page: int = 10) -> tuple[tuple[AuditEntry, ...], bool]:
        """A page of what admins did, newest first, and whether there is more."""
        entries = await self.catalogue.service.audits(limit=per_page + 1, offset=page * per_page)
        return entries[:per_page], len(entries) > per_page

    async def send_again(self, backup_id: int, recipient: Recipient, *, actor: str = "") -> Delivery:
        """Send one backup to one chat once more. Raises `NotFoundError` when its archive is gone."""
        backup = await self.catalogue.backups.get(backup_id)
        if not backup.on_disk or backup.damaged:
            raise NotFoundError(
                f"The archive of backup {backup_id} is {'damaged' if backup.damaged else where_gone(backup)}.",
                hint="Scroll up in the chat: what was delivered stays there."
                if backup.same_as is None
                else f"Nothing had changed: backup {backup.same_as} holds the same.",
            )
        if self.ledger is None:
            raise CourierError("This process does not talk to Telegram.", hint="Ask the running service.")
        if actor:
            await self.catalogue.service.audit(
                actor, "took a backup again", f"backup {backup_id}, to {recipient.address}"
            )
        (delivery,) = await self.ledger.deliver(backup, to=[recipient], silent=False, force=True)
        await settle(self.catalogue, backup_id)
        return delivery

    async def pin(self, backup_id: int, pinned: bool, *, actor: str) -> Backup:
        """Keep a backup for good, or give it back to retention. Raises `NotFoundError` when its archive is gone."""
        return await self._housekeeping.pin(backup_id, pinned, actor=actor)

    async def note(self, backup_id: int, words: str, *, actor: str) -> Backup:
        """Write a note on a backup, in one line of at most `NOTE_LONGEST`; an empty one removes it."""
        return await self._housekeeping.note(backup_id, words, actor=actor)

    async def delete(self, backup_id: int, *, actor: str) -> None:
        """Delete one archive from the disk. Refused for a pinned one and for the last good backup of a database."""
        await self._housekeeping.delete(backup_id, actor=actor)

    async def pause(self, *, actor: str, until: datetime | None = None, admin_id: int | None = None) -> None:
        """Stop scheduled runs until resumed, over restarts too; manual backups stay possible."""
        await self.timetable.pause(actor=actor, until=until, admin_id=admin_id)

    async def resume(self, *, actor: str, admin_id: int | None = None) -> None:
        """Let scheduled runs happen again; one follows at once when any was left out."""
        await self.timetable.resume(actor=actor, admin_id=admin_id)

    async def recipient_started(self, chat_id: int, name: str) -> None:
        """A person pressed Start: what is owed to them goes out now."""
        await self.catalogue.recipients.set_name(Recipient(chat_id=chat_id), name)
        if self.ledger is not None:
            await self.ledger.recipient_started(chat_id)
        self.alarms.returned(chat_id)
        self.news_to_pin()

    async def timer_of(self, chat_id: int) -> str:
        """Return the warning that a chat deletes its messages by itself; empty where it does not, or can't be asked."""
        return await self.timers.look_at(chat_id) if self.timers is not None else ""

    async def timer_changed(self, chat_id: int, seconds: int) -> None:
        """A chat's auto-delete timer was set, or with 0 turned off."""
        if self.timers is not None:
            await self.timers.changed(chat_id, seconds)

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
        return await self._housekeeping.plan_prune()

    @property
    def keep_rules(self) -> KeepRules:
        """What is kept beyond age and count, as the settings say."""
        return self._housekeeping.keep_rules

    async def prune(self) -> tuple[Decision, ...]:
        """Delete what the plan drops, and return what was dropped. A file that can't be deleted stays catalogued."""
        return await self._housekeeping.prune()

    # --- the end -----------------------------------------------------------------------------------------------

    async def stop(self, why: str = "The service was stopped.") -> None:
        """Let the running stage finish, or abandon it cleanly; returns when no run is under way."""
        await asyncio.gather(self._runs.stop(why), self.restores.stop(why))
