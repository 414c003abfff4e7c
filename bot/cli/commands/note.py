"""The `note` command: a note on one backup."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli import output
from bot.cli.changing import change_backup, print_changed
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, Which
from bot.models import Actor

EXAMPLES = ('sqlite-courier note latest "before the update"', 'sqlite-courier note 12 ""')


def command(
    which: Which,
    text: Annotated[str, typer.Argument(metavar="TEXT", help='The note, in quotes; "" removes it.')],
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Write a note on a backup; it is shown in the list, in the history and on the backup's screen."""
    changed = change_backup(which, env_file, lambda keeping, one: keeping.note(one, text, actor=Actor.COMMAND_LINE))
    about = f"note on backup {changed.id}"
    print_changed(changed, f"The {about}: {changed.note}" if changed.note else f"No {about}.", json=json)
    if len(changed.note) < len(" ".join(text.split())):
        output.warn(f"it was cut to {len(changed.note)} characters of one line.")
