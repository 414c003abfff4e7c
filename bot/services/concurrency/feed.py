"""Shows the newest state of what is under way to whoever watches, and never makes it wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """Gives each watcher a queue that holds the newest state alone."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[T]] = set()

    def tell(self, newest: T) -> None:
        """Pass a state on; called on the event loop."""
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(newest)

    @asynccontextmanager
    async def watch(self, now: T | None) -> AsyncIterator[asyncio.Queue[T]]:
        """Watch for a block, from the state of now on, if there is one."""
        queue = asyncio.Queue[T](maxsize=1)
        if now is not None:
            queue.put_nowait(now)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
