"""Keeps offers of archives to restore from, in memory, each with an owner and an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.errors import RestoreRefusedError
from bot.services.concurrency.nursery import Nursery
from bot.services.concurrency.tickets import Ticket, Tickets
from bot.services.restore.sources import RestoreSource

VALID = timedelta(minutes=30)
"""How long an offer waits for its owner; each step of a restore from it begins this time anew."""

MOST = 8
"""Offers at once: each may hold files on the disk. One more lets the oldest go."""


async def nothing() -> None:
    """Release nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Archive files that one admin may restore from. `names` are the databases in them, () where nobody looked."""

    source: RestoreSource
    label: str
    names: tuple[str, ...]
    release: Callable[[], Awaitable[object]]


class Offers:
    """The offers there are. Each is released exactly once: when it ends, or when the service stops."""

    def __init__(self, clock: Clock) -> None:
        self._releasing = Nursery()
        self._tickets = Tickets[Offer](clock, most=MOST, valid=VALID, prefix="o", let_go=self._let_go)

    def offer(
        self,
        source: RestoreSource,
        *,
        admin_id: int,
        label: str,
        names: Sequence[str] = (),
        release: Callable[[], Awaitable[object]] = nothing,
    ) -> str:
        """Let an admin restore from files that were brought; return the short id of the offer.

        `label` says in plain words what it is, `names` which databases it holds. `release` is awaited once, when the
        restore from it is done, when nobody came for half an hour, or when the service stops.
        """
        return self._tickets.issue(
            Offer(source=source, label=label, names=tuple(names), release=release), owner=admin_id
        )

    def require(self, offer_id: str) -> Ticket[Offer]:
        """Return an offer, and begin its time anew. Raises `RestoreRefusedError` when there is none, or no more."""
        self.sweep()
        offer = self._tickets.find(offer_id)
        if offer is None:
            raise RestoreRefusedError("What was sent to me is no longer kept here.", hint="Send it once more.")
        self._tickets.renew(offer)
        return offer

    def use(self, offer_id: str, until: AsyncExitStack) -> RestoreSource:
        """Return what an offer leads to, and keep it until the exit stack ends. Raises as `require`."""
        offer = self.require(offer_id)
        offer.uses += 1
        until.callback(_end_use, offer)
        return offer.value.source

    def holds(self, offer_id: str) -> bool:
        """Tell whether an offer is still kept, be it that a plan is being made from it; its time goes on."""
        offer = self._tickets.find(offer_id)
        return offer is not None and not self._tickets.is_late(offer)

    def withdraw(self, offer_id: str) -> None:
        """Let an offer go, and its files with it, in the background; nothing happens where there is none."""
        self._tickets.drop(offer_id)

    def sweep(self) -> None:
        """Let go what nobody came for."""
        self._tickets.sweep()

    async def close(self) -> None:
        """Let everything go, and return when it is gone."""
        for offer in self._tickets:
            self._tickets.drop(offer.id)
        await self._releasing.over()

    def _let_go(self, offer: Offer) -> None:
        async def release() -> None:
            await offer.release()

        self._releasing.start(release(), failure="what was brought for a restore could not be let go")


def _end_use(offer: Ticket[Offer]) -> None:
    offer.uses -= 1
