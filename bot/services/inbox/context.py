"""Holds what every upload works with: the chats, the store, who may restore, and the bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.clock import Clock
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Chats
from bot.services.files.store import Store
from bot.services.inbox.reading import TakeIn
from bot.services.inbox.unseal import Unseal
from bot.services.restore.sources import RestoreSource


class RestoreOffers(Protocol):
    """Takes offers of archives, each under an id by which a restore is begun."""

    def offer(
        self,
        origin: RestoreSource,
        *,
        admin_id: int,
        label: str,
        names: Sequence[str],
        release: Callable[[], Awaitable[object]],
    ) -> str:
        """Return the id; `release` is awaited once, when the archive is no longer needed for a restore."""
        ...

    def holds(self, offer_id: str) -> bool:
        """Tell whether it is still needed."""
        ...

    def withdraw(self, offer_id: str) -> None:
        """Take the offer back, because the archive goes; nothing happens when there is none any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxContext:
    """What every upload works with. `limit` is the size that a bot can download, None without one."""

    chats: Chats
    store: Store
    catalogue: Catalogue
    clock: Clock
    limit: int | None
    unseal: Unseal
    take_in: TakeIn
    restores: RestoreOffers | None
    delay: float
    kept_for: float
    most_files: int
    most_bytes: int
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one archive is checked at a time, whoever sent it
