"""Keeps the databases that an admin has ticked for a restore, until the plan is made."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from bot.errors import RestoreRefusedError
from bot.models import Backup
from bot.services.restore_chat.offers import Offer

_MOST = 64


@dataclass(slots=True, kw_only=True, eq=False)
class RestoreChoice:
    """A backup of the catalogue or an offer, and what is ticked in it. Without `names`, all of it is meant."""

    id: str
    source: str
    admin_id: int
    label: str
    names: tuple[str, ...]
    chosen: set[int]
    backup: Backup | None = None
    offer: Offer | None = None

    @property
    def only(self) -> tuple[str, ...]:
        """The names that are wanted; () where all of them are."""
        if len(self.chosen) == len(self.names):
            return ()
        return tuple(self.names[number] for number in sorted(self.chosen))


class RestoreChoices:
    """The choices being made; the oldest go when there are many."""

    def __init__(self) -> None:
        self._choices: OrderedDict[str, RestoreChoice] = OrderedDict()

    def begin(
        self,
        source: str,
        admin_id: int,
        *,
        label: str,
        names: tuple[str, ...],
        backup: Backup | None = None,
        offer: Offer | None = None,
    ) -> RestoreChoice:
        """Begin with everything ticked."""
        choice = RestoreChoice(
            id=f"c{secrets.token_hex(5)}",
            source=source,
            admin_id=admin_id,
            label=label,
            names=names,
            chosen=set(range(len(names))),
            backup=backup,
            offer=offer,
        )
        self._choices[choice.id] = choice
        while len(self._choices) > _MOST:
            self._choices.popitem(last=False)
        return choice

    def get(self, choice_id: str, admin_id: int) -> RestoreChoice:
        """Return the choice an admin makes. Raises `RestoreRefusedError`."""
        choice = self._choices.get(choice_id)
        if choice is None:
            raise RestoreRefusedError(
                "What you were choosing is not known any more: the bot was restarted since. Nothing was changed.",
                hint="Open the backup in History, and press Restore again.",
            )
        if choice.admin_id != admin_id:
            raise RestoreRefusedError(
                "Another admin is choosing here.", hint="Open the backup in History, and press Restore."
            )
        self._choices.move_to_end(choice_id)
        return choice
