"""The options that commands share, and the settings that every command begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot import journal
from bot.config import Settings, load_settings

EnvFile = Annotated[Path, typer.Option("--env-file", help="The file with the settings.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DEFAULT_ENV = Path(".env")


def read_settings(
    env_file: Path, *, need_telegram: bool = False, need_databases: bool = False, console: bool = False
) -> Settings:
    """Load the settings and open the journal; the command line's own words go to standard output, logs to files."""
    settings = load_settings(env_file, need_telegram=need_telegram, need_databases=need_databases)
    journal.setup_journal(settings.log_dir, settings.log_level, console=console)
    return settings
