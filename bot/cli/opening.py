"""Opens what commands work with that run nothing: what is stored and recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.app.inventory import open_inventory
from bot.cli import output
from bot.config.settings import Settings
from bot.services.restore.cut_off import CutOffRestores
from bot.services.status.inventory import Inventory


@asynccontextmanager
async def opened(settings: Settings, *, reading: bool = False, say: bool = True) -> AsyncIterator[Inventory]:
    """Open the inventory for one command; with `say`, what a restore that was cut off has left is printed first."""
    if reading and not settings.backup_dir.is_dir() and "BACKUP_DIR" in settings.given.texts:
        output.warn(f"There is no folder {settings.backup_dir} (BACKUP_DIR).")
    async with open_inventory(settings, reading=reading) as inventory:
        if say:
            await warn_of_cut_off(inventory.cut_off)
        yield inventory


async def warn_of_cut_off(restores: CutOffRestores) -> None:
    """Print what restores that were cut off have left."""
    for sentence in await restores.said():
        output.warn(sentence)
