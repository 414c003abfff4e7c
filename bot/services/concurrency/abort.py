"""A flag that stops work going on in threads; asyncio's cancellation can't reach them."""

from __future__ import annotations

from threading import Event

from bot.errors import AbortedError


class Abort:
    """Set once, from anywhere; the stages look at it between two pieces of work and raise `AbortedError`.

    A flag with a `parent` is also set when its parent is, so that a stage can stop its own helpers alone.
    """

    def __init__(self, parent: Abort | None = None) -> None:
        self._event = Event()
        self._parent = parent
        self._why = "The run was stopped."

    def set(self, why: str = "") -> None:
        """Ask everything that holds this flag to stop; `why` is the sentence that people will read."""
        self._why = why or self._why
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set() or (self._parent is not None and self._parent.is_set())

    def check(self) -> None:
        """Raise `AbortedError` with the reason if the flag is set."""
        if self._parent is not None:
            self._parent.check()
        if self._event.is_set():
            raise AbortedError(self._why)
