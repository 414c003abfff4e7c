"""Holds what every upload works with: the chats, the store, who may restore, and the bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.clock import Clock
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Chats
from bot.services.fetch.recognition import CLOUD_LIMIT
from bot.services.files.store import Store
from bot.services.restore.sources import RestoreSource
from bot.services.restore.volumes import MAX_VOLUMES
from bot.services.sealing.keys import NO_KEYS, Keys


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
    """What every upload works with.

    `limit` is the size that a bot can download, None without one. Without `keys` nothing called sealed is fetched.
    `kept_for` are the seconds that an upload is kept after it was last touched, `most_files` and `most_bytes` what one
    may have together.
    """

    chats: Chats
    store: Store
    catalogue: Catalogue
    restores: RestoreOffers
    clock: Clock
    limit: int | None = CLOUD_LIMIT
    keys: Keys = NO_KEYS
    delay: float = 2.0
    kept_for: float = 30 * 60.0
    most_files: int = MAX_VOLUMES
    most_bytes: int = 8 << 30
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one archive is checked at a time, whoever sent it
