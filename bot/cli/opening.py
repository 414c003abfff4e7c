"""Opens what commands work with: the courier, or what a restore needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.app.service import open_courier
from bot.cli import output
from bot.clock import utc_now
from bot.config.settings import Settings
from bot.services.backup.startup import open_store
from bot.services.manager import Courier
from bot.services.restore.context import RestoreContext
from bot.services.restore.targets import Configured
from bot.services.snapshot.databases import find_databases


@asynccontextmanager
async def opened(
    settings: Settings, *, deliver: bool = False, reading: bool = False, say: bool = True
) -> AsyncIterator[Courier]:
    """Build the manager for one command; with `say`, what a restore that was cut off has left is printed first."""
    if reading and not settings.backup_dir.is_dir():
        output.warn(f"There is no folder {settings.backup_dir} (BACKUP_DIR).")
    async with open_courier(settings, deliver=deliver, reading=reading) as courier:
        for sentence in await courier.manager.cut_off_restores() if say else ():
            output.warn(sentence)
        yield courier


@asynccontextmanager
async def open_for_restore(settings: Settings, *, reading: bool) -> AsyncIterator[tuple[RestoreContext, Configured]]:
    """Open the store and the catalogue for a restore; the live databases are those that are there now."""
    async with open_store(settings, reading=reading) as (store, catalogue):
        known = await catalogue.databases.known_names()
        context = RestoreContext.of(settings, store, catalogue, clock=utc_now)
        found = await asyncio.to_thread(find_databases, settings.databases, known, own=context.own)
        yield context, Configured(found=found, patterns=settings.databases, known=known)
