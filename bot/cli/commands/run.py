"""The `run` command: the service, until it is ended."""

from __future__ import annotations

import asyncio

from bot.app.service import run_service
from bot.cli import output
from bot.cli.options import DEFAULT_ENV, EnvFile, read_settings


def command(env_file: EnvFile = DEFAULT_ENV) -> None:
    """Run the bot: hourly backups, delivery and the dashboard, until Ctrl-C or SIGTERM."""
    settings = read_settings(env_file, need_telegram=True, need_databases=True, console=True)
    for warning in settings.warnings:
        output.warn(warning)
    asyncio.run(run_service(settings))
