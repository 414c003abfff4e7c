"""Finds what has changed in the targets since the plan that an admin confirmed was made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.models import DatabaseChange, DatabaseFacts, InUse, ReportRestore, RestoreMethod, RestoreProgress, RestoreStage
from bot.services.concurrency.abort import Abort
from bot.services.restore.context import Prepared, RestoreContext
from bot.services.restore.in_use import named
from bot.services.restore.targets import Target, read_target

_SHOWN = 3  # tables whose new rows are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not as the plan says: a sentence for people.

    `written` is a sentence where it is only that an application went on with its work, empty otherwise.
    """

    file: Path
    sentence: str
    written: str = ""


def written_alone(differences: Iterable[Difference]) -> dict[Path, str]:
    """Return the files of which nothing else is different than that they were opened or written to, and what was."""
    seen = tuple(differences)
    others = {difference.file for difference in seen if not difference.written}
    return {difference.file: difference.written for difference in seen if difference.file not in others}


async def changed_since(
    prepared: Prepared, context: RestoreContext, *, abort: Abort, report: ReportRestore
) -> tuple[Difference, ...]:
    """Look at every live target once more; return each thing that is not as the plan says.

    Rows that an application adds while it has its database open are no change: the plan says that it goes on. Files
    that are to be replaced are seen to by the restore itself. Raises `AbortedError`.
    """
    found: list[Difference] = []
    live = [change for change in prepared.plan.changes if change.method is RestoreMethod.INTO_LIVE]
    for number, change in enumerate(live):
        report(RestoreProgress(stage=RestoreStage.COMPARE, done=number, total=len(live), detail=change.name))
        target = await read_target(change.path, prepared.scratch, context, abort=abort)
        await target.forget_copy()
        found.extend(_differences(change, target))
    return tuple(found)


def _differences(change: DatabaseChange, target: Target) -> list[Difference]:
    name = change.name

    def other(sentence: str) -> Difference:
        return Difference(file=change.target, sentence=sentence)

    if target.file != change.target:
        return [other(f"{change.path} leads to another file now.")]
    if target.obstacle and target.obstacle not in change.obstacles:
        return [other(target.obstacle)]
    if target.state is not change.state:
        return [other(f"{name} is {target.state} now; it was {change.state} when the plan was made.")]
    if (target.facts is None) != (change.now is None):
        return [other(f"{name} is {'empty now' if target.facts is None else 'no longer empty'}.")]
    found = []
    if target.in_use is InUse.OPEN and change.in_use is InUse.CLOSED:
        by = named(target.used_by)
        found.append(
            Difference(
                file=change.target,
                sentence=f"{name} has been opened{by} since the plan was made.",
                written=f"It was opened{by} while the last plan was shown.",
            )
        )
    if target.facts is not None and change.now is not None:
        if _shape(target.facts) != _shape(change.now):
            found.append(other(f"The schema of {name} has changed since the plan was made."))
        elif target.facts.rows != change.now.rows and change.in_use is InUse.CLOSED:
            found.append(
                Difference(
                    file=change.target,
                    sentence=f"{name} has been written to since the plan was made.",
                    written=f"It was written to while the last plan was shown: {_rows(change.now, target.facts)}.",
                )
            )
    return found


def _rows(before: DatabaseFacts, now: DatabaseFacts) -> str:
    """Say which tables have other numbers of rows."""
    counts = dict(before.rows)
    other = [
        f"“{table}” had {counts[table]:,} rows and then {rows:,}"
        for table, rows in now.rows
        if counts.get(table, rows) != rows
    ]
    more = f" and {len(other) - _SHOWN} tables more" if len(other) > _SHOWN else ""
    return ", ".join(other[:_SHOWN]) + more if other else "what it holds has changed"


def _shape(facts: DatabaseFacts) -> tuple[object, ...]:
    return facts.page_size, facts.journal_mode, facts.application_id, facts.user_version, facts.schema
