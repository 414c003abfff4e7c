"""Restores: the choice, the progress, the result, and the announcement to the admins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.clock import clock_time, date_time
from bot.errors import AbortedError, CourierError, RestoreError, SealError
from bot.models import (
    PendingOutcome,
    PendingRestore,
    RestoreAct,
    RestoredByHand,
    RestoredDatabase,
    RestorePlan,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
)
from bot.texts.markup import FittedList, by_name, compose, hint, name, plain, sentence, text
from bot.texts.measures import age, count, duration, instant, local_day, rows_in
from bot.texts.restore_plan import listing, lost_line, rows_after, source_text
from bot.texts.stages import stage_lines

_STAGES: dict[StrEnum, str] = {
    RestoreStage.FETCH: "Fetch from Telegram",
    RestoreStage.READ: "Read the archive",
    RestoreStage.CHECK: "Check the databases",
    RestoreStage.COMPARE: "Compare with what is there",
    RestoreStage.SAFETY: "Safety copy",
    RestoreStage.RESTORE: "Restore",
    RestoreStage.VERIFY: "Check the result",
    RestoreStage.ROLL_BACK: "Roll back",
    RestoreStage.DONE: "Done",
}
_PREPARING = (RestoreStage.FETCH, RestoreStage.READ, RestoreStage.CHECK, RestoreStage.COMPARE)
_RESTORING = (RestoreStage.COMPARE, RestoreStage.SAFETY, RestoreStage.RESTORE, RestoreStage.VERIFY)
_TABLES = 3
_DONE = {RestoreAct.RESTORE: "Restored", RestoreAct.UNDO: "The restore is undone", RestoreAct.REDO: "Restored again"}
_DID = {
    RestoreAct.RESTORE: "restored databases",
    RestoreAct.UNDO: "undid a restore",
    RestoreAct.REDO: "restored databases again",
}

# Answers to presses: plain text, at most 200 long.
STARTED = "The restore has started."
PUT_ASIDE = "Cancelled. Nothing was changed."
NOTHING_TICKED = "Tick at least one database."


def stage_name(stage: RestoreStage) -> str:
    """Return a stage as people read it."""
    return _STAGES[stage]


def choose(label: str, names: Sequence[str], chosen: int, taken_at: datetime | None, timezone: ZoneInfo) -> str:
    """Return the question which databases are to come back; they are the buttons."""
    of = f" of {date_time(taken_at, timezone)}" if taken_at else ""
    return compose(
        "♻️ <b>Restore: which databases?</b>",
        f"From {text(label, 120)}{of}",
        "",
        f"{f'{chosen} of {len(names)} ticked. ' if names else ''}The plan shows what would change;"
        " nothing changes before you confirm it.",
    )


def preparing(progress: RestoreProgress | None) -> str:
    """Return the live view of a plan in the making."""
    stages = [s for s in _PREPARING if s is not RestoreStage.FETCH or (progress and progress.stage is s)]
    return compose(
        "📋 <b>Making the plan</b>", "", *stage_lines(stages, _STAGES, progress), "", "Nothing is changed by this."
    )


def progress(who: str, event: RestoreProgress, started_at: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return the live view of a restore."""
    stages = [RestoreStage.ROLL_BACK] if event.stage is RestoreStage.ROLL_BACK else list(_RESTORING)
    return compose(
        "♻️ <b>Restore running</b>",
        "",
        *stage_lines(stages, _STAGES, event),
        "",
        f"By {by_name(who, 60)} since {clock_time(started_at, timezone)},"
        f" {duration((now - started_at).total_seconds())} so far",
    )


# --- what it came to ---------------------------------------------------------------------------------------------


def result(result: RestoreResult, timezone: ZoneInfo) -> str:
    """Return what was restored, and what brings it back."""
    return compose(
        f"✅ <b>{_DONE[result.act]}</b>",
        f"From {source_text(result.source, timezone)}",
        "",
        FittedList(tuple(_restored(database) for database in result.databases), 30),
        "",
        _undo_line(result, timezone),
    )


def _undo_line(result: RestoreResult, timezone: ZoneInfo) -> str | None:
    """Return where that is which was restored over, and the button that brings it back."""
    safety = result.safety
    if not result.undoable:
        return f"🛟 {safety_line(safety.id, safety.keep_until, timezone, result.act)}." if safety else None
    what = f"🛟 {str(result.act.next).capitalize()} brings back {_REPLACED[result.act]}"
    if safety is None:
        return f"{what}."
    until = f", until {local_day(safety.keep_until, timezone)}" if safety.keep_until else ""
    return f"{what} (backup {safety.id}){until}."


def safety_line(
    backup_id: int, until: datetime | None, timezone: ZoneInfo, act: RestoreAct = RestoreAct.RESTORE
) -> str:
    """Return where that is which was restored over, and for how long; plain text without an end."""
    kept = f", kept until {local_day(until, timezone)}" if until is not None else ""
    return f"{sentence(_REPLACED[act])} is backup {backup_id}{kept}"


_REPLACED = {
    RestoreAct.RESTORE: "what was there before",
    RestoreAct.UNDO: "what the restore had brought",
    RestoreAct.REDO: "what was there before",
}


_BY_HISTORY = "History → Restore brings it back."


def restored_line(database: RestoredDatabase) -> str:
    """Return what a restored database holds and how well that is known, with a space before it; plain text.

    Where numbers of rows changed, they are those of the plan.
    """
    checked = "checked." if database.checked else "compared with the backup; it could not be checked."
    differing = [table for table in database.tables if table.now != table.then]
    if differing:
        differing.sort(key=lambda table: -abs((table.then or 0) - (table.now or 0)))
        more = f" and {count(len(differing) - _TABLES, 'table')} more" if len(differing) > _TABLES else ""
        return f" {', '.join(map(rows_after, differing[:_TABLES]))}{more}, {checked}"
    if database.rows:
        return f" {rows_in(database.rows)}, {checked}"
    return "" if database.detail and database.checked else f" {checked}"


def _restored(database: RestoredDatabase) -> str:
    rows = text(restored_line(database), 200)
    detail = f" {text(database.detail, 200)}" if database.detail else ""
    aside = (
        f" What was in its place is kept as <code>{name(database.set_aside[0].name, 60)}</code>."
        if database.set_aside
        else ""
    )
    kept = (
        f" As it was before, which is in no backup, it is kept as <code>{name(str(database.kept), 200)}</code>."
        if database.kept is not None
        else ""
    )
    return f"✅ <b>{name(database.name)}</b>:{rows}{detail}{aside}{kept}"


def failed(error: CourierError) -> str:
    """Return why there was no restore, and what is there now."""
    if isinstance(error, RestoreError):
        headline = "❌ <b>The restore failed</b>" if error.rolled_back else "🚨 <b>The restore failed half-way</b>"
    elif isinstance(error, AbortedError):
        headline = "⏹ <b>The restore was stopped</b>"
    else:
        headline = "✋ <b>Nothing was restored</b>"
    return compose(headline, text(error.sentence, 2000), hint(error))


def refused(error: CourierError) -> str:
    """Return why a press did nothing."""
    if isinstance(error, SealError) and error.wants:
        return compose(f"✋ {text(error.sentence, 1500)}", f"💡 {_WITH_THE_KEY[error.wants]}")
    return compose(f"✋ {text(error.sentence, 1500)}", hint(error))


_WITH_THE_KEY = {
    "key": "Restore on the server, where the key can be brought for the time being:"
    " <code>sqlite-courier restore … --in-place --identity FILE</code>. With <code>AGE_IDENTITY_FILE</code> in its .env"
    " it works from here too, and whoever breaks in there can open every backup. Never send a key to the bot.",
    "passphrase": "Restore on the server, which asks for the passphrase:"
    " <code>sqlite-courier restore … --in-place</code>. Never send a passphrase to the bot.",
}
"""What helps where there is no key, in words for the chat, by what is wanted."""


def already_running(who: str, event: RestoreProgress, started_at: datetime, now: datetime) -> str:
    """Return the answer to whoever asks for a run during a restore, as plain text fit for a callback answer."""
    asked = f"started by {plain(by_name(who, 60))} {age(started_at, now)}"
    return f"A restore is running: {_STAGES[event.stage].lower()}, {asked}. Try again when it has ended."


# --- the other admins --------------------------------------------------------------------------------------------


def announce_restore(who: str, plan: RestorePlan, result: RestoreResult, timezone: ZoneInfo) -> str:
    """Return what all other admins are told."""
    return compose(
        f"♻️ <b>{by_name(who, 60)} {_DID[plan.act]}</b>",
        f"From {source_text(plan.source, timezone)}",
        "",
        FittedList(tuple(_restored(database) for database in result.databases), 20),
        listing([lost_line(lost, "are") for change in plan.changes for lost in change.lost], 10),
        "",
        f"🛟 {safety_line(result.safety.id, result.safety.keep_until, timezone, result.act)}: {_BY_HISTORY}"
        if result.safety is not None
        else None,
    )


def announce_cli_restore(restored: RestoredByHand, timezone: ZoneInfo) -> str:
    """Return what all admins are told of a restore that somebody did on the server itself."""
    return compose(
        f"♻️ <b>{'A restore was undone' if restored.undo else 'Databases were restored'} on the command line</b>",
        f"{instant(restored.at, date_time(restored.at, timezone))}, from {source_text(restored.source, timezone)}",
        "",
        FittedList(tuple(f"✅ <b>{name(database)}</b>" for database in restored.databases), 20),
        listing([lost_line(lost, "are") for lost in restored.lost], 10),
        "",
        f"🛟 {safety_line(restored.safety_id, restored.safety_until, timezone)}: {_BY_HISTORY}"
        if restored.safety_id is not None
        else None,
    )


def announce_failed_restore(who: str, plan: RestorePlan, error: BaseException, timezone: ZoneInfo) -> str:
    """Return what all other admins are told of a restore that did not come off."""
    back = getattr(error, "rolled_back", True)
    said = error.sentence if isinstance(error, CourierError) else "Something unforeseen happened; the log has it."
    names = ", ".join(change.name for change in plan.changes)
    return compose(
        f"{'❌' if back else '🚨'} <b>A restore by {by_name(who, 60)} {'failed' if back else 'failed half-way'}</b>",
        f"{text(names, 300)} from {source_text(plan.source, timezone)}",
        "",
        text(said, 1500),
        hint(error) if isinstance(error, CourierError) else None,
    )


_OUTCOMES = {
    PendingOutcome.OLD: "↩️ as before the restore",
    PendingOutcome.NEW: "✅ restored",
    PendingOutcome.CHANGED: "⚠️ whole, and written to since",
    PendingOutcome.UNREADABLE: "🚨 could not be read",
}


def restore_cut_off(pending: PendingRestore, timezone: ZoneInfo) -> str:
    """Return what all admins are told when a restore was cut off: each database's state, and what to do."""
    begun = instant(pending.started_at, date_time(pending.started_at, timezone))
    return compose(
        "🚨 <b>A restore was cut off</b>",
        f"By {by_name(pending.requested_by, 60)}, begun {begun},"
        f" from {source_text(pending.source, timezone)}. No database is a mix of both:",
        "",
        FittedList(
            tuple(f"{_OUTCOMES[outcome]}: <b>{name(database)}</b>" for database, outcome in pending.databases), 40
        ),
        "",
        f"💡 {_after_cut_off({outcome for _, outcome in pending.databases}, undoable=pending.undoable)}",
    )


def _after_cut_off(outcomes: set[PendingOutcome], *, undoable: bool) -> str:
    if outcomes == {PendingOutcome.OLD}:
        return "Nothing was changed. Restore again if it is still wanted."
    back = ""
    if undoable:
        back = (
            "↩️ Undo brings back what was there before, as does <code>sqlite-courier restore --undo</code> on the"
            " server; it is also the newest pinned backup in History (📌)."
        )
    if outcomes == {PendingOutcome.NEW}:
        return f"It is complete. {back}"
    if outcomes & {PendingOutcome.UNREADABLE, PendingOutcome.CHANGED}:
        return f"Look at those databases, and restore again where it is needed. {back}"
    return f"Restore again to finish it, or go back. {back}"
