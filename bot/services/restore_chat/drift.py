"""Finds what has changed in the targets since the plan that an admin confirmed was made."""

from __future__ import annotations

import asyncio

from bot.models import DatabaseChange, DatabaseFacts, InUse, RestoreMethod, RestoreProgress, RestoreStage
from bot.services.concurrency.abort import Abort
from bot.services.restore.context import Prepared, Report, RestoreContext
from bot.services.restore.targets import Target, look_at_target


async def changed_since(prepared: Prepared, house: RestoreContext, *, abort: Abort, report: Report) -> tuple[str, ...]:
    """Look at every live target once more; return a sentence for each thing that is not as the plan says.

    Rows that an application adds while it has its database open are no change: the plan says that it goes on. Files
    that are to be replaced are seen to by the restore itself. Raises `AbortedError`.
    """
    found: list[str] = []
    live = [change for change in prepared.plan.changes if change.method is RestoreMethod.INTO_LIVE]
    for number, change in enumerate(live):
        report(RestoreProgress(stage=RestoreStage.COMPARE, done=number, total=len(live), detail=change.name))
        target = await look_at_target(
            change.path, prepared.room, busy_timeout=house.busy_timeout, abort=abort, clock=house.clock
        )
        if target.snapshot is not None:
            await asyncio.to_thread(target.snapshot.file.unlink)
        found.extend(_differences(change, target))
    return tuple(found)


def _differences(change: DatabaseChange, target: Target) -> list[str]:
    name = change.name
    if target.file != change.target:
        return [f"{change.path} leads to another file now."]
    if target.obstacle and target.obstacle not in change.obstacles:
        return [target.obstacle]
    if target.state is not change.state:
        return [f"{name} is {target.state} now; it was {change.state} when the plan was made."]
    found = []
    if target.in_use is InUse.OPEN and change.in_use is InUse.CLOSED:
        by = f" by {', '.join(target.used_by)}" if target.used_by else ""
        found.append(f"{name} has been opened{by} since the plan was made.")
    if (target.facts is None) != (change.now is None):
        found.append(f"{name} is {'empty now' if target.facts is None else 'no longer empty'}.")
    elif target.facts is not None and change.now is not None:
        if _shape(target.facts) != _shape(change.now):
            found.append(f"The schema of {name} has changed since the plan was made.")
        elif target.facts.rows != change.now.rows and change.in_use is InUse.CLOSED:
            found.append(f"{name} has been written to since the plan was made.")
    return found


def _shape(facts: DatabaseFacts) -> tuple[object, ...]:
    return facts.page_size, facts.journal_mode, facts.application_id, facts.user_version, facts.schema
