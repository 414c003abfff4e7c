"""Stores the message preferences of admins."""

from __future__ import annotations

import json

from bot.models import MessageChoice, MessageMode, QuietHours
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_text_or_none, as_time_or_none


class PreferenceTable(CatalogueTable):
    """The rows of preferences."""

    @reading
    async def choice(self, admin_id: int) -> MessageChoice:
        """Return what an admin chose; the default where nothing was."""
        row = await self._db.row("SELECT * FROM preferences WHERE admin_id = ?", (admin_id,))
        if row is None:
            return MessageChoice()
        quiet = None
        if row["quiet_start"] is not None:
            quiet = QuietHours(start=row["quiet_start"], end=row["quiet_end"], alarms=bool(row["quiet_alarms"]))
        return MessageChoice(
            mode=MessageMode(row["mode"]),
            quiet=quiet,
            databases=None if row["databases"] is None else frozenset(json.loads(row["databases"])),
            since=as_time_or_none(row["since"]),
        )

    @writing
    async def set_choice(self, admin_id: int, choice: MessageChoice) -> None:
        quiet, names = choice.quiet, choice.databases
        await self._db.execute(
            "INSERT OR REPLACE INTO preferences"
            " (admin_id, mode, since, quiet_start, quiet_end, quiet_alarms, databases) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                admin_id,
                str(choice.mode),
                as_text_or_none(choice.since),
                quiet.start if quiet else None,
                quiet.end if quiet else None,
                int(quiet.alarms) if quiet else 0,
                None if names is None else json.dumps(sorted(names), ensure_ascii=False),
            ),
        )
