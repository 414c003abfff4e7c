"""A product that behaves: it keeps backups, runs one at a time and refuses what the real one refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.errors import BusyError, CourierError, NotFoundError
from bot.models import (
    NO_REASON,
    Action,
    Actor,
    Alarm,
    Backup,
    BackupDetails,
    BackupPage,
    BackupState,
    Delivery,
    DeliveryState,
    Examination,
    Health,
    OutcomeCode,
    Override,
    Progress,
    Reason,
    Recipient,
    ReportRun,
    RetentionCode,
    RunInProgress,
    RunResult,
    ServiceState,
    Stage,
    Status,
    Trigger,
)
from bot.services.catalogue import Event
from bot.services.contracts.chats import PostedDocument
from bot.services.inbox.inbox import Accepted
from bot.services.inbox.upload_view import LeftOutReason
from bot.services.manager import Courier
from bot.services.messages.live import LiveKind
from tests.world import samples


class FakeManager:
    """State in memory, and every part that the tested handlers ask for; a run goes on until a test sets `finish`."""

    def __init__(self, admins: Iterable[int], log: Path) -> None:
        self.timezone = samples.BERLIN
        self.admin_ids = tuple(admins)
        self.now = samples.NOW
        self.clock: Callable[[], datetime] = lambda: self.now
        self.backups: dict[int, Backup] = {1: samples.backup(1)}
        self.deliveries: dict[int, tuple[Delivery, ...]] = {1: (samples.delivery(11), samples.MUST_START)}
        self.happened: list[Event] = []  # newest first
        self.log = log
        self.started: list[tuple[int, str]] = []
        self.acts: list[str] = []
        self.records: list[str] = []
        self.requests: list[str] = []
        self.trouble: Exception | None = None  # what every question is answered with
        self.run_trouble: Exception | None = None
        self.finish = asyncio.Event()
        self.measured = asyncio.Event()
        self.measured.set()
        self.status_gate = asyncio.Event()
        self.status_gate.set()
        self.sends_as = DeliveryState.SENT
        self.paused: Override | None = None
        self.run: RunInProgress | None = None

    def __getattr__(self, name: str) -> FakeManager:
        """Every part of the product that is not written out: this, too."""
        if name not in {field.name for field in fields(Courier)}:
            raise AttributeError(name)
        return self

    @property
    def service(self) -> FakeManager:
        """The catalogue's table of what admins do: this, too."""
        return self

    # --- runs ---

    @property
    def running(self) -> RunInProgress | None:
        return self.run

    def report(self, stage: Stage, done: int = 0, total: int = 0, detail: str = "") -> None:
        """Let the run under way come this far."""
        assert self.run is not None
        self.run = replace(self.run, progress=Progress(stage=stage, done=done, total=total, detail=detail))

    def begin(self, trigger: Trigger = Trigger.SCHEDULE, requested_by: str = Actor.SCHEDULE) -> RunInProgress:
        """Let a run begin that no button asked for."""
        started = self.now + timedelta(seconds=len(self.backups))
        self.run = RunInProgress(
            started_at=started, trigger=trigger, requested_by=requested_by, progress=Progress(stage=Stage.STARTING)
        )
        return self.run

    def end(self, *, skipped: bool = False) -> Backup:
        """Let the run under way end with a backup."""
        assert self.run is not None
        number = max(self.backups) + 1
        made = samples.backup(
            number,
            started_at=self.run.started_at,
            finished_at=self.run.started_at + timedelta(seconds=3),
            trigger=self.run.trigger,
            requested_by=self.run.requested_by,
            state=BackupState.PARTIAL if skipped else BackupState.DELIVERED,
            skipped=(samples.skipped(),) if skipped else (),
        )
        self.backups[number] = made
        self.deliveries[number] = (samples.delivery(11), samples.MUST_START)
        self.run = None
        return made

    async def back_up(
        self, *, trigger: Trigger, requested_by: str, asked_in: int | None = None, report: ReportRun = lambda _: None
    ) -> RunResult:
        self.requests.append(requested_by)
        if self.run is not None:
            raise BusyError("A backup is already running.", hint="Wait for it to finish.")
        self.begin(trigger, requested_by)
        try:
            await self.finish.wait()
            if self.run_trouble is not None:
                raise self.run_trouble
            made = self.end()
            return RunResult(backup=made, deliveries=self.deliveries[made.id])
        finally:
            self.run = None
            self.finish.clear()

    # --- questions ---

    def _ask(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    async def status(self) -> Status:
        await self.status_gate.wait()
        self._ask()
        newest = self.backups[max(self.backups)]
        return samples.status(
            latest=newest,
            latest_proven=newest,
            latest_deliveries=self.deliveries[newest.id],
            running=self.run,
            paused=self.paused,
            state=ServiceState.STOPPED if self.paused else ServiceState.RUNNING,
            next_run_at=None if self.paused else samples.NOW + timedelta(minutes=23),
        )

    async def health(self) -> Health:
        await self.measured.wait()
        self._ask()
        return samples.health()

    async def examine(self) -> Examination:
        await self.measured.wait()
        self._ask()
        return samples.EXAMINATION

    async def history(self, page: int, per_page: int = 8) -> BackupPage:
        self._ask()
        newest_first = [self.backups[number] for number in sorted(self.backups, reverse=True)]
        pages = max(1, -(-len(newest_first) // per_page))
        page = min(page, pages - 1)
        shown = tuple(newest_first[page * per_page : (page + 1) * per_page])
        return BackupPage(backups=shown, page=page, pages=pages, total=len(newest_first))

    def _backup(self, backup_id: int) -> Backup:
        if backup_id not in self.backups:
            raise NotFoundError(f"There is no backup {backup_id}.", hint="Open the history.")
        return self.backups[backup_id]

    async def id_of_backup(self, backup_id: int, mark: str) -> int | None:
        return backup_id if backup_id in self.backups and self.backups[backup_id].mark == mark else None

    async def details(self, backup_id: int) -> BackupDetails:
        return BackupDetails(
            backup=self._backup(backup_id),
            deliveries=self.deliveries.get(backup_id, ()),
            retention=Reason(RetentionCode.NEWEST),
            volumes=1,
            restorable=self._backup(backup_id).sound,
        )

    @property
    def events(self) -> FakeManager:
        """The catalogue's table of what happened: this, too."""
        return self

    async def recent(self, *, trouble: bool, limit: int, offset: int) -> tuple[Event, ...]:
        found = [event for event in self.happened if not trouble or isinstance(event.what, Alarm)]
        return tuple(found[offset : offset + limit])

    @property
    def settings(self) -> FakeManager:
        return self

    @property
    def log_dir(self) -> Path:
        return self.log.parent

    async def anywhere(self) -> RunInProgress | None:
        return self.run

    # --- messages that show work ---

    async def follow_message(self, chat_id: int, message_id: int, kind: LiveKind, about: str) -> None:
        pass

    async def end_message(self, chat_id: int, message_id: int, kind: LiveKind) -> None:
        pass

    def leave_message(self, chat_id: int, message_id: int) -> None:
        pass

    # --- acts ---

    def receive(self, admin_id: int, posted: PostedDocument, *, actor: str, album: str | None = None) -> Accepted:
        return Accepted(why=LeftOutReason.NOT_TAKEN)

    async def audit(self, actor: str, action: Action, *facts: tuple[str, str | int]) -> None:
        self.records.append(" ".join(map(str, (actor, action, *facts))))

    async def send_again(self, backup_id: int, recipient: Recipient, *, actor: str = "") -> Delivery:
        if not self._backup(backup_id).on_disk:
            raise NotFoundError("The archive is no longer on the disk.")
        self.acts.append(f"send {backup_id} to {recipient.address}")
        sent = self.sends_as is DeliveryState.SENT
        reason = NO_REASON if sent else Reason(OutcomeCode.SLOW_DOWN, (("seconds", 30),))
        return Delivery(backup_id=backup_id, recipient=recipient, state=self.sends_as, reason=reason)

    async def pin(self, backup_id: int, pinned: bool, *, actor: str) -> Backup:
        self.backups[backup_id] = replace(self._backup(backup_id), pinned=pinned)
        self.acts.append(f"{'pin' if pinned else 'unpin'} {backup_id} by {actor}")
        return self.backups[backup_id]

    async def delete(self, backup_id: int, *, actor: str) -> None:
        self._backup(backup_id)
        if backup_id == max(self.backups):
            raise CourierError(f"Backup {backup_id} is the last good backup of users.db.", hint="Make a new one first.")
        self.backups[backup_id] = replace(self.backups[backup_id], on_disk=False)
        self.acts.append(f"delete {backup_id} by {actor}")

    async def pause(self, *, actor: str, until: datetime | None = None, admin_id: int | None = None) -> None:
        self.paused = Override(name="paused", value="yes", set_by=actor, set_at=samples.NOW, until=until)

    async def resume(self, *, actor: str, admin_id: int | None = None) -> None:
        self.paused = None
        self.acts.append(f"resume by {actor}")

    async def recipient_returned(self, chat_id: int) -> None:
        self.acts.append(f"{chat_id} is back")

    async def recipient_started(self, chat_id: int, name: str) -> None:
        self.started.append((chat_id, name))

    async def ask(self, chat_id: int) -> Reason:
        return NO_REASON
