"""The `restore` command: shows the plan, asks, restores, and reports the result."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from bot.cli import output
from bot.cli.identity import Identity, asking, keys_of
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.cli.restore_opening import open_for_restore
from bot.cli.restore_output import print_nothing_to_do, print_plan, print_restored
from bot.cli.sources import Wanted, open_source
from bot.errors import RestoreRefusedError
from bot.models import Actor, RestoreMethod, RestorePlan
from bot.services.concurrency.abort import Abort
from bot.services.restore.context import Prepared
from bot.services.restore.cut_off import cut_off_restores
from bot.services.restore.restorer import Restorer
from bot.services.restore.sources import parse_instant
from bot.services.restore.unannounced import report_by_hand
from bot.services.retention.inventory import ahead_warning
from bot.services.sealing.keys import Keys
from bot.words.warnings import warning_words

_HOW_ON = "This is the plan; nothing was changed."
_WHERE_TO = "To carry it out, give --in-place (into the live databases) or --to DIR (beside them)."

EXAMPLES = (
    "sqlite-courier restore latest --in-place --dry-run",
    "sqlite-courier restore latest --in-place --only users.db",
    'sqlite-courier restore --at "2026-07-13 05:00" --to restored',
    "sqlite-courier restore 12 --from-telegram --to restored",
    "sqlite-courier restore --undo",
)


def command(  # noqa: PLR0917 - typer reads the options from the signature
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHICH", help="latest, an id, an archive's name; an archive file, or all its volumes in any order."
        ),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="TIME", help='The newest proven backup of that time or before, like "2026-07-13 05:00".'
        ),
    ] = "",
    from_telegram: Annotated[
        bool, typer.Option("--from-telegram", help="Fetch the backup from the chat instead of the disk.")
    ] = False,
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Restore into this folder.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Restore into the configured live databases, running or not.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this database; repeatable.")
    ] = None,
    from_store: Annotated[
        str,
        typer.Option(
            "--from-store",
            metavar="URL",
            help="From this object store: a URL, or the beginning of one in OBJECT_STORES.",
        ),
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Bring back what the last restore in place replaced.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Set existing files in the folder aside; replace even what a program may use."),
    ] = False,
    identity: Identity = None,
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Give databases back: show what would change, ask, restore, check the result; on any failure all goes back.

    What is there before is copied first, as a backup that is kept for 30 days; `--undo` brings it back.
    """
    named = [bool(what), bool(at), undo].count(True)
    if from_store and (what or undo or from_telegram):
        raise typer.BadParameter("--from-store gives its newest archive, or that of --at; name nothing else.")
    if named > 1:
        raise typer.BadParameter("Give one of: what to restore, --at, --undo.")
    if undo and from_telegram:
        raise typer.BadParameter("--undo takes the safety copy on the disk, not --from-telegram.")
    if to is not None and (in_place or undo):
        raise typer.BadParameter("Give either --to DIR or --in-place.")
    in_place = in_place or undo
    dry_run = dry_run or (to is None and not in_place)
    reading = dry_run or not in_place
    settings = read_settings(env_file, reading=reading)
    wanted = Wanted(
        which=what or (), at=parse_instant(at, settings.timezone) if at else None, only=only or (),
        from_telegram=from_telegram, from_store=from_store,
    )  # fmt: skip

    async def work() -> None:
        abort = Abort()
        async with open_for_restore(settings, reading=reading) as (context, configured), AsyncExitStack() as stack:
            for line in await asyncio.to_thread(cut_off_restores, context.store, context.clock(), settings.timezone):
                output.warn(line)
            source = None
            if not undo:
                source = await stack.enter_async_context(
                    open_source(wanted, settings, context, abort=abort, quiet=json)
                )
                for other in source.ahead:
                    ahead = warning_words(ahead_warning(other), settings.timezone)
                    output.warn(f"{ahead} Name it by its id to take it.")

            async def prepare(keys: Keys) -> tuple[Restorer, Prepared]:
                restorer = Restorer(replace(context, keys=keys), configured)
                with output.progress(quiet=json) as report:
                    if source is None:
                        preparing = restorer.prepare_undo(abort=abort, report=report)
                    else:
                        preparing = restorer.prepare(
                            source, only=wanted.only, folder=to.absolute() if to else None, force=force, abort=abort,
                            report=report,
                        )  # fmt: skip
                    return restorer, await stack.enter_async_context(preparing)

            restorer, prepared = await asking(prepare, keys_of(settings, identity or ()), ask=not json)
            plan = prepared.plan
            if dry_run:
                _show_plan(plan, settings.timezone, in_place=in_place, json=json)
                return
            if not await _agreed(plan, settings.timezone, ask=in_place and not yes, json=json):
                return
            with output.progress(quiet=json) as report:
                result = await restorer.restore(prepared, requested_by=Actor.COMMAND_LINE, abort=abort, report=report)
            if plan.folder is None:
                await report_by_hand(context.catalogue, plan, result)
            output.print_result(result, json=json, printed=lambda: print_restored(result, settings.timezone))

    asyncio.run(work())


def _show_plan(plan: RestorePlan, timezone: ZoneInfo, *, in_place: bool, json: bool) -> None:
    """Print what would be done, and how to do it."""
    if json:
        output.print_json(plan)
        return
    print_plan(plan, timezone)
    if hint := _may_force(plan):
        output.say(hint)
    if not plan.all_obstacles:
        output.say(_HOW_ON if plan.folder or in_place else f"{_HOW_ON} {_WHERE_TO}")


def _may_force(plan: RestorePlan) -> str:
    """Return how files that stand in the way in a folder can make room; empty where none do."""
    replaced = plan.folder and any(one.obstacles and one.method is RestoreMethod.REPLACE for one in plan.changes)
    return "--force sets existing files in the folder aside." if replaced else ""


async def _agreed(plan: RestorePlan, timezone: ZoneInfo, *, ask: bool, json: bool) -> bool:
    """Print the plan and, with `ask`, have it confirmed. Raises `RestoreRefusedError` where it can't be carried out."""
    if ask and not json and not plan.all_obstacles and all(change.same for change in plan.changes):
        print_nothing_to_do(plan, timezone)
        return False
    if not json:
        print_plan(plan, timezone, obstacles=False)
    if plan.all_obstacles:
        raise RestoreRefusedError(
            "\n".join(plan.all_obstacles), hint=f"Nothing was changed. {_may_force(plan)}".strip()
        )
    if not ask:
        return True
    if json or not sys.stdin.isatty():
        raise RestoreRefusedError(
            "A restore into live databases has to be confirmed.", hint="Give --yes; look at --dry-run first."
        )
    question = f"Replace {', '.join(change.name for change in plan.changes)} now?"
    if await asyncio.to_thread(typer.confirm, question, default=False):
        return True
    output.say("Nothing was changed.")
    return False
