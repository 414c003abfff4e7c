"""Keeps offers of archives to restore from, in memory, each with an owner and an end."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger

from bot.clock import Clock
from bot.errors import RestoreRefusedError
from bot.services.restore.sources import RestoreSource

Release = Callable[[], Awaitable[object]]

VALID = timedelta(minutes=30)
"""How long an offer waits for its owner; each step of a restore from it begins this time anew."""

MOST = 8
"""Offers at once: each may hold files on the disk. One more lets the oldest go."""


async def nothing() -> None:
    """Release nothing."""


@dataclass(slots=True, kw_only=True, eq=False)
class Offer:
    """Archive files that one admin may restore from. `names` are the databases in them, () where nobody looked."""

    id: str
    origin: RestoreSource
    admin_id: int
    label: str
    names: tuple[str, ...]
    release: Release
    expires_at: datetime
    readers: int = field(default=0)  # as long as there are any, it does not end


class Offers:
    """The offers there are. Each is released exactly once: when it ends, or when the service stops."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offers: OrderedDict[str, Offer] = OrderedDict()
        self._releasing: set[asyncio.Task[None]] = set()

    def add(self, origin: RestoreSource, *, admin_id: int, label: str, names: Sequence[str], release: Release) -> str:
        """Keep an offer; return its id."""
        offer = Offer(
            id=f"o{secrets.token_hex(5)}",
            origin=origin,
            admin_id=admin_id,
            label=label,
            names=tuple(names),
            release=release,
            expires_at=self._clock() + VALID,
        )
        self._offers[offer.id] = offer
        for old in [old for old in self._offers.values() if not old.readers][: max(0, len(self._offers) - MOST)]:
            self.end(old)
        return offer.id

    def require(self, offer_id: str) -> Offer:
        """Return an offer, and begin its time anew. Raises `RestoreRefusedError` when there is none, or no more."""
        self.sweep()
        offer = self._offers.get(offer_id)
        if offer is None:
            raise RestoreRefusedError("What was sent to me is no longer kept here.", hint="Send it once more.")
        offer.expires_at = self._clock() + VALID
        return offer

    def holds(self, offer_id: str) -> bool:
        """Tell whether an offer is still kept; its time goes on."""
        offer = self._offers.get(offer_id)
        return offer is not None and (bool(offer.readers) or self._clock() < offer.expires_at)

    def withdraw(self, offer_id: str) -> None:
        """Let an offer go before its time; nothing happens when there is none."""
        if (offer := self._offers.get(offer_id)) is not None:
            self.end(offer)

    def end(self, offer: Offer) -> None:
        """Let an offer go, and its files with it, in the background; nothing happens the second time."""
        if self._offers.pop(offer.id, None) is None:
            return
        task = asyncio.ensure_future(_release(offer))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    def sweep(self) -> None:
        """Let go what nobody came for."""
        now = self._clock()
        for offer in tuple(self._offers.values()):
            if now >= offer.expires_at and not offer.readers:
                self.end(offer)

    async def close(self) -> None:
        """Let everything go, and return when it is gone."""
        for offer in tuple(self._offers.values()):
            self.end(offer)
        if self._releasing:
            await asyncio.wait(self._releasing)


async def _release(offer: Offer) -> None:
    try:
        await offer.release()
    except Exception as error:  # its owner's affair; nobody else may suffer from it
        logger.warning("what was brought for a restore could not be let go: {}", type(error).__name__)
