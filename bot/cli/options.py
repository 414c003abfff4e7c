"""Defines the options that commands share, and loads the settings for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.config.faults import absence
from bot.config.settings import Settings, load_settings
from bot.journal import writer
from bot.services.files.store import can_write

EnvFile = Annotated[
    Path, typer.Option("--env-file", metavar="FILE", help="The file with the settings.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Which = Annotated[
    str, typer.Argument(metavar="WHICH", help="latest, an id, an archive name or the beginning of its time.")
]
DEFAULT_ENV = Path(".env")


def read_settings(
    env_file: Path,
    *,
    need_telegram: bool = False,
    need_databases: bool = False,
    console: bool = False,
    reading: bool = False,
) -> Settings:
    """Load the settings and open the journal; the command line's own words go to standard output, logs to files.

    A command that only reads (`reading`) creates no folder for them; one that needs no databases, and so is content
    without settings, says where it found none.
    """
    settings = load_settings(env_file, need_telegram=need_telegram, need_databases=need_databases)
    log_dir = settings.log_dir if not reading or can_write(settings.log_dir) else None
    writer.setup_journal(log_dir, settings.log_level, console=console)
    if not need_databases and not env_file.exists() and "BACKUP_DIR" not in settings.given.texts:
        output.warn(absence(env_file))
        absent = "" if settings.backup_dir.is_dir() else ", which is not there"
        output.warn(f"BACKUP_DIR is {settings.backup_dir}{absent}.")
    return settings
