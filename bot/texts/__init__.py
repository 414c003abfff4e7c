"""Formats screens: values in, HTML out, always short enough for Telegram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.models import (
    Alarm,
    Backup,
    BackupDetails,
    BackupPage,
    Delivery,
    Drill,
    Health,
    Override,
    PendingRestore,
    Recipient,
    RestoredByHand,
    RestorePlan,
    RestorePoint,
    RestoreResult,
    RunInProgress,
    Status,
    Volume,
)
from bot.services.messages.digest import Digest, MyMessages, UnchangedNote
from bot.texts import (
    actions,
    alarms,
    answers,
    delivery,
    digest,
    history,
    journal,
    notes,
    preferences,
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

    def caption(self, backup: Backup, volume: Volume, followed: frozenset[str] | None = None) -> str:
        return delivery.caption(backup, volume, self.timezone, followed)

    def alarm(self, alarm: Alarm, now: datetime, reminder: timedelta) -> str:
        return alarms.alarm(alarm, now, reminder, self.timezone)

    def alarm_over(self, alarm: Alarm) -> str:
        return alarms.alarm_over(alarm, self.timezone)

    def alarm_recovered(self, alarm: Alarm) -> str:
        return alarms.alarm_recovered(alarm)

    def alarm_on_phone(self, alarm: Alarm, now: datetime) -> tuple[str, str]:
        return alarms.on_phone(alarm, now)

    def alarm_moved(self, alarm: Alarm) -> str:
        return alarms.alarm_moved(alarm)

    def digest(self, day: Digest) -> str:
        return digest.digest(day, self.timezone)

    def unchanged_note(self, note: UnchangedNote) -> str:
        return digest.unchanged_note(note, self.timezone)

    def pinned_caption(self, status: Status, points: Sequence[RestorePoint]) -> str:
        return restore_points.pinned_caption(status, points, self.timezone)

    def announce_restore(self, who: str, plan: RestorePlan, result: RestoreResult, *, undo: bool) -> str:
        return restoring.announce_restore(who, plan, result, undo=undo)

    def announce_cli_restore(self, restored: RestoredByHand) -> str:
        return restoring.announce_cli_restore(restored, self.timezone)

    def announce_failed_restore(self, who: str, plan: RestorePlan, error: BaseException) -> str:
        return restoring.announce_failed_restore(who, plan, error)

    def restore_cut_off(self, pending: PendingRestore) -> str:
        return restoring.restore_cut_off(pending, self.timezone)

    # --- screens ---

    def status(self, state: Status) -> str:
        return status.status(state, self.timezone)

    def backup_menu(self, state: Status) -> str:
        return status.backup_menu(state, self.timezone)

    def progress(self, run: RunInProgress, now: datetime) -> str:
        return runs.progress(run, now, self.timezone)

    def already_running(self, run: RunInProgress, now: datetime) -> str:
        return runs.already_running(run, now)

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

    def settings(self, status: Status) -> str:
        return schedule.settings(status, self.timezone)

    def schedule(self, status: Status, runs: Sequence[datetime]) -> str:
        return schedule.schedule(status, runs, self.timezone)

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

    def paused(self, paused: Override, now: datetime) -> str:
        return schedule.paused(paused, now, self.timezone)

    def resumed(self, runs: Sequence[datetime], actor: str, now: datetime) -> str:
        return schedule.resumed(runs, actor, now, self.timezone)

    def history(self, page: BackupPage) -> str:
        return history.history(page, self.timezone)

    def history_label(self, backup: Backup, now: datetime, *, by_rule: bool = False) -> str:
        return history.history_label(backup, now, self.timezone, by_rule=by_rule)

    def ask_note(self, details: BackupDetails) -> str:
        return notes.ask_note(details)

    def actions(self, entries: Sequence[actions.ActionEntry], page: int, now: datetime) -> str:
        return actions.actions(entries, page, now, self.timezone)

    def details(self, details: BackupDetails, now: datetime, names: Mapping[Recipient, str] | None = None) -> str:
        return history.details(details, now, self.timezone, names)

    def confirm_delete(self, details: BackupDetails, now: datetime) -> str:
        return history.confirm_delete(details, now, self.timezone)

    def journal(self, entries: Sequence[journal.LogEntry], page: int, level: str | None, now: datetime) -> str:
        return journal.journal(entries, page, level, now, self.timezone)

    def my_messages(self, chosen: MyMessages) -> str:
        return preferences.my_messages(chosen, self.timezone)

    def quiet_hours(self, chosen: MyMessages) -> str:
        return preferences.quiet_hours(chosen, self.timezone)

    def drilled(self, drill: Drill | None) -> str:
        return health_text.drilled(drill, self.timezone)

    def health(self, health: Health) -> str:
        return health_text.health(health, self.timezone)
