"""The `note`, `pin` and `unpin` commands: change what is recorded of one backup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import output
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings

if TYPE_CHECKING:
    from bot.models import Backup
    from bot.services.manager import Manager

BY = "the command line"
"""Who the record names."""

Which = Annotated[str, typer.Argument(help="latest, an id, an archive name or the beginning of its time.")]


def note(
    which: Which,
    text: Annotated[str, typer.Argument(help='The note, in quotes; "" removes it.')],
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Write a note on a backup; it is shown in the list, in the history and on the backup's screen."""

    def said(backup: Backup) -> str:
        return f"The note on backup {backup.id}: {backup.note}" if backup.note else f"No note on backup {backup.id}."

    changed = _change(which, env_file, lambda manager, backup_id: manager.note(backup_id, text, actor=BY))
    _say(changed, said, json=json)
    if len(changed.note) < len(" ".join(text.split())):
        output.warn(f"it was cut to {len(changed.note)} characters of one line.")


def pin(which: Which, env_file: EnvFile = DEFAULT_ENV, json: Json = False) -> None:
    """Keep a backup for good: retention never deletes it."""
    changed = _change(which, env_file, lambda manager, backup_id: manager.pin(backup_id, True, actor=BY))
    _say(changed, lambda backup: f"Backup {backup.id} is pinned: {backup.archive_name} stays.", json=json)


def unpin(which: Which, env_file: EnvFile = DEFAULT_ENV, json: Json = False) -> None:
    """Give a pinned backup back to retention."""
    changed = _change(which, env_file, lambda manager, backup_id: manager.pin(backup_id, False, actor=BY))
    _say(changed, lambda backup: f"Backup {backup.id} is not pinned: it goes as any other does.", json=json)


def _change(which: str, env_file: Path, change: Callable[[Manager, int], Awaitable[Backup]]) -> Backup:
    """Change one backup. Raises `NotFoundError` where there is none, or no archive to keep."""
    settings = read_settings(env_file)

    async def work() -> Backup:
        async with opened(settings) as manager:
            return await change(manager, (await manager.catalogue.find_backup(which)).id)

    return asyncio.run(work())


def _say(changed: Backup, said: Callable[[Backup], str], *, json: bool) -> None:
    if json:
        output.print_json(changed)
    else:
        output.say(said(changed))
