"""Opens what a restore works with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.clock import utc_now
from bot.config.settings import Settings
from bot.services.backup.startup import open_store
from bot.services.restore.context import RestoreContext
from bot.services.restore.targets import Configured
from bot.services.snapshot.databases import find_databases


@asynccontextmanager
async def open_for_restore(settings: Settings, *, reading: bool) -> AsyncIterator[tuple[RestoreContext, Configured]]:
    """Open the store and the catalogue for a restore; the live databases are those that are there now."""
    async with open_store(settings, reading=reading) as (store, catalogue):
        known = await catalogue.databases.known_names()
        context = RestoreContext.of(settings, store, catalogue, clock=utc_now)
        found = await asyncio.to_thread(find_databases, settings.databases, known, own=context.own)
        yield context, Configured(found=found, patterns=settings.databases, known=known)
