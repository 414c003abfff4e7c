"""Routes each recipient to its destination, or its channel for notices: Telegram, object store or mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from bot.models import OutcomeCode, Recipient
from bot.services.contracts.destination import Parked

Place = TypeVar("Place")


class Router(Generic[Place]):
    """Finds the destination, or the channel for notices, that serves a recipient."""

    def __init__(self, telegram: Place, places: Mapping[str, Place] = MappingProxyType({})) -> None:
        """`places` are those outside Telegram by the addresses of their recipients."""
        self.telegram = telegram
        self._places = dict(places)

    def find(self, recipient: Recipient) -> Place | None:
        """Return what serves the recipient; None where nothing is set up for it."""
        return self.telegram if recipient.is_chat else self._places.get(recipient.place)

    def of(self, recipient: Recipient) -> Place:
        """Return what serves the recipient; raises `Parked` where nothing is set up for it."""
        place = self.find(recipient)
        if place is None:
            raise Parked(OutcomeCode.NOT_SET_UP)
        return place
