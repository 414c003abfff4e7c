"""Stores which admins' uploads are being kept, for a restart loses them."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_text, as_time


class InboxTable(CatalogueTable):
    """A row of meta."""

    @writing
    async def set_collecting(self, admin_ids: Collection[int]) -> None:
        """Remember whose files are being kept now."""
        noted = json.dumps({"at": as_text(self._db.clock()), "admins": sorted(set(admin_ids))})
        await self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('collecting', ?)", (noted,))

    @reading
    async def was_collecting(self) -> tuple[frozenset[int], datetime | None]:
        """Return whose files were being kept when that was last remembered, and when it was."""
        noted = await self._db.value("SELECT value FROM meta WHERE key = 'collecting'")
        if noted is None:
            return frozenset(), None
        found = json.loads(str(noted))
        return frozenset(found["admins"]), as_time(found["at"])
