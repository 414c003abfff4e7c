"""The `show` command: one backup, with all that is recorded of it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.backup_output import MOST, print_details
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, Which, read_settings
from bot.texts.backups import names_of

EXAMPLES = ("sqlite-courier show latest", "sqlite-courier show 12 --all")


def command(
    which: Which,
    env_file: EnvFile = DEFAULT_ENV,
    everything: Annotated[bool, typer.Option("--all", help="Also the databases past the first twenty.")] = False,
    json: Json = False,
) -> None:
    """Show one backup: databases, checks, rows, deliveries, and how long it is kept."""
    settings = read_settings(env_file, reading=True)
    most = None if everything else MOST

    async def work() -> None:
        async with opened(settings, reading=True) as inventory:
            found = await inventory.catalogue.backups.find(which)
            details = await inventory.details(found.id)
            names = names_of(await inventory.catalogue.recipients.statuses([d.recipient for d in details.deliveries]))
        output.print_result(details, json=json, printed=lambda: print_details(details, settings.timezone, names, most))

    asyncio.run(work())
