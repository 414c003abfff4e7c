"""Every sentence a person reads: models in, HTML out, always short enough for Telegram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.models import (
    Backup,
    BackupDetails,
    BackupPage,
    Delivery,
    Drill,
    Health,
    PendingRestore,
    Recipient,
    RestorePlan,
    RestorePoint,
    RestoreResult,
    RunInProgress,
    Status,
    Volume,
)
from bot.texts import (
    actions,
    answers,
    delivery,
    history,
    journal,
    notes,
    restore_plan,
    restore_points,
    restoring,
    runs,
    schedule,
    status,
)
from bot.texts import health as health_text
from bot.texts.markup import ANSWER_LIMIT, CAPTION_LIMIT, MESSAGE_LIMIT, cut, length, plain
from bot.texts.measures import age, duration, human_size, next_run

__all__ = [
    "ANSWER_LIMIT",
    "CAPTION_LIMIT",
    "MESSAGE_LIMIT",
    "Texts",
    "age",
    "answers",
    "cut",
    "duration",
    "human_size",
    "length",
    "next_run",
    "plain",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The sentences that tell a time, in the time zone of the settings."""

    timezone: ZoneInfo

    # --- what is delivered, and alarms ---

    def caption(self, backup: Backup, volume: Volume) -> str:
        return delivery.caption(backup, volume, self.timezone)

    def run_failed(self, backup: Backup) -> str:
        return delivery.run_failed(backup, self.timezone)

    def run_interrupted(self, backup: Backup) -> str:
        return delivery.run_interrupted(backup, self.timezone)

    def databases_skipped(self, backup: Backup) -> str:
        return delivery.databases_skipped(backup, self.timezone)

    def recovered(self, backup: Backup, after: str = "") -> str:
        return delivery.recovered(backup, self.timezone, after)

    def drill_failed(self, backup: Backup, drill: Drill) -> str:
        return restore_points.drill_failed(backup, drill, self.timezone)

    def pinned_caption(self, seen: Status, points: Sequence[RestorePoint]) -> str:
        return restore_points.pinned_caption(seen, points, self.timezone)

    def told_of_restore(self, who: str, plan: RestorePlan, result: RestoreResult, *, undo: bool) -> str:
        return restoring.told_of_restore(who, plan, result, self.timezone, undo=undo)

    def told_of_failed_restore(self, who: str, plan: RestorePlan, error: BaseException) -> str:
        return restoring.told_of_failed_restore(who, plan, error)

    def restore_cut_off(self, pending: PendingRestore) -> str:
        return restoring.restore_cut_off(pending, self.timezone)

    # --- screens ---

    def status(self, seen: Status) -> str:
        return status.status(seen, self.timezone)

    def backup_menu(self, seen: Status) -> str:
        return status.backup_menu(seen, self.timezone)

    def progress(self, run: RunInProgress, now: datetime) -> str:
        return runs.progress(run, now, self.timezone)

    def already_running(self, run: RunInProgress, now: datetime) -> str:
        return runs.already_running(run, now, self.timezone)

    def result(
        self,
        backup: Backup,
        deliveries: Sequence[Delivery],
        now: datetime,
        names: Mapping[Recipient, str] | None = None,
    ) -> str:
        return runs.result(backup, deliveries, now, self.timezone, names)

    def choose_databases(self, label: str, names: Sequence[str], chosen: int, taken_at: datetime | None) -> str:
        return restoring.choose(label, names, chosen, taken_at, self.timezone)

    def restore_plan(self, plan: RestorePlan, now: datetime, valid_until: datetime | None, *, undo: bool) -> str:
        return restore_plan.plan(plan, now, self.timezone, undo=undo, valid_until=valid_until)

    def ask_to_replace(self, plan: RestorePlan, valid_until: datetime, *, undo: bool) -> str:
        return restore_plan.ask(plan, valid_until, self.timezone, undo=undo)

    def settings(self, seen: Status) -> str:
        return schedule.settings(seen, self.timezone)

    def schedule(self, seen: Status, runs: Sequence[datetime]) -> str:
        return schedule.schedule(seen, runs, self.timezone)

    def proposal(self, expression: str, runs: Sequence[datetime], reach: timedelta | None, now: datetime) -> str:
        return schedule.proposal(expression, runs, reach, now, self.timezone)

    def ask_hour(self) -> str:
        return schedule.ask_hour(self.timezone)

    def ask_expression(self) -> str:
        return schedule.ask_expression(self.timezone)

    def schedule_changed(
        self, expression: str, before: str, runs: Sequence[datetime], actor: str, now: datetime
    ) -> str:
        return schedule.schedule_changed(expression, before, runs, actor=actor, now=now, timezone=self.timezone)

    def history(self, page: BackupPage) -> str:
        return history.history(page, self.timezone)

    def history_label(self, backup: Backup, now: datetime, *, by_rule: bool = False) -> str:
        return history.history_label(backup, now, self.timezone, by_rule=by_rule)

    def ask_note(self, seen: BackupDetails) -> str:
        return notes.ask_note(seen)

    def actions(self, entries: Sequence[actions.Entry], page: int, now: datetime) -> str:
        return actions.actions(entries, page, now, self.timezone)

    def details(self, seen: BackupDetails, now: datetime, names: Mapping[Recipient, str] | None = None) -> str:
        return history.details(seen, now, self.timezone, names)

    def confirm_delete(self, seen: BackupDetails, now: datetime) -> str:
        return history.confirm_delete(seen, now, self.timezone)

    def journal(self, entries: Sequence[journal.Entry], page: int, level: str | None, now: datetime) -> str:
        return journal.journal(entries, page, level, now, self.timezone)

    def drilled(self, drill: Drill | None) -> str:
        return health_text.drilled(drill, self.timezone)

    def health(self, seen: Health) -> str:
        return health_text.health(seen, self.timezone)
