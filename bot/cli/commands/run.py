"""The `run` command: the service, until it is ended."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bot.app.program import run_with_program, split_command
from bot.app.service import run_service
from bot.cli import output
from bot.cli.bring_back import bring_back_missing
from bot.cli.options import DEFAULT_ENV, EnvFile, read_settings

EXAMPLES = (
    "sqlite-courier run",
    "sqlite-courier run --env-file /srv/app/.env",
    'sqlite-courier run --restore-if-missing --exec "python bot.py"',
)


def command(
    env_file: EnvFile = DEFAULT_ENV,
    restore_if_missing: Annotated[
        bool,
        typer.Option(
            "--restore-if-missing", help="First bring missing databases back from the disk, a store or the chat."
        ),
    ] = False,
    program: Annotated[
        str, typer.Option("--exec", help='Run this program under it, such as "python bot.py"; back up when it ends.')
    ] = "",
) -> None:
    """Run the bot: hourly backups, delivery and the dashboard, until Ctrl-C or SIGTERM, or until the program ends."""
    settings = read_settings(env_file, need_telegram=True, need_databases=True, console=True)
    words = split_command(program) if program else []
    for warning in settings.warnings:
        output.warn(warning)

    async def work() -> int:
        if restore_if_missing:
            await bring_back_missing(settings)
        if words:
            return await run_with_program(settings, words)
        await run_service(settings)
        return 0

    raise typer.Exit(asyncio.run(work()))
