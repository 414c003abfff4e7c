"""The `list` command: the backups, newest first."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.backup_output import print_backups
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings

EXAMPLES = ("sqlite-courier list", "sqlite-courier list --limit 10", "sqlite-courier list --all --json")


def command(
    env_file: EnvFile = DEFAULT_ENV,
    everything: Annotated[
        bool, typer.Option("--all", help="Also failed runs and archives no longer on the disk.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="NUMBER", min=1, help="At most so many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """List the backups, newest first."""
    settings = read_settings(env_file, reading=True)

    async def work() -> None:
        async with opened(settings, reading=True) as inventory:
            backups = await inventory.catalogue.backups.select(limit=limit, on_disk_only=not everything, gone_too=True)
            # Where only age and count decide, the same few words would stand in every row.
            why = (
                {d.backup.id: d.why for d in await inventory.housekeeping.plan_prune()}
                if inventory.housekeeping.keep_rules.any
                else {}
            )
        told = [output.fields_of(one) | ({"retention": why.get(one.id, "")} if why else {}) for one in backups]
        output.print_result(told, json=json, printed=lambda: print_backups(backups, settings.timezone, why))

    asyncio.run(work())
