"""A run as it happens, and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.clock import clock_time
from bot.models import Backup, BackupState, Delivery, Recipient, RestoreProgress, RunInProgress, Stage
from bot.texts import restoring
from bot.texts.backups import (
    asked_by,
    checked_contents,
    delivered_to,
    failed_words,
    not_delivered_to,
    owed_lines,
    remarked_lines,
    skipped_lines,
    unchanged_line,
)
from bot.texts.markup import by_name, compose, plain, sentence, text
from bot.texts.measures import age, duration, moment
from bot.texts.stages import stage_lines

_STAGES: dict[StrEnum, str] = {
    Stage.STARTING: "Starting",
    Stage.SNAPSHOT: "Snapshots",
    Stage.CHECK: "Check and compress",
    Stage.PROVE: "Read back and compare",
    Stage.DELIVER: "Deliver",
    Stage.DONE: "Done",
}


def stage_name(stage: Stage) -> str:
    """Return a stage as people read it."""
    return _STAGES[stage]


def _what_and_whose(run: RunInProgress) -> tuple[str, str]:
    """Return where a run stands and who asked for it, as HTML."""
    if isinstance(run.progress, RestoreProgress):
        stage = restoring.stage_name(run.progress.stage).lower()
        return f"Restore, {stage}", f"by {by_name(run.requested_by, 60)}"
    return _STAGES[run.progress.stage], asked_by(run.trigger, run.requested_by)


def running_line(run: RunInProgress, now: datetime, timezone: ZoneInfo) -> str:
    """Return in one line what is running: its stage, who asked, since when."""
    percent = f" {run.progress.fraction:.0%}" if run.progress.total else ""
    where = "" if run.here else ", in another process"
    what, whose = _what_and_whose(run)
    return (
        f"{what}{percent}, {whose}"
        f" at {clock_time(run.started_at, timezone)} ({duration((now - run.started_at).total_seconds())}){where}"
    )


def already_running(run: RunInProgress, now: datetime) -> str:
    """Return the answer to a second request, as plain text fit for a callback answer."""
    if isinstance(run.progress, RestoreProgress):
        return restoring.already_running(run.requested_by or "somebody", run.progress, run.started_at, now)
    asked = plain(asked_by(run.trigger, run.requested_by))
    since = age(run.started_at, now)
    return f"A backup is already running: {_STAGES[run.progress.stage].lower()}, {asked} {since}."


def progress(run: RunInProgress, now: datetime, timezone: ZoneInfo) -> str:
    """Return the live view of a run: stages done, the one under way with its bar, stages to come."""
    if isinstance(run.progress, RestoreProgress):
        return restoring.progress(run.requested_by or "somebody", run.progress, run.started_at, now, timezone)
    shown = [stage for stage in Stage if stage not in (Stage.STARTING, Stage.DONE)]
    return compose(
        "🔄 <b>Backup running</b>",
        "",
        *stage_lines(shown, _STAGES, run.progress, sizes=True),
        "",
        f"{sentence(asked_by(run.trigger, run.requested_by))} at {clock_time(run.started_at, timezone)},"
        f" {duration((now - run.started_at).total_seconds())} so far",
        None if run.here else "It runs in another process.",
    )


def result(
    backup: Backup,
    deliveries: Sequence[Delivery],
    now: datetime,
    timezone: ZoneInfo,
    names: Mapping[Recipient, str] | None = None,
) -> str:
    """Return what a run came to: who has it, who is owed and why, what was skipped and why."""
    took = ""
    if backup.finished_at is not None:
        took = f", took {duration((backup.finished_at - backup.started_at).total_seconds())}"
    when = f"{moment(backup.started_at, now, timezone)}, {asked_by(backup.trigger, backup.requested_by)}{took}"
    if not backup.proven:
        interrupted = backup.state is BackupState.INTERRUPTED
        return compose(
            "⏹ <b>Backup interrupted</b>" if interrupted else "❌ <b>Backup failed</b>",
            when,
            text(failed_words(backup) or "The reason is not known; see the log file.", 1200),
            skipped_lines(backup.skipped),
            "",
            "Nothing new was stored. Older backups are untouched.",
        )
    owed = owed_lines(deliveries, now, names)
    headline = "✅ <b>Backup done</b>"
    if backup.skipped:
        headline = "⚠️ <b>Backup incomplete</b>"
    elif owed.lines:
        headline = f"⚠️ <b>Backup stored, {not_delivered_to(deliveries, names)}</b>"
    return compose(
        headline,
        when,
        checked_contents(backup),
        unchanged_line(backup),
        "",
        skipped_lines(backup.skipped),
        remarked_lines(backup),
        f"📬 {sentence(delivered_to(deliveries, names))}",
        owed,
        "What is owed is kept and tried again." if owed.lines else None,
    )
