"""Restores in words: what can be chosen, the plan, the restore as it happens, what it came to, who is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.errors import AbortedError, CourierError, RestoreError
from bot.models import (
    DatabaseChange,
    InUse,
    PendingOutcome,
    PendingRestore,
    RestoredDatabase,
    RestoreMethod,
    RestorePlan,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
    TableChange,
    TargetState,
)
from bot.texts.markup import Listing, compose, length, name, sentence, text
from bot.texts.measures import age, clock_time, count, duration, human_size, local_and_utc

_STAGES = {
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
_ORDER = tuple(RestoreStage)
_CELLS = 10
_FULL = 3500
"""UTF-16 units up to which a plan is told in full; past them each database gets a line or two."""

_LOST = 6
"""Sentences about what one database loses; the largest differences are in the rows below them."""

# Answers to presses: plain text, at most 200 long.
STARTED = "The restore has started."
PUT_ASIDE = "Put aside. Nothing was changed."
NOTHING_TICKED = "Tick at least one database."


def stage_name(stage: RestoreStage) -> str:
    """Return a stage as people read it."""
    return _STAGES[stage]


def choose(label: str, names: Sequence[str], chosen: int, taken_at: datetime | None, timezone: ZoneInfo) -> str:
    """Return the question which databases are to come back; they are the buttons."""
    of = f" of {local_and_utc(taken_at, timezone)}" if taken_at else ""
    return compose(
        "♻️ <b>Restore: which databases?</b>",
        f"From {text(label, 120)}{of}",
        "",
        f"{chosen} of {count(len(names), 'database')} ticked. Next comes the plan: what would change in each of them."
        if names
        else "Next comes the plan: what would change in each database.",
        "Nothing is changed before you confirm it.",
    )


def preparing(progress: RestoreProgress | None) -> str:
    """Return the live view of a plan in the making."""
    stages = [s for s in _PREPARING if s is not RestoreStage.FETCH or (progress and progress.stage is s)]
    return compose(
        "📋 <b>Making the plan</b>",
        "",
        *(_stage_line(stage, progress) for stage in stages),
        "",
        "Nothing is changed by this.",
    )


def progress(who: str, event: RestoreProgress, started_at: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return the live view of a restore."""
    stages = [RestoreStage.ROLL_BACK] if event.stage is RestoreStage.ROLL_BACK else list(_RESTORING)
    return compose(
        "♻️ <b>Restore running</b>",
        "",
        *(_stage_line(stage, event) for stage in stages),
        "",
        f"By {text(who, 60)} since {clock_time(started_at, timezone)},"
        f" {duration((now - started_at).total_seconds())} so far",
    )


def _stage_line(stage: RestoreStage, event: RestoreProgress | None) -> str:
    label = _STAGES[stage]
    here, at = _ORDER.index(stage), -1 if event is None else _ORDER.index(event.stage)
    if event is None or here > at:
        return f"▫️ {label}"
    if here < at:
        return f"✅ {label}"
    detail = f" · <code>{name(event.detail)}</code>" if event.detail else ""
    if not event.total:
        return f"▶️ <b>{label}</b>{detail}"
    full = round(event.fraction * _CELLS)
    return f"▶️ <b>{label}</b> {'▓' * full}{'░' * (_CELLS - full)} {event.fraction:.0%}{detail}"


# --- the plan ----------------------------------------------------------------------------------------------------


def plan(seen: RestorePlan, now: datetime, timezone: ZoneInfo, *, undo: bool, valid_until: datetime | None) -> str:
    """Return what would change, database by database, whatever their number; what is in the way comes first."""
    head = (
        f"{'↩️ <b>Undo' if undo else '♻️ <b>Restore'}: the plan</b>",
        sentence(_source(seen, timezone)) + (f" ({age(seen.taken_at, now)})" if seen.taken_at else ""),
        _listing([f"⛔ {text(obstacle, 400)}" for obstacle in seen.all_obstacles], 6),
        _listing([f"⚠️ {text(warning, 300)}" for warning in seen.all_warnings], 8),
        "",
    )
    foot = (_disks(seen), *_how_on(seen, timezone, undo=undo, valid_until=valid_until))
    full = [part for change in seen.changes for part in _database(change)]
    if length("\n".join(part for part in (*head, *full, *foot) if isinstance(part, str))) <= _FULL:
        return compose(*head, *full, *foot)
    ranked = sorted(seen.changes, key=lambda change: not change.lost)  # what loses something comes first
    return compose(*head, Listing(tuple(_brief(change) for change in ranked), 60), "", *foot)


def _source(seen: RestorePlan, timezone: ZoneInfo) -> str:
    """Return where it comes from, a backup with its time as people there read it."""
    if seen.taken_at is not None and seen.backup_id is not None and seen.source.startswith(f"backup {seen.backup_id} "):
        return f"backup {seen.backup_id} of {local_and_utc(seen.taken_at, timezone)}"
    return text(seen.source, 200)


def _listing(lines: Sequence[str], most: int) -> Listing | None:
    return Listing(tuple(lines), most) if lines else None


def _database(change: DatabaseChange) -> tuple[str | Listing | None, ...]:
    now, then = change.now, change.then
    return (
        f"<b>{name(change.name)}</b> → <code>{name(str(change.target), 90)}</code>",
        f"{sentence(change.method)} · {_sizes(change)}",
        *_lost(change),
        _rows(change),
        _same(change),
        _listing([f"• {entry.kind} <code>{name(entry.name)}</code> {entry.change}" for entry in change.schema], 5),
        f"user_version {now.user_version} → {then.user_version}"
        if now is not None and now.user_version != then.user_version
        else None,
        f"Journal mode {text(now.journal_mode, 20)}, kept" if now is not None and now.journal_mode else None,
        f"{'👥' if change.in_use is InUse.OPEN else '💤'} {text(change.in_use_means, 400)}"
        if change.in_use_means
        else None,
        "",
    )


def _lost(change: DatabaseChange) -> tuple[str, ...]:
    """Return what is lost, as lines that never give way to others."""
    shown = [f"🔴 <b>Lost:</b> {text(lost, 250)}" for lost in change.lost[:_LOST]]
    more = len(change.lost) - len(shown)
    return (*shown, f"🔴 … and rows of {count(more, 'table')} more") if more else tuple(shown)


def _sizes(change: DatabaseChange) -> str:
    before = human_size(change.now.bytes) if change.now is not None else _state(change)
    return f"{before} → {human_size(change.then.bytes)}"


def _state(change: DatabaseChange) -> str:
    states = {TargetState.MISSING: "missing", TargetState.BROKEN: "broken", TargetState.READABLE: "empty"}
    return states[change.state]


def _differing(change: DatabaseChange) -> list[TableChange]:
    """Return the tables whose rows differ, the largest differences first."""
    tables = [table for table in change.tables if table.now != table.then]
    return sorted(tables, key=lambda table: -abs((table.then or 0) - (table.now or 0)))


def _rows(change: DatabaseChange) -> Listing | None:
    if change.now is None:
        lines = [f"• {name(table.table)}: {_number(table.then)}" for table in _differing(change)]
    else:
        lines = [f"• {name(table.table)}: {_number(table.now)} → {_number(table.then)}" for table in _differing(change)]
    return _listing(lines, 12)


def _number(rows: int | None) -> str:
    return "no such table" if rows is None else count(rows, "row")


def _same(change: DatabaseChange) -> str | None:
    same = sum(table.now == table.then for table in change.tables)
    if not same or change.now is None:
        return None
    others = "every table" if same == len(change.tables) else count(same, "other table")
    return f"As many rows as now in {others}"


def _brief(change: DatabaseChange) -> str:
    """Return one database in two lines."""
    differing = len(_differing(change))
    parts = [_sizes(change), f"{count(differing, 'table')} with other numbers of rows" if differing else "rows as now"]
    if change.schema:
        parts.append(count(len(change.schema), "schema difference"))
    if change.in_use is InUse.OPEN:
        parts.append("open now")
    lost = f"\n   🔴 {text(' '.join(change.lost), 110)}" if change.lost else ""
    return f"• <b>{name(change.name, 32)}</b> · {' · '.join(parts)}{lost}"


def _disks(seen: RestorePlan) -> Listing | None:
    return _listing(
        [
            f"💽 {human_size(disk.needed)} needed for a while, {human_size(disk.free)} free"
            f" (<code>{name(str(disk.folder), 50)}</code>)"
            for disk in seen.disks
        ],
        3,
    )


def _how_on(
    seen: RestorePlan, timezone: ZoneInfo, *, undo: bool, valid_until: datetime | None
) -> tuple[str | None, ...]:
    if seen.all_obstacles:
        return ("<b>So nothing can be restored.</b> Clear what is in the way, then make the plan anew.",)
    live = any(change.method is RestoreMethod.INTO_LIVE for change in seen.changes)
    return (
        "🛟 What is there now is copied first, as a pinned backup; the result is checked, and if anything fails,"
        " everything goes back by itself."
        if live
        else "🛟 The files that are there now are set aside, not deleted.",
        None if valid_until is None else f"⏳ You can confirm until {valid_until.astimezone(timezone):%H:%M:%S}.",
    )


def ask(seen: RestorePlan, valid_until: datetime, timezone: ZoneInfo, *, undo: bool) -> str:
    """Return the second question."""
    lost = [lost for change in seen.changes for lost in change.lost]
    return compose(
        f"⚠️ <b>{'Undo the restore' if undo else 'Replace'} now?</b>",
        f"{count(len(seen.changes), 'database')} from {_source(seen, timezone)}:",
        Listing(tuple(f"• <b>{name(change.name)}</b> · {_sizes(change)}" for change in seen.changes), 20),
        "",
        _listing([f"🔴 <b>Lost:</b> {text(sentence_, 250)}" for sentence_ in lost], 10),
        f"⏳ Until {valid_until.astimezone(timezone):%H:%M:%S}. Nothing has been changed yet.",
    )


# --- what it came to ---------------------------------------------------------------------------------------------


def result(seen: RestoreResult, *, undo: bool) -> str:
    """Return what was restored, and what brings it back."""
    return compose(
        f"✅ <b>{'The restore is undone' if undo else 'Restored'}</b>",
        f"From {text(seen.source, 200)}, in {duration(seen.seconds)}",
        "",
        Listing(tuple(_restored(database) for database in seen.databases), 30),
        "",
        f"🛟 What was there before is backup {seen.safety.id}, pinned." if seen.safety is not None else None,
        "↩️ Undo brings it back." if seen.undoable else None,
    )


def _restored(database: RestoredDatabase) -> str:
    rows = sum(number for _, number in database.rows if number > 0)
    held = f"{count(rows, 'row')}, checked" if database.rows else "checked"
    detail = f" {text(database.detail, 200)}" if database.detail else ""
    aside = (
        f" The former file is kept as <code>{name(database.set_aside[0].name, 60)}</code>."
        if database.set_aside
        else ""
    )
    return f"✅ <b>{name(database.name)}</b>: {held}.{detail}{aside}"


def failed(error: CourierError) -> str:
    """Return why there was no restore, and what is there now."""
    if isinstance(error, RestoreError):
        headline = "❌ <b>The restore failed</b>" if error.rolled_back else "🚨 <b>The restore failed half-way</b>"
    elif isinstance(error, AbortedError):
        headline = "⏹ <b>The restore was stopped</b>"
    else:
        headline = "✋ <b>Nothing was restored</b>"
    return compose(headline, text(error.sentence, 2000), f"💡 {text(error.hint, 800)}" if error.hint else None)


def refused(error: CourierError) -> str:
    """Return why a press did nothing."""
    return compose(f"✋ {text(error.sentence, 1500)}", f"💡 {text(error.hint, 800)}" if error.hint else None)


def already_running(who: str, event: RestoreProgress, started_at: datetime, now: datetime) -> str:
    """Return the answer to whoever asks for a run during a restore, as plain text fit for a callback answer."""
    asked = f"started by {who} {age(started_at, now)}"
    return f"A restore is running: {_STAGES[event.stage].lower()}, {asked}. Try again when it has ended."


# --- the other admins --------------------------------------------------------------------------------------------


def told_of_restore(who: str, seen: RestorePlan, came: RestoreResult, timezone: ZoneInfo, *, undo: bool) -> str:
    """Return what all other admins are told."""
    return compose(
        f"♻️ <b>{text(who, 60)} {'undid a restore' if undo else 'restored databases'}</b>",
        f"From {_source(seen, timezone)}",
        "",
        Listing(tuple(_restored(database) for database in came.databases), 20),
        _listing([f"🔴 <b>Lost:</b> {text(lost, 250)}" for change in seen.changes for lost in change.lost], 10),
        "",
        f"🛟 What was there before is backup {came.safety.id}, pinned: History → Restore brings it back."
        if came.safety is not None
        else None,
    )


def told_of_failed_restore(who: str, seen: RestorePlan, error: BaseException) -> str:
    """Return what all other admins are told of a restore that did not come off."""
    back = getattr(error, "rolled_back", True)
    said = error.sentence if isinstance(error, CourierError) else "Something unforeseen happened; the log has it."
    hint = error.hint if isinstance(error, CourierError) else ""
    names = ", ".join(change.name for change in seen.changes)
    return compose(
        f"{'❌' if back else '🚨'} <b>A restore by {text(who, 60)} {'failed' if back else 'failed half-way'}</b>",
        f"{text(names, 300)} from {text(seen.source, 200)}",
        "",
        text(said, 1500),
        f"💡 {text(hint, 500)}" if hint else None,
    )


_OUTCOMES = {
    PendingOutcome.OLD: "↩️ as before the restore",
    PendingOutcome.NEW: "✅ restored",
    PendingOutcome.CHANGED: "⚠️ whole, and written to since",
    PendingOutcome.UNREADABLE: "🚨 could not be read",
}


def restore_cut_off(pending: PendingRestore, timezone: ZoneInfo) -> str:
    """Return what all admins are told when a restore was cut off: each database's state, and what to do."""
    return compose(
        "🚨 <b>A restore was cut off</b>",
        f"By {text(pending.requested_by, 60)}, begun {local_and_utc(pending.started_at, timezone)},"
        f" from {text(pending.source, 200)}. No database is a mix of both:",
        "",
        Listing(tuple(f"{_OUTCOMES[outcome]}: <b>{name(database)}</b>" for database, outcome in pending.databases), 40),
        "",
        f"💡 {_after_cut_off({outcome for _, outcome in pending.databases})}",
    )


def _after_cut_off(outcomes: set[PendingOutcome]) -> str:
    if outcomes == {PendingOutcome.OLD}:
        return "Nothing was changed. Restore again if it is still wanted."
    back = (
        "What was there before is the newest pinned backup in History (📌): ♻️ Restore it, or type"
        " <code>sqlite-courier restore --undo</code> on the server."
    )
    if outcomes == {PendingOutcome.NEW}:
        return f"It is complete. {back}"
    if outcomes & {PendingOutcome.UNREADABLE, PendingOutcome.CHANGED}:
        return f"Look at those databases, and restore again where it is needed. {back}"
    return f"Restore again to finish it, or go back. {back}"
