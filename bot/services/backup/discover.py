"""Finds the databases that a run would back up now, by the settings and by what the catalogue knows of them."""

from __future__ import annotations

import asyncio

from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.services.catalogue import Catalogue
from bot.services.snapshot.databases import Discovery, find_databases


async def discover(settings: Settings, catalogue: Catalogue) -> Discovery:
    """Return every database that DATABASES names, and those that are missing."""
    known = await catalogue.databases.known_names()
    expected, let_go = await catalogue.databases.expected_paths(), await catalogue.databases.let_go_paths()
    own = own_folders(settings)
    return await asyncio.to_thread(find_databases, settings.databases, known, own=own, expected=expected, let_go=let_go)
