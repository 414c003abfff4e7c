"""Finds the databases that a run would back up now, by the settings and by what the catalogue knows of them."""

from __future__ import annotations

import asyncio
from functools import partial

from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.services.catalogue import Catalogue
from bot.services.snapshot.databases import Discovery, find_databases


async def discover(settings: Settings, catalogue: Catalogue) -> Discovery:
    """Return every database that DATABASES names, and those that are missing."""
    known = await catalogue.databases.known_names()
    expected, let_go = await catalogue.databases.expected_paths(), await catalogue.databases.let_go_paths()
    named = await catalogue.databases.let_go_paths(named=True)
    own = own_folders(settings)
    find = partial(find_databases, own=own, expected=expected, let_go=let_go, let_go_named=named)
    return await asyncio.to_thread(find, settings.databases, known)
