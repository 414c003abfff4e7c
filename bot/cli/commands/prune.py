"""The `prune` command: deletes what retention no longer keeps, or only names it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.services.retention.plan import Decision
from bot.words.retention import retention_words

EXAMPLES = ("sqlite-courier prune --dry-run", "sqlite-courier prune")


def command(
    env_file: EnvFile = DEFAULT_ENV,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted, and why.")] = False,
    json: Json = False,
) -> None:
    """Delete archives past MAX_BACKUP_AGE_DAYS or MAX_BACKUP_COUNT; never a pinned or a last good one."""
    settings = read_settings(env_file, reading=dry_run)

    async def work() -> None:
        async with opened(settings, reading=dry_run) as inventory:
            decisions = await inventory.housekeeping.plan_prune() if dry_run else await inventory.housekeeping.prune()
        told = [
            output.fields_of(one) | {"why": retention_words(one.why), "why_code": one.why.code} for one in decisions
        ]
        output.print_result(told, json=json, printed=lambda: _print_decisions(decisions, dry_run=dry_run))

    asyncio.run(work())


def _print_decisions(decisions: Sequence[Decision], *, dry_run: bool) -> None:
    if not decisions:
        output.say("Nothing to delete." if not dry_run else "No archives on the disk.")
        return

    def row(decision: Decision) -> tuple[output.Part, ...]:
        verb = "keep" if decision.keep else "would delete" if dry_run else "deleted"
        style = "green" if decision.keep else "yellow"
        return output.Styled(style, verb), decision.backup.archive_name, retention_words(decision.why)

    output.print_table(("", "archive", "why"), map(row, decisions))
