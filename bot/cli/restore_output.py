"""Prints a restore: its plan and its result."""

from __future__ import annotations

from rich.markup import escape

from bot.cli import output
from bot.models import DatabaseChange, RestoreMethod, RestorePlan, RestoreResult
from bot.texts import restore_plan, restoring
from bot.texts.measures import count, human_size


def print_plan(plan: RestorePlan, *, obstacles: bool = True) -> None:
    """Print what would change, database by database, and what is in the way unless an error will say so."""
    where = f"into {plan.folder}" if plan.folder else "in place"
    output.out.print(f"[bold]Restore {escape(plan.source)}[/] {escape(where)}", soft_wrap=True)
    for change in plan.changes:
        _print_change(change)
    for disk in plan.disks:
        output.say(f"disk of {disk.folder}: {human_size(disk.needed)} needed for a while, {human_size(disk.free)} free")
    for warning in plan.all_warnings:
        output.warn(warning)
    for obstacle in plan.all_obstacles if obstacles else ():
        output.complain("in the way:", obstacle)


def _print_change(change: DatabaseChange) -> None:
    output.out.print(
        f"[bold]{escape(change.name)}[/] → {escape(str(change.target))}  ({restore_plan.method(change)})",
        soft_wrap=True,
    )
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
            output.say(f"  {table.table}: {_count(table.then)}")
        elif table.now != table.then:
            output.say(f"  {restore_plan.rows_change(table)}")
    if change.now is not None and change.tables and all(table.now == table.then for table in change.tables):
        output.say(f"  {restore_plan.rows_as_now(change)}")
    for difference in change.schema:
        output.say(f"  {difference.kind} {difference.name} {difference.change}")
    if change.in_use_means and change.method is not RestoreMethod.NEW_FILE:
        output.say(f"  {change.in_use_means}")
    for lost in change.lost:
        output.out.print(f"  [red]{escape(lost)} will be lost[/]", soft_wrap=True)


def _count(rows: int | None) -> str:
    return "no such table" if rows is None else count(rows, "row")


def print_restored(result: RestoreResult) -> None:
    """Print what was restored, and how to go back."""
    for database in result.databases:
        held = restoring.restored_line(database)
        detail = f" {database.detail}" if database.detail else ""
        output.say(f"✓ {database.name} restored to {database.target}:{held}{detail}")
        for path in database.set_aside:
            output.say(f"  what was in its place is kept as {path}")
        if database.kept is not None:
            output.say(f"  as it was before, which is in no backup, it is kept as {database.kept}")
    if result.safety is not None:
        output.say(f"What was there before is backup {result.safety.id} ({result.safety.archive_name}), pinned.")
    if result.undoable:
        output.say("`sqlite-courier restore --undo` brings it back.")
