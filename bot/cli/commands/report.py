"""The `report` command: one HTML file about the backups, to keep, send or print."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.charts.report import read_report, report
from bot.cli import output
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, read_settings
from bot.errors import SettingsError

Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write; one that is there is replaced.")
]

EXAMPLES = ("sqlite-courier report", "sqlite-courier report --out november.html")


def command(env_file: EnvFile = DEFAULT_ENV, out: Out = Path("report.html")) -> None:
    """Write a page about the backups: verdict, databases, pictures, test-restores, alarms, what is not covered."""
    settings = read_settings(env_file, reading=True)

    async def work() -> str:
        async with opened(settings, reading=True) as inventory:
            seen = await read_report(inventory.catalogue, settings, await inventory.status(), inventory.backup_days)
        return report(seen, settings.timezone)

    page = asyncio.run(work())
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            (f"{out} can't be written: {error.strerror or error}.",), hint="Name another file with --out."
        ) from error
    output.say(f"{out} is written: open it in a browser, or print it.")
