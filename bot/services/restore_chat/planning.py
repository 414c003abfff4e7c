"""Makes restore plans for the chat, one at a time: from an admin's choice, or to undo the last restore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from loguru import logger

from bot.errors import NotFoundError, RestoreRefusedError
from bot.models import RestorePlan
from bot.services.concurrency.abort import Abort
from bot.services.restore.context import Prepared, Report, RestoreContext
from bot.services.restore.journal import RestoreJournal
from bot.services.restore.restorer import Restorer
from bot.services.restore.targets import Configured
from bot.services.restore_chat.archives import Archives
from bot.services.restore_chat.choices import RestoreChoice
from bot.services.restore_chat.offers import Offers
from bot.services.restore_chat.pending_plans import ConfirmablePlan, PendingPlans, Requester
from bot.services.snapshot.databases import Discovery


class Planning:
    """Makes plans: whole copies of databases are made for each, so one waits for the other."""

    def __init__(
        self,
        *,
        house: Callable[[], RestoreContext],
        discover: Callable[[], Awaitable[Discovery]],
        patterns: tuple[str, ...],
        archives: Archives,
        offers: Offers,
        plans: PendingPlans,
        require_idle: Callable[[], Awaitable[None]],
        check_stopping: Callable[[], None],
    ) -> None:
        """`patterns` are those of DATABASES; `require_idle` and `check_stopping` raise where no plan is to be made."""
        self._house, self._discover, self._patterns = house, discover, patterns
        self._archives, self._offers, self._plans = archives, offers, plans
        self._require_idle, self._check_stopping = require_idle, check_stopping
        self._one = asyncio.Lock()
        self._aborts: dict[int, Abort] = {}

    async def plan(self, choice: RestoreChoice, asker: Requester, report: Report) -> ConfirmablePlan:
        """Do what `Restores.plan` promises."""
        if choice.names and not choice.chosen:
            raise RestoreRefusedError("Nothing is ticked.", hint="Tick at least one database.")
        async with self._turn(asker) as (abort, rooms):
            restorer = await self._restorer()
            if choice.offer is not None:
                self._offers.require(choice.offer.id).readers += 1  # it may have ended since it was chosen
            try:
                async with AsyncExitStack() as fetched:
                    prepared = await rooms.enter_async_context(
                        restorer.prepare(
                            await self._archives.origin(choice, fetched, abort, report),
                            only=choice.only,
                            abort=abort,
                            report=report,
                        )
                    )
                return await self._hold(prepared, restorer, asker, rooms, abort, choice=choice)
            finally:
                if choice.offer is not None:
                    choice.offer.readers -= 1

    async def plan_undo(self, restore_id: str, asker: Requester, report: Report) -> ConfirmablePlan:
        """Do what `Restores.plan_undo` promises."""
        async with self._turn(asker) as (abort, rooms):
            record = await asyncio.to_thread(RestoreJournal(self._house().store.folder).read)
            if record is None:
                raise NotFoundError("There is no restore to undo.")
            if record.id != restore_id:
                raise NotFoundError(
                    "Another restore has taken place since that one; only the last one can be undone.",
                    hint="What was there before each restore is a pinned backup in History: restore that one.",
                )
            restorer = await self._restorer()
            prepared = await rooms.enter_async_context(restorer.prepare_undo(abort=abort, report=report))
            return await self._hold(prepared, restorer, asker, rooms, abort)

    def abandon(self, asker: Requester) -> None:
        """Break off the plan that is being made for this admin."""
        if (abort := self._aborts.get(asker.admin_id)) is not None:
            abort.set("It was put aside.")

    @asynccontextmanager
    async def _turn(self, asker: Requester) -> AsyncIterator[tuple[Abort, AsyncExitStack]]:
        """Let one plan be made at a time; an admin who asks for another one breaks off the one before."""
        self.abandon(asker)
        abort = self._aborts[asker.admin_id] = Abort()
        try:
            await self._require_idle()
            async with self._one, AsyncExitStack() as rooms:
                abort.check()
                self._check_stopping()
                yield abort, rooms
        finally:
            if self._aborts.get(asker.admin_id) is abort:
                del self._aborts[asker.admin_id]

    async def _hold(
        self,
        prepared: Prepared,
        restorer: Restorer,
        asker: Requester,
        rooms: AsyncExitStack,
        abort: Abort,
        *,
        choice: RestoreChoice | None = None,
    ) -> ConfirmablePlan:
        abort.check()
        plan = prepared.plan
        logger.info("a plan to restore {} from {} was made for {}", _names(plan), plan.source, asker.name)
        return await self._plans.hold(
            prepared,
            restorer,
            asker=asker,
            choice_id=choice.id if choice else "",
            room=rooms.pop_all(),
            offer=choice.offer if choice else None,
        )

    async def _restorer(self) -> Restorer:
        """Look at what is configured now: databases come and go."""
        house = self._house()
        found = await self._discover()
        known = await house.catalogue.databases.known_names()
        return Restorer(house, Configured(found=found, patterns=self._patterns, known=known))

    def stop(self, why: str) -> None:
        """Break off every plan that is being made."""
        for abort in tuple(self._aborts.values()):
            abort.set(why)

    async def over(self) -> None:
        """Return when no plan is being made."""
        async with self._one:
            return


def _names(plan: RestorePlan) -> str:
    return ", ".join(change.name for change in plan.changes)
