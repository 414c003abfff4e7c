"""The `list` command: the backups, newest first."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.backup_output import print_backups
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.models import Delivery
from bot.services.catalogue import Catalogue
from bot.texts.backups import names_of, not_delivered_to
from bot.texts.markup import plain
from bot.words.retention import retention_words

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
                {d.backup.id: retention_words(d.why) for d in await inventory.housekeeping.plan_prune()}
                if inventory.housekeeping.keep_rules.any
                else {}
            )
            owed = await _owed(inventory.catalogue)
        told = [output.fields_of(one) | ({"retention": why.get(one.id, "")} if why else {}) for one in backups]
        output.print_result(told, json=json, printed=lambda: print_backups(backups, settings, why, owed))

    asyncio.run(work())


async def _owed(catalogue: Catalogue) -> dict[int, str]:
    """Return, by backup, whom it is not delivered to yet."""
    owed: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in await catalogue.deliveries.owed():
        owed[delivery.backup_id].append(delivery)
    whom = {delivery.recipient for deliveries in owed.values() for delivery in deliveries}
    names = names_of(await catalogue.recipients.statuses(whom))
    return {backup_id: plain(not_delivered_to(deliveries, names)) for backup_id, deliveries in owed.items()}
