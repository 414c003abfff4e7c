"""Routes each recipient to its destination: Telegram, object store or mailbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bot.models import Reachability, Recipient, Volume
from bot.services.contracts.destination import Destination, Notice, Parked, Sent

NOT_SET_UP = "is not in the settings of this process"


class Router:
    """One destination to the ledger, several behind it; what one of them says is said of its own recipients only."""

    def __init__(self, telegram: Destination, places: Mapping[str, Destination]) -> None:
        """`places` are the destinations outside Telegram by the addresses of their recipients."""
        self._telegram, self._places = telegram, dict(places)

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> tuple[Volume, ...] | None:
        """As the recipient's own destination says."""
        if not recipient.is_chat and recipient.place not in self._places:
            return None
        return self._of(recipient).cut(recipient, archive, archive_bytes)

    async def send_volume(
        self,
        recipient: Recipient,
        volume: Volume,
        *,
        caption: str,
        file_id: str | None,
        silent: bool,
        on_bytes: Callable[[int], None],
    ) -> Sent:
        """Send it where the recipient is."""
        return await self._of(recipient).send_volume(
            recipient, volume, caption=caption, file_id=file_id, silent=silent, on_bytes=on_bytes
        )

    async def send_notice(self, recipient: Recipient, notice: Notice) -> int:
        """Send it where the recipient is."""
        return await self._of(recipient).send_notice(recipient, notice)

    async def edit_notice(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        """Change it where the recipient is."""
        await self._of(recipient).edit_notice(recipient, message_id, notice)

    async def remove_notice(self, recipient: Recipient, message_id: int) -> None:
        """Take it back where the recipient is."""
        await self._of(recipient).remove_notice(recipient, message_id)

    async def check_reachable(self, recipient: Recipient) -> None:
        """Ask where the recipient is."""
        await self._of(recipient).check_reachable(recipient)

    async def probe(self, recipient: Recipient) -> Reachability:
        """Ask where the recipient is."""
        if not recipient.is_chat and recipient.place not in self._places:
            return Reachability(recipient=recipient, name="", trouble=NOT_SET_UP)
        return await self._of(recipient).probe(recipient)

    async def round_trip(self) -> float:
        """Seconds to Telegram and back: the dashboard lives there."""
        return await self._telegram.round_trip()

    def _of(self, recipient: Recipient) -> Destination:
        if recipient.is_chat:
            return self._telegram
        try:
            return self._places[recipient.place]
        except KeyError:
            raise Parked(NOT_SET_UP) from None
