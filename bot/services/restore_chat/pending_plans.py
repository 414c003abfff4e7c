"""Keeps plans that await confirmation: each for one admin and one message, for two minutes, used once."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.clock import Clock
from bot.errors import RestoreRefusedError
from bot.services.concurrency.tickets import Tickets
from bot.services.restore.context import Prepared
from bot.services.restore.restorer import Restorer

VALID = timedelta(minutes=2)
"""How long a plan can be confirmed once it is shown: what it tells of a live database does not stay true."""

MOST = 3
"""Plans at once: each keeps whole copies of databases in a private folder. One more lets the oldest go."""

_REMEMBERED = 256

MessageAddress = tuple[int, int]
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
    """A plan with all that is needed to act on it; `copies` removes its private folder.

    It can be pressed in the message it is `shown_in` alone. `choice_id` leads to a new plan, where there was a choice.
    """

    prepared: Prepared
    restorer: Restorer
    requester: Requester
    copies: AsyncExitStack
    choice_id: str = ""
    offer_id: str = ""
    id: str = field(init=False, default="")
    expires_at: datetime = field(init=False)
    shown_in: MessageAddress | None = field(init=False, default=None)


class PendingPlans:
    """The plans that can be confirmed now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tickets = Tickets[ConfirmablePlan](clock, most=MOST + 1, valid=VALID, prefix="p")
        self._gone = Tickets[tuple[StaleReason, str]](clock, most=_REMEMBERED)

    async def keep(self, pending: ConfirmablePlan) -> None:
        """Keep a plan, in the place of the one its admin had before, and give it its id."""
        waiting = [ticket.value for ticket in self._tickets]
        pending.id = self._tickets.issue(pending, owner=pending.requester.admin_id)
        pending.expires_at = self._clock() + VALID
        former = [other for other in waiting if other.requester.admin_id == pending.requester.admin_id]
        others = [other for other in waiting if other not in former]
        for other in (*former, *others[: max(0, len(others) + 1 - MOST)]):
            await self.drop(other, StaleReason.REPLACED)

    def shown(self, pending: ConfirmablePlan, message: MessageAddress) -> None:
        """Bind a plan to the message in which it is shown; its time begins when it is bound first."""
        ticket = self._tickets.find(pending.id)
        if pending.shown_in is None and ticket is not None:
            self._tickets.renew(ticket)
            pending.expires_at = self._clock() + VALID
        pending.shown_in = message

    def require(self, plan_id: str, requester: Requester, message: MessageAddress) -> ConfirmablePlan:
        """Return the plan that an admin presses on. Raises `WrongPressError`."""
        ticket = self._tickets.find(plan_id)
        if ticket is None:
            gone = self._gone.find(plan_id)
            why, choice_id = gone.value if gone is not None else (StaleReason.UNKNOWN, "")
            raise WrongPressError(why, choice_id=choice_id)
        pending = ticket.value
        if ticket.owner != requester.admin_id:
            raise WrongPressError(StaleReason.OTHERS)
        if pending.shown_in != message:
            raise WrongPressError(StaleReason.ELSEWHERE)
        if self._tickets.is_late(ticket):
            raise WrongPressError(StaleReason.EXPIRED, choice_id=pending.choice_id)
        return pending

    def take(self, pending: ConfirmablePlan, why: StaleReason = StaleReason.USED) -> bool:
        """Give a plan out to be carried out, once: from now on, whoever presses learns `why` that does nothing."""
        if self._tickets.take(pending.id) is None:
            return False
        self._gone.issue((why, pending.choice_id), under=pending.id)
        return True

    async def drop(self, pending: ConfirmablePlan, why: StaleReason) -> None:
        """Let a plan go, and its copies with it."""
        if self.take(pending, why):
            await pending.copies.aclose()

    async def drop_all(self, why: StaleReason) -> None:
        """Let every plan go."""
        for ticket in self._tickets:
            await self.drop(ticket.value, why)

    async def sweep(self) -> None:
        """Let go what can't be confirmed any more."""
        for ticket in self._tickets:
            if self._tickets.is_late(ticket):
                await self.drop(ticket.value, StaleReason.EXPIRED)
