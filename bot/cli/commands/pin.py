"""The `pin` command: one backup kept for good."""

from __future__ import annotations

from bot.cli.changing import change_backup, print_changed
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, Which
from bot.models import Actor

EXAMPLES = ("sqlite-courier pin latest", "sqlite-courier pin 12")


def command(which: Which, env_file: EnvFile = DEFAULT_ENV, json: Json = False) -> None:
    """Keep a backup for good: retention never deletes it."""
    changed = change_backup(which, env_file, lambda keeping, one: keeping.pin(one, True, actor=Actor.COMMAND_LINE))
    print_changed(changed, f"Backup {changed.id} is pinned: {changed.archive_name} stays.", json=json)
