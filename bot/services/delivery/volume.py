"""Sends a volume that goes to one recipient alone, beside those that chats share."""

from __future__ import annotations

from typing import Protocol

from bot.models import Volume
from bot.services.contracts.destination import ArchiveDestination, Sent
from bot.services.delivery.upload import Request


class OutgoingVolume(Protocol):
    """A volume and the way it goes: shared by many, or to one."""

    volume: Volume

    async def send(self, request: Request) -> Sent:
        """Return when the recipient has the volume; raises the `Outcome` that stands in its way."""
        ...

    async def available(self) -> bool:
        """Whether the volume can be sent without its bytes."""
        ...


class UnsharedVolume:
    """Sends the bytes of a volume each time: nothing of it can be shared."""

    def __init__(self, destination: ArchiveDestination, volume: Volume) -> None:
        self.volume = volume
        self._destination = destination

    async def send(self, request: Request) -> Sent:
        """Return when the recipient has the volume; raises the `Outcome` that stands in its way."""
        sent = 0

        def moved(count: int) -> None:
            nonlocal sent
            sent += count
            request.uploaded(sent)

        return await self._destination.send_volume(
            request.recipient,
            self.volume,
            caption=request.caption,
            file_id=None,
            silent=request.silent,
            on_bytes=moved,
        )

    async def available(self) -> bool:
        """A volume that nobody shares has to be read."""
        return False
