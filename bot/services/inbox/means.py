"""What every collection works with: the chats, the store, who restores, and the bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.clock import Clock
from bot.services.catalogue import Catalogue
from bot.services.inbox.unseal import Unseal
from bot.services.restore.sources import Origin
from bot.services.restore_points.chat import Chats
from bot.services.store import Store


class Offer(Protocol):
    """Makes an archive known to whoever restores; returns the id under which a restore of it is begun.

    `release` is awaited once, when it is no longer needed for that.
    """

    def __call__(
        self,
        origin: Origin,
        *,
        admin_id: int,
        label: str,
        names: Sequence[str],
        release: Callable[[], Awaitable[object]],
    ) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every collection works with. `limit` is the size that a bot can download, None without one."""

    chats: Chats
    store: Store
    catalogue: Catalogue
    clock: Clock
    limit: int | None
    unseal: Unseal
    offer: Offer | None
    delay: float
    kept_for: float
    most_files: int
    most_bytes: int
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one archive is checked at a time, whoever sent it
