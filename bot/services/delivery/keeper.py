"""Writes that are carried through even when whoever asked for them is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Keeper:
    """A confirmation from Telegram must reach the catalogue, or the volume would be sent a second time."""

    def __init__(self) -> None:
        self._writes: set[asyncio.Task[None]] = set()

    async def keep(self, write: Coroutine[Any, Any, None]) -> None:
        """Run the write to its end; a cancellation of the caller leaves it running. Raises what the write raises."""
        task = asyncio.ensure_future(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        await asyncio.shield(task)

    async def settled(self) -> None:
        """Return when no write is under way."""
        while self._writes:
            await asyncio.gather(*self._writes, return_exceptions=True)
