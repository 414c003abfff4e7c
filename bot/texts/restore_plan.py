"""The restore plan, and the second question: the changes, the losses, and how long it can be confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import clock_time
from bot.models import (
    SAFETY_KEPT,
    DatabaseChange,
    InUse,
    LossCode,
    Reason,
    RestoreAct,
    RestoreMethod,
    RestorePlan,
    TableChange,
    TargetState,
)
from bot.texts.markup import FittedList, compose, folded, length, name, sentence, text
from bot.texts.measures import age, count, human_size
from bot.words.losses import is_one_thing, loss_words
from bot.words.restores import source_words

ACTS = {RestoreAct.RESTORE: "♻️ Restore", RestoreAct.UNDO: "↩️ Undo", RestoreAct.REDO: "↪️ Redo"}
"""The button that leads to each."""

_ASKED = {RestoreAct.RESTORE: "Replace", RestoreAct.UNDO: "Undo the restore", RestoreAct.REDO: "Redo the restore"}

_FULL = 3500
"""UTF-16 units up to which a plan is told in full; past them each database gets a line or two."""

_AMPLE = 10
"""With so many times the room that is needed, nothing is said of it."""

_LOST = 6
"""Sentences about what one database loses; the largest differences are in the rows below them."""


def plan(plan: RestorePlan, now: datetime, timezone: ZoneInfo, valid_until: datetime | None) -> str:
    """Return what would change, database by database, whatever their number; what is in the way comes first."""
    head = (
        f"<b>{ACTS[plan.act]}: the plan</b>",
        _source(plan, now, timezone),
        listing([f"⛔ {text(obstacle, 400)}" for obstacle in plan.all_obstacles], 6),
        listing([f"⚠️ {text(warning, 300)}" for warning in plan.all_warnings], 8),
        "",
    )
    foot = (_disks(plan), *_how_on(plan, timezone, valid_until=valid_until))
    full = [part for change in plan.changes for part in _database(change)]
    if length("\n".join(part for part in (*head, *full, *foot) if isinstance(part, str))) <= _FULL:
        return compose(*head, *full, *foot)
    ranked = sorted(plan.changes, key=lambda change: not change.lost)  # what loses something comes first
    return compose(*head, FittedList(tuple(_brief(change) for change in ranked), 60), "", *foot)


def _source(plan: RestorePlan, now: datetime, timezone: ZoneInfo) -> str:
    said, ago = source_text(plan.source, timezone), age(plan.taken_at, now) if plan.taken_at else ""
    if plan.act is RestoreAct.RESTORE:
        return sentence(said) + (f" ({ago})" if ago else "")
    return f"Back to {said}" + (f" (done {ago})" if ago else "")


def source_text(source: Reason, timezone: ZoneInfo) -> str:
    """Return where a restore comes from, escaped."""
    return text(source_words(source, timezone), 200)


def listing(lines: Sequence[str], most: int) -> FittedList | None:
    """Return the lines as a listing, None without any."""
    return FittedList(tuple(lines), most) if lines else None


def _database(change: DatabaseChange) -> tuple[str | FittedList | None, ...]:
    return (
        f"<b>{name(change.name)}</b>{_sizes(change)}",
        *_lost(change),
        _rows(change),
        _same(change),
        _schema(change),
        f"{'👥' if change.in_use is InUse.OPEN else '💤'} {text(change.in_use_means, 400)}"
        if change.in_use_means and change.method is not RestoreMethod.NEW_FILE
        else None,
        folded(*_plumbing(change)),
        "",
    )


def _plumbing(change: DatabaseChange) -> Iterator[str]:
    """Return how it is done, for who wants to know."""
    now, then = change.now, change.then
    yield f"ℹ️ {sentence(method(change))}: <code>{name(str(change.target), 90)}</code>"
    if now is not None and now.user_version != then.user_version:
        yield f"user_version {now.user_version} → {then.user_version}"


def _lost(change: DatabaseChange) -> tuple[str, ...]:
    """Return what is lost, as lines that never give way to others."""
    shown = [f"{lost_line(lost, 'will be')}{_figures(lost, change)}" for lost in change.lost[:_LOST]]
    more = len(change.lost) - len(shown)
    return (*shown, f"🔴 … and rows of {count(more, 'table')} more") if more else tuple(shown)


def _figures(lost: Reason, change: DatabaseChange) -> str:
    """Return the rows of a table that a loss is about, now and then: ` (63 → 60 rows)`."""
    tables = [table for table in _differing(change) if _is_about(lost, table.table) and change.now is not None]
    return f" ({_from_to(tables[0])})" if tables else ""


def _is_about(lost: Reason, table: str) -> bool:
    return ("table", table) in lost.facts


def lost_line(lost: Reason, verb: str, of: str = "") -> str:
    """Return what is lost as a line, of which an undo brings back each row; `verb` is "will be" or "are".

    `of` names the database, where it could be another.
    """
    one = verb == "are" and is_one_thing(lost)
    said = text(loss_words(lost), 250)
    return f"🔴 {of}<b>{said if of else sentence(said)}</b> {'is' if one else verb} gone"


def method(change: DatabaseChange) -> str:
    """Return the way a database comes back, as plain text."""
    if change.method is RestoreMethod.REPLACE and change.state is TargetState.MISSING:
        return "make the file anew" if change.then.page_size else "put the file back"
    if change.then.page_size:
        return str(change.method)
    return "put the file back" if change.then.bytes else "set the file aside"


def sizes(change: DatabaseChange) -> str:
    """Return what is there now and what would be, as plain text."""
    if change.now is None and not change.then.page_size:  # an undo, which moves files back
        former = f"the former file, {human_size(change.then.bytes)}" if change.then.bytes else "no file, as before"
        return f"restored database → {former}"
    before = human_size(change.now.bytes) if change.now is not None else _state(change)
    return f"{before} → {human_size(change.then.bytes)}"


def _sizes(change: DatabaseChange) -> str:
    """Return the same after the name, where there is something to say: that a file changes its size, or is no more."""
    said = sizes(change)
    before, _, after = said.partition(" → ")
    return "" if before == after else f" · {said}"


def _state(change: DatabaseChange) -> str:
    states = {TargetState.MISSING: "missing", TargetState.BROKEN: "broken", TargetState.READABLE: "empty"}
    return states[change.state]


def _differing(change: DatabaseChange) -> list[TableChange]:
    """Return the tables whose rows differ, the largest differences first."""
    tables = [table for table in change.tables if table.now != table.then]
    return sorted(tables, key=lambda table: -abs((table.then or 0) - (table.now or 0)))


def _rows(change: DatabaseChange) -> FittedList | None:
    """Return the tables whose rows differ, but those of which the lines above have said it."""
    told = [table for table in _differing(change) if any(_is_about(lost, table.table) for lost in change.lost[:_LOST])]
    lines = [
        f"• {name(table.table)}: {_number(table.then) if change.now is None else _from_to(table)}"
        for table in _differing(change)
        if table not in told
    ]
    return listing(lines, 12)


def _schema(change: DatabaseChange) -> FittedList | None:
    """Return what becomes of the schema, but tables and columns of which the lines above say that they are gone."""
    told = [lost for lost in change.lost[:_LOST] if lost.code in (LossCode.TABLE, LossCode.COLUMN)]
    lines = [
        f"• {entry.kind} <code>{name(entry.name)}</code> {entry.change}"
        for entry in change.schema
        if entry.kind != "table" or not any(_is_about(lost, entry.name) for lost in told)
    ]
    return listing(lines, 5)


def rows_change(table: TableChange) -> str:
    """Return the rows of a table now and then, as plain text: `users: 60 → 55 rows`."""
    return f"{table.table}: {_from_to(table)}"


def _from_to(table: TableChange) -> str:
    if table.now is None or table.then is None:
        return f"{_number(table.now)} → {_number(table.then)}"
    return f"{table.now:,} → {_number(table.then)}"


def rows_after(table: TableChange) -> str:
    """Return the rows of a table after a restore, as plain text: `60 rows in “users” (63 before)`."""
    if table.then is None:
        return f"no table “{table.table}” any more ({_number(table.now)} before)"
    return f"{_number(table.then)} in “{table.table}” ({'new' if table.now is None else f'{table.now:,} before'})"


def _number(rows: int | None) -> str:
    return "no such table" if rows is None else count(rows, "row")


def rows_as_now(change: DatabaseChange) -> str:
    """Return what it means that every table has as many rows as in the backup, as plain text."""
    if change.same:
        return "exactly as in the backup"
    differ = "" if change.schema else ", but not the same contents"
    return f"as many rows as now in every table{differ}"


def _same(change: DatabaseChange) -> str | None:
    same = sum(table.now == table.then for table in change.tables)
    if not same or change.now is None:
        return None
    if change.lost and same == len(change.tables):
        return None
    if same < len(change.tables):
        return f"As many rows as now in {count(same, 'other table')}"
    return sentence(rows_as_now(change))


def _brief(change: DatabaseChange) -> str:
    """Return one database in two lines."""
    differing = len(_differing(change))
    parts = [sizes(change), f"{count(differing, 'table')} with other numbers of rows" if differing else "rows as now"]
    if change.schema:
        parts.append(count(len(change.schema), "schema difference"))
    if change.in_use is InUse.OPEN:
        parts.append("open now")
    lost = ""
    if change.lost:
        what = f"{text(loss_words(change.lost[0]), 110)} will be gone"
        if len(change.lost) > 1:
            what = f"Loses rows of {len(change.lost)} tables."
        lost = f"\n   🔴 {what}"
    return f"• <b>{name(change.name, 32)}</b> · {' · '.join(parts)}{lost}"


def _disks(plan: RestorePlan) -> FittedList | None:
    return listing(
        [
            f"💽 {human_size(disk.needed)} needed for a while, {human_size(disk.free)} free"
            f" (<code>{name(str(disk.folder), 50)}</code>)"
            for disk in plan.disks
            if disk.needed * _AMPLE > disk.free
        ],
        3,
    )


def _how_on(plan: RestorePlan, timezone: ZoneInfo, *, valid_until: datetime | None) -> tuple[str | None, ...]:
    if plan.all_obstacles:
        return ("<b>So nothing can be restored.</b> Clear what is in the way, then make the plan anew.",)
    return (
        f"{_way_back(plan)} If anything fails, all comes back by itself.",
        None if valid_until is None else _until(valid_until, timezone),
    )


def _way_back(plan: RestorePlan) -> str:
    if any(change.method is RestoreMethod.INTO_LIVE for change in plan.changes):
        way = "Undo" if plan.act is not RestoreAct.UNDO else "Redo"
        return f"🛟 For {SAFETY_KEPT.days} days, {way} brings back what is there now."
    return "🛟 The files that are there now are set aside, not deleted."


def ask(plan: RestorePlan, valid_until: datetime, timezone: ZoneInfo) -> str:
    """Return the second question."""
    several = sum(bool(change.lost) for change in plan.changes) > 1
    lost = [(f"{name(change.name)}: " if several else "", one) for change in plan.changes for one in change.lost]
    return compose(
        f"⚠️ <b>{_ASKED[plan.act]} now?</b>",
        f"{count(len(plan.changes), 'database')} from {source_text(plan.source, timezone)}:",
        FittedList(tuple(f"• <b>{name(change.name)}</b>{_sizes(change)}" for change in plan.changes), 20),
        "",
        listing([lost_line(one, "will be", of) for of, one in lost], 10),
        _way_back(plan),
        _until(valid_until, timezone),
    )


def _until(valid_until: datetime, timezone: ZoneInfo) -> str:
    return f"⏳ Confirm by {clock_time(valid_until, timezone)}. Nothing has changed yet."
