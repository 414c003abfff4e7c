"""Restores asked for in the chat: what is offered, the plans held for their admins, and the restore under way."""

from __future__ import annotations

from collections.abc import Sequence

from bot.clock import Clock
from bot.services.restore.offers import Offers, Release, nothing
from bot.services.restore.sources import Origin


class Restores:
    """One restore at a time, from a plan that one admin saw and confirmed."""

    def __init__(self, *, clock: Clock) -> None:
        self._offers = Offers(clock)

    def offer(
        self, origin: Origin, *, admin_id: int, label: str, names: Sequence[str] = (), release: Release = nothing
    ) -> str:
        """Let an admin restore from files that were brought; return the short id of the offer.

        `label` says in plain words what it is, `names` which databases it holds. `release` is awaited once, when the
        restore from it is done, when nobody came for half an hour, or when the service stops.
        """
        return self._offers.add(origin, admin_id=admin_id, label=label, names=names, release=release)
