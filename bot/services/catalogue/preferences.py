"""Stores the message preferences of admins."""

from __future__ import annotations

from bot.models import MessageChoice, QuietHours
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import columns_of, from_row


class PreferenceTable(CatalogueTable):
    """The rows of preferences."""

    @reading
    async def choice(self, admin_id: int) -> MessageChoice:
        """Return what an admin chose; the default where nothing was."""
        row = await self._db.row("SELECT * FROM preferences WHERE admin_id = ?", admin_id)
        if row is None:
            return MessageChoice()
        quiet = None
        if row["quiet_start"] is not None:
            quiet = QuietHours(start=row["quiet_start"], end=row["quiet_end"], alarms=bool(row["quiet_alarms"]))
        return from_row(MessageChoice, row, quiet=quiet)

    @writing
    async def set_choice(self, admin_id: int, choice: MessageChoice) -> None:
        quiet = choice.quiet
        await self._db.upsert(
            "preferences",
            "admin_id",
            admin_id=admin_id,
            quiet_start=quiet.start if quiet else None,
            quiet_end=quiet.end if quiet else None,
            quiet_alarms=quiet.alarms if quiet else False,
            **columns_of(choice, "quiet"),
        )
