"""Records what is due in a process that sends nothing; the running service delivers it."""

from __future__ import annotations

from bot.errors import CourierError
from bot.models import Backup, Delivery, Recipient
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender


class RecordingLedger(Ledger):
    """Leaves every delivery owed."""

    async def deliver(self, backup: Backup, *, force: bool = False, **_: object) -> tuple[Delivery, ...]:
        """Return what is owed as it stands. Raises `CourierError` with `force`: somebody waits for it to arrive."""
        if force:
            raise CourierError("This process does not talk to Telegram.", hint="Ask the running service.")
        return await self._catalogue.deliveries.of(backup.id)


class SilentNoticeSender(NoticeSender):
    """Tells nobody anything."""

    async def notify(self, html: str, **_: object) -> tuple[Recipient, ...]:
        """Reach nobody."""
        return ()
