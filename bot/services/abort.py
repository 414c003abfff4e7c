"""A flag that stops work going on in threads; asyncio's cancellation can't reach them."""

from __future__ import annotations

from threading import Event

from bot.errors import AbortedError


class Abort:
    """Set once, from anywhere; the stages look at it between two pieces of work and raise `AbortedError`."""

    def __init__(self) -> None:
        self._event = Event()
        self._why = "the run was stopped"

    def set(self, why: str = "") -> None:
        """Ask everything that holds this flag to stop; `why` is the sentence that people will read."""
        self._why = why or self._why
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise `AbortedError` with the reason if the flag is set."""
        if self._event.is_set():
            raise AbortedError(self._why)
