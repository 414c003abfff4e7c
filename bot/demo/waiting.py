"""Waits for conditions instead of for time: an event to set and a clock to move."""

import asyncio
import time
from collections.abc import Callable


class Changes:
    """Wakes everybody who waits for a condition; ringing needs no lock and never blocks."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Make every waiter look again."""
        rung, self._next = self._next, asyncio.Event()
        rung.set()

    async def until(self, condition: Callable[[], bool], *, within: float | None) -> bool:
        """Wait for the condition, at most `within` seconds (None: for ever); False when the time ran out."""
        try:
            async with asyncio.timeout(within):
                while not condition():
                    await self._next.wait()
        except TimeoutError:
            return condition()
        return True


class Clock:
    """The server's idea of now, in Unix seconds; tests move it, nobody has to wait."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Real time plus what was added."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Make it later by that much at once."""
        self._ahead += seconds
