"""Keeps what somebody may ask for later: by a short id, with an owner, until its time is over, and a bounded number."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bot.clock import Clock

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Ticket(Generic[T]):
    """A value that waits. While `uses` is above zero it does not end, however late it is."""

    id: Hashable
    value: T
    owner: int
    since: datetime
    uses: int = 0


class Tickets(Generic[T]):
    """Values by id, oldest first; one more than `most` lets the oldest go, `sweep` lets go what is late.

    Ids are short enough for callback data, and never guessed or reused.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        most: int,
        valid: timedelta | None = None,
        prefix: str = "",
        let_go: Callable[[T], object] = lambda _: None,
    ) -> None:
        """Without `valid` nothing is ever late. `let_go` is called with what ends before it is taken."""
        self._clock, self._most, self._valid, self._prefix, self._let_go = clock, most, valid, prefix, let_go
        self._tickets: dict[Hashable, Ticket[T]] = {}

    def __iter__(self) -> Iterator[Ticket[T]]:
        return iter(tuple(self._tickets.values()))

    def issue(self, value: T, *, owner: int = 0, under: Hashable = None) -> str:
        """Keep a value; return its new id. With `under`, it takes the place of what has that id."""
        fresh = f"{self._prefix}{secrets.token_hex(5)}"
        ticket = Ticket(fresh if under is None else under, value, owner, self._clock())
        self.drop(ticket.id)
        self._tickets[ticket.id] = ticket
        for old in [old for old in self if not old.uses][: max(0, len(self._tickets) - self._most)]:
            self.drop(old.id)
        return fresh

    def find(self, key: Hashable, owner: int | None = None) -> Ticket[T] | None:
        """Return what has that id, a late one too; None where it is not that owner's."""
        ticket = self._tickets.get(key)
        return ticket if ticket is not None and owner in (None, ticket.owner) else None

    def is_late(self, ticket: Ticket[T]) -> bool:
        """Tell whether its time is over. A clock that was set back ends it too."""
        age = self._clock() - ticket.since
        return self._valid is not None and not ticket.uses and not timedelta() <= age < self._valid

    def renew(self, ticket: Ticket[T]) -> None:
        """Let its time begin anew, as the newest of all."""
        ticket.since = self._clock()
        self._tickets[ticket.id] = self._tickets.pop(ticket.id)

    def take(self, key: Hashable, owner: int | None = None) -> Ticket[T] | None:
        """Return what `find` returns, and keep it no longer."""
        ticket = self.find(key, owner)
        if ticket is not None:
            del self._tickets[key]
        return ticket

    def drop(self, key: Hashable) -> None:
        """Let it go; nothing happens where there is none."""
        if (ticket := self._tickets.pop(key, None)) is not None:
            self._let_go(ticket.value)

    def sweep(self) -> None:
        """Let go what is late."""
        for ticket in self:
            if self.is_late(ticket):
                self.drop(ticket.id)
