"""Changes one backup for `note`, `pin` and `unpin`: found as a person names it, changed, printed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.cli import output
from bot.cli.opening import opened
from bot.cli.options import read_settings
from bot.models import Backup
from bot.services.retention.housekeeping import Housekeeping


def change_backup(which: str, env_file: Path, change: Callable[[Housekeeping, int], Awaitable[Backup]]) -> Backup:
    """Change one backup. Raises `NotFoundError` where there is none, or no archive to keep."""
    settings = read_settings(env_file)

    async def work() -> Backup:
        async with opened(settings) as inventory:
            return await change(inventory.housekeeping, (await inventory.catalogue.backups.find(which)).id)

    return asyncio.run(work())


def print_changed(changed: Backup, sentence: str, *, json: bool) -> None:
    output.print_result(changed, json=json, printed=lambda: output.say(sentence))
