"""Keeps plans that await confirmation: each for one admin and one message, for two minutes, used once."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.clock import Clock
from bot.errors import RestoreRefusedError
from bot.services.restore.context import Prepared
from bot.services.restore.restorer import Restorer
from bot.services.restore_chat.offers import Offer

VALID = timedelta(minutes=2)
"""How long a plan can be confirmed once it is shown: what it tells of a live database does not stay true."""

MOST = 3
"""Plans at once: each keeps whole copies of databases in a private folder. One more lets the oldest go."""

_REMEMBERED = 256

Place = tuple[int, int]
"""A message: its chat, and its id there."""


class StaleReason(StrEnum):
    """Why a press on a plan does nothing."""

    EXPIRED = "expired"
    USED = "used"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"
    OTHERS = "another's"
    ELSEWHERE = "elsewhere"


_SENTENCES = {
    StaleReason.EXPIRED: (
        "That plan could be confirmed for two minutes, and they are over. Nothing was changed by this press."
    ),
    StaleReason.USED: "That plan has been confirmed already: it is carried out once, and not a second time.",
    StaleReason.CANCELLED: "That plan was put aside. Nothing was changed.",
    StaleReason.REPLACED: "A newer plan has taken the place of that one. Nothing was changed by this press.",
    StaleReason.OUTDATED: "Another restore has taken place since that plan was made. Nothing was changed.",
    StaleReason.UNKNOWN: "That plan is not known any more: the bot was restarted since. Nothing was changed.",
    StaleReason.OTHERS: "That plan was made for another admin. Open the backup and make a plan of your own.",
    StaleReason.ELSEWHERE: "That plan belongs to another message; only there can it be confirmed.",
}


class WrongPressError(RestoreRefusedError):
    """A press on a plan that does nothing; `why` tells which one, `choice_id` leads to a new plan where it can."""

    def __init__(self, why: StaleReason, *, choice_id: str = "") -> None:
        super().__init__(_SENTENCES[why])
        self.why = why
        self.choice_id = choice_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """The admin who asks: `name` as people and the record know them."""

    admin_id: int
    name: str


@dataclass(slots=True, kw_only=True, eq=False)
class ConfirmablePlan:
    """A plan with all that is needed to act on it; `room` closes its private folder."""

    id: str
    prepared: Prepared
    restorer: Restorer
    asker: Requester
    choice_id: str
    expires_at: datetime
    room: AsyncExitStack
    offer: Offer | None = None
    place: Place | None = None

    async def close(self) -> None:
        """Remove the private copies."""
        if self.offer is not None:
            self.offer.readers -= 1
            self.offer = None
        await self.room.aclose()


class PendingPlans:
    """The plans that can be confirmed now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: OrderedDict[str, ConfirmablePlan] = OrderedDict()
        self._gone: OrderedDict[str, tuple[StaleReason, str]] = OrderedDict()

    async def hold(
        self,
        prepared: Prepared,
        restorer: Restorer,
        *,
        asker: Requester,
        choice_id: str,
        room: AsyncExitStack,
        offer: Offer | None,
    ) -> ConfirmablePlan:
        """Keep a plan, in the place of the one this admin had before."""
        held = ConfirmablePlan(
            id=f"p{secrets.token_hex(5)}",
            prepared=prepared,
            restorer=restorer,
            asker=asker,
            choice_id=choice_id,
            expires_at=self._clock() + VALID,
            room=room,
            offer=offer,
        )
        if offer is not None:
            offer.readers += 1
        former = [other for other in self._held.values() if other.asker.admin_id == asker.admin_id]
        others = [other for other in self._held.values() if other not in former]
        self._held[held.id] = held
        for other in (*former, *others[: max(0, len(others) + 1 - MOST)]):
            await self.drop(other, StaleReason.REPLACED)
        return held

    def shown(self, held: ConfirmablePlan, place: Place) -> None:
        """Bind a plan to the message in which it is shown; its time begins when it is bound first."""
        if held.place is None:
            held.expires_at = self._clock() + VALID
        held.place = place

    def look(self, plan_id: str, asker: Requester, place: Place) -> ConfirmablePlan:
        """Return the plan that an admin presses on. Raises `WrongPressError`."""
        held = self._held.get(plan_id)
        if held is None:
            why, choice_id = self._gone.get(plan_id, (StaleReason.UNKNOWN, ""))
            raise WrongPressError(why, choice_id=choice_id)
        if held.asker.admin_id != asker.admin_id:
            raise WrongPressError(StaleReason.OTHERS)
        if held.place != place:
            raise WrongPressError(StaleReason.ELSEWHERE)
        if self._clock() >= held.expires_at:
            raise WrongPressError(StaleReason.EXPIRED, choice_id=held.choice_id)
        return held

    def take(self, held: ConfirmablePlan) -> None:
        """Give a plan out to be carried out: from now on, whoever presses learns that it was used."""
        self._held.pop(held.id, None)
        self._remember(held, StaleReason.USED)

    async def drop(self, held: ConfirmablePlan, why: StaleReason) -> None:
        """Let a plan go, and its copies with it."""
        if self._held.pop(held.id, None) is not None:
            self._remember(held, why)
            await held.close()

    async def drop_all(self, why: StaleReason) -> None:
        """Let every plan go."""
        for held in tuple(self._held.values()):
            await self.drop(held, why)

    async def sweep(self) -> None:
        """Let go what can't be confirmed any more."""
        for held in tuple(self._held.values()):
            if self._clock() >= held.expires_at:
                await self.drop(held, StaleReason.EXPIRED)

    def _remember(self, held: ConfirmablePlan, why: StaleReason) -> None:
        self._gone[held.id] = (why, held.choice_id)
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)
