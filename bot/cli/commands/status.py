"""The `status` command: the service's state, for people and for scripts."""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

import typer

from bot.cli import output
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.models import Condition, Status
from bot.services.status.verdict import condition_of
from bot.texts import status as status_texts
from bot.texts.markup import plain

EXAMPLES = ("sqlite-courier status", "sqlite-courier status --json")


def command(env_file: EnvFile = DEFAULT_ENV, json: Json = False) -> None:
    """Show the service's state. Exit code 0: all is well, as its first line says; 1: look at it."""
    settings = read_settings(env_file, reading=True)

    async def work() -> bool:
        async with opened(settings, reading=True, say=json) as inventory:  # or else its screen says it
            status = await inventory.status()
        output.print_result(status, json=json, printed=lambda: print_status(status, settings.timezone))
        return condition_of(status) is Condition.GOOD

    if not asyncio.run(work()):
        raise typer.Exit(1)


def print_status(status: Status, timezone: ZoneInfo) -> None:
    """Print the same screen as the chat's Backup Status."""
    output.tell(plain(status_texts.status(status, timezone)))
