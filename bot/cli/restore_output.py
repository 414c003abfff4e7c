"""Prints a restore: its plan and its result."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

from bot.cli import output
from bot.models import DatabaseChange, InUse, RestoreAct, RestoreMethod, RestorePlan, RestoreResult
from bot.texts import restore_plan, restoring
from bot.texts.markup import one_line
from bot.texts.measures import count, human_size, rows_in
from bot.words.losses import loss_words
from bot.words.restores import source_words

_MANY = 10
"""Of more databases than this, what is the same of each is said once."""


def print_plan(plan: RestorePlan, timezone: ZoneInfo, *, obstacles: bool = True) -> None:
    """Print what would change, database by database, and what is in the way unless an error will say so."""
    where = f"into {plan.folder}" if plan.folder else "in place"
    output.tell(f"Restore {where} from {source_words(plan.source, timezone)}")
    quiet = [change for change in plan.changes if _is_plain(change)] if len(plan.changes) > _MANY else []
    for change in plan.changes:
        if change not in quiet:
            _print_change(change)
    for change in quiet:
        if change.now is None:
            output.say(f"{change.name} → {one_line(str(change.target))}: {restore_plan.sizes(change)}, {_rows(change)}")
    for words, often in Counter(restore_plan.rows_as_now(each) for each in quiet if each.now is not None).items():
        output.tell(f"{count(often, 'database')}: {words}")
    for disk in plan.disks:
        output.say(f"disk of {disk.folder}: {human_size(disk.needed)} needed for a while, {human_size(disk.free)} free")
    for warning in plan.all_warnings:
        output.warn(warning)
    for obstacle in plan.all_obstacles if obstacles else ():
        output.complain("in the way:", obstacle)


def print_nothing_to_do(plan: RestorePlan, timezone: ZoneInfo) -> None:
    """Print that every live database is already what would be restored."""
    for warning in plan.all_warnings:
        output.warn(warning)
    are = f"{count(len(plan.changes), 'database')} {'is' if len(plan.changes) == 1 else 'are'}"
    inside = "in " if plan.act is RestoreAct.RESTORE else ""
    output.tell(f"Nothing to restore: {are} as {inside}{source_words(plan.source, timezone)}.")


def _is_plain(change: DatabaseChange) -> bool:
    """Whether there is nothing to say of it: a new file, or what would be as it is now."""
    same = all(table.now == table.then for table in change.tables)
    return not (change.lost or change.schema) and (change.now is None or (same and change.in_use is InUse.CLOSED))


def _rows(change: DatabaseChange) -> str:
    return rows_in([(table.table, -1 if table.then is None else table.then) for table in change.tables])


def _print_change(change: DatabaseChange) -> None:
    target = one_line(str(change.target))
    output.say(output.Styled("bold", change.name), f" → {target}  ({restore_plan.method(change)})")
    now, then = change.now, change.then
    if now is not None:
        output.say(f"  size {human_size(now.bytes)} → {human_size(then.bytes)}")
        for label, before, after in (
            ("page size", now.page_size, then.page_size),
            ("user_version", now.user_version, then.user_version),
            ("application_id", now.application_id, then.application_id),
        ):
            if before != after:
                output.say(f"  {label} {before} → {after}")
        output.say(f"  journal mode {now.journal_mode}, kept")
    else:
        output.say(f"  {restore_plan.sizes(change)}")
    for table in change.tables:
        if change.now is None:
            output.say(f"  {one_line(table.table)}: {_count(table.then)}")
        elif table.now != table.then:
            output.say(f"  {one_line(restore_plan.rows_change(table))}")
    if change.now is not None and change.tables and all(table.now == table.then for table in change.tables):
        output.say(f"  {restore_plan.rows_as_now(change)}")
    for difference in change.schema:
        output.say(f"  {difference.kind} {one_line(difference.name)} {difference.change}")
    if change.in_use_means and change.method is not RestoreMethod.NEW_FILE:
        output.say(f"  {change.in_use_means}")
    for lost in change.lost:
        output.say("  ", output.Styled("red", f"{one_line(loss_words(lost))} will be gone"))


def _count(rows: int | None) -> str:
    return "no such table" if rows is None else count(rows, "row")


def print_restored(result: RestoreResult, timezone: ZoneInfo) -> None:
    """Print what was restored, and how to go back."""
    plain = [one for one in result.databases if not (one.detail or one.set_aside or one.kept)]
    if len(plain) > _MANY:
        folders = {one.target.parent for one in plain}
        where = folders.pop() if len(folders) == 1 else "their places"
        rows = rows_in([row for one in plain for row in one.rows])
        checked = ", checked" if all(one.checked for one in plain) else ""
        output.tell(f"✓ {count(len(plain), 'database')} restored to {where}: {rows}{checked}.")
    else:
        plain = []
    for database in result.databases:
        if database in plain:
            continue
        held = restoring.restored_line(database)
        detail = f" {database.detail}" if database.detail else ""
        output.tell(f"✓ {database.name} restored to {one_line(str(database.target))}:{held}{detail}")
        for path in database.set_aside:
            output.say(f"  what was in its place is kept as {path}")
        if database.kept is not None:
            output.say(f"  as it was before, which is in no backup, it is kept as {database.kept}")
    if result.safety is not None:
        kept = restoring.safety_line(result.safety.id, result.safety.keep_until, timezone, result.act)
        output.say(f"{kept} ({result.safety.archive_name}).")
    if result.undoable:
        output.say("`sqlite-courier restore --undo` brings it back.")
