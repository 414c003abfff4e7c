"""Records what is due in a process that sends nothing; the running service delivers it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.errors import CourierError
from bot.models import Backup, Delivery, Recipient
from bot.services.concurrency.abort import Abort
from bot.services.contracts.destination import NoticeButton
from bot.services.delivery.ledger import Ledger, Progress
from bot.services.delivery.notices import NoticeSender


class RecordingLedger(Ledger):
    """Leaves every delivery owed."""

    async def deliver(
        self,
        backup: Backup,
        *,
        to: Sequence[Recipient] | None = None,
        silent: bool = True,
        hushed: Iterable[Recipient] = (),
        progress: Progress = lambda _done, _total: None,
        abort: Abort | None = None,
        force: bool = False,
    ) -> tuple[Delivery, ...]:
        """Return what is owed as it stands. Raises `CourierError` with `force`: somebody waits for it to arrive."""
        if force:
            raise CourierError("This process does not talk to Telegram.", hint="Ask the running service.")
        return await self._catalogue.deliveries.of(backup.id)


class SilentNoticeSender(NoticeSender):
    """Tells nobody anything."""

    async def notify(
        self,
        html: str,
        *,
        loud: bool,
        to: Iterable[Recipient] | None = None,
        but: Recipient | None = None,
        buttons: tuple[NoticeButton, ...] = (),
    ) -> tuple[Recipient, ...]:
        """Reach nobody."""
        return ()
