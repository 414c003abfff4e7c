"""Opens the store for commands, and reports first what a restore that was cut off has left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot.cli import output
from bot.config.settings import Settings

if TYPE_CHECKING:
    from bot.services.manager import Manager


@asynccontextmanager
async def opened(
    settings: Settings, *, deliver: bool = False, reading: bool = False, say: bool = True
) -> AsyncIterator[Manager]:
    """Build the manager for one command; with `say`, what was cut off is printed first."""
    from bot.app.service import open_manager  # noqa: PLC0415 - commands stay quick to start

    if reading and not settings.backup_dir.is_dir():
        output.warn(f"There is no folder {settings.backup_dir} (BACKUP_DIR).")
    async with open_manager(settings, deliver=deliver, reading=reading) as manager:
        for sentence in await manager.cut_off_restores() if say else ():
            output.warn(sentence)
        yield manager
