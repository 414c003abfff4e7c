"""Holds what every upload works with: the chats, the store, who may restore, and the bounds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.clock import Clock
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Chats
from bot.services.fetch.recognition import CLOUD_LIMIT
from bot.services.files.store import Store
from bot.services.restore.volumes import MAX_VOLUMES
from bot.services.restore_chat.offers import Offers
from bot.services.sealing.keys import NO_KEYS, Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxContext:
    """What every upload works with.

    `limit` is the size that a bot can download, None without one. Without `keys` nothing called sealed is fetched.
    `most_files` and `most_bytes` are what an upload may have together.
    """

    chats: Chats
    store: Store
    catalogue: Catalogue
    offers: Offers
    clock: Clock
    limit: int | None = CLOUD_LIMIT
    keys: Keys = NO_KEYS
    delay: float = 2.0
    most_files: int = MAX_VOLUMES
    most_bytes: int = 8 << 30
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one archive is checked at a time, whoever sent it
