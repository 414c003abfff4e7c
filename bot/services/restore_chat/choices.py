"""Holds what an admin has ticked for a restore, until the plan is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.models import Backup


@dataclass(slots=True, kw_only=True, eq=False)
class RestoreChoice:
    """A backup of the catalogue or an offer, and what is ticked in it. Without `names`, all of it is meant.

    `known` is the backup that the catalogue knows an offer to be. What is ticked at first is `first`, where that is one
    of the names, else everything.
    """

    id: str = ""
    label: str
    names: tuple[str, ...]
    backup: Backup | None = None
    offer_id: str = ""
    known: Backup | None = None
    first: str = ""
    chosen: set[int] = field(init=False)

    def __post_init__(self) -> None:
        only = {number for number, name in enumerate(self.names) if name == self.first}
        self.chosen = only or set(range(len(self.names)))

    @property
    def taken_at(self) -> datetime | None:
        """When the backup was begun, also one that was sent; None where the catalogue does not know it."""
        backup = self.backup or self.known
        return backup.started_at if backup is not None else None

    @property
    def only(self) -> tuple[str, ...]:
        """The names that are wanted; () where all of them are."""
        if len(self.chosen) == len(self.names):
            return ()
        return tuple(self.names[number] for number in sorted(self.chosen))

    def tick(self, number: int) -> None:
        """Take one database in, or out."""
        if number < len(self.names):
            self.chosen ^= {number}

    def tick_all(self) -> None:
        """Take all databases in, or all out where all are in."""
        every = set(range(len(self.names)))
        self.chosen = set() if self.chosen == every else every
