"""The `unpin` command: a pinned backup given back to retention."""

from __future__ import annotations

from bot.cli.changing import change_backup, print_changed
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, Which
from bot.models import Actor

EXAMPLES = ("sqlite-courier unpin 12",)


def command(which: Which, env_file: EnvFile = DEFAULT_ENV, json: Json = False) -> None:
    """Give a pinned backup back to retention."""
    changed = change_backup(which, env_file, lambda keeping, one: keeping.pin(one, False, actor=Actor.COMMAND_LINE))
    print_changed(changed, f"Backup {changed.id} is not pinned: it goes as any other does.", json=json)
