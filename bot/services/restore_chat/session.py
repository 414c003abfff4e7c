"""Leads a restore in the chat: choice, plan, confirmation, run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from zoneinfo import ZoneInfo

from loguru import logger

from bot.errors import BusyError, NotFoundError, RestoreRefusedError
from bot.models import ReportRestore, RestoreResult, RunInProgress
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.tickets import Tickets
from bot.services.contracts.chats import Files
from bot.services.fetch.choice import is_restorable
from bot.services.files.locks import what_runs
from bot.services.files.under_way import RunsUnderWay
from bot.services.restore.context import Prepared, RestoreContext
from bot.services.restore.journal import RestoreJournal
from bot.services.restore.restorer import Restorer
from bot.services.restore.targets import Configured
from bot.services.restore_chat.archives import nowhere, open_archive
from bot.services.restore_chat.choices import RestoreChoice
from bot.services.restore_chat.confirmed import settle_confirmed
from bot.services.restore_chat.offers import Offers
from bot.services.restore_chat.pending_plans import (
    ConfirmablePlan,
    MessageAddress,
    PendingPlans,
    Requester,
    StaleReason,
)
from bot.services.restore_chat.running import RestoreListener, Running
from bot.services.snapshot.databases import Discovery
from bot.words.restores import source_words

_MOST_CHOICES = 64


class RestoreSessions:
    """One restore at a time, from a plan that one admin saw and confirmed.

    The steps: `choose`, `tick`, `plan` (or `plan_undo`), `shown`, `ask`, `begin`. Until `begin`, nothing is changed.
    `offers` are the archives that admins have sent.
    """

    def __init__(
        self,
        context: RestoreContext,
        *,
        patterns: tuple[str, ...],
        discover: Callable[[], Awaitable[Discovery]],
        under_way: RunsUnderWay,
        listener: RestoreListener,
        files: Files | None,
    ) -> None:
        """`patterns` are those of DATABASES.

        `files` is where archives that left the disk are fetched back from; None where Telegram is not asked.
        """
        self.context = context
        self.offers = Offers(context.clock)
        self._patterns, self._discover, self._files = patterns, discover, files
        self._under_way = under_way
        self._choices = Tickets[RestoreChoice](context.clock, most=_MOST_CHOICES, prefix="c")
        self._plans = PendingPlans(context.clock)
        self._run = Running(context, listener)
        self._planning = asyncio.Lock()  # whole copies of databases are made for a plan, so one waits for the other
        self._aborts: dict[int, Abort] = {}

    # --- what can be restored ----------------------------------------------------------------------------------

    async def choose(self, source: str, requester: Requester, *, only: str = "") -> RestoreChoice:
        """Begin with what a button names, everything ticked: `b` and a backup's number, or an offer's id.

        Of a backup, `only` this database is ticked where it names one.

        Raises `NotFoundError`, `RestoreRefusedError`.
        """
        if source.startswith("b") and len(source) < 19 and source[1:].isdecimal():
            backup = await self.context.catalogue.backups.get(int(source[1:]))
            if not backup.proven:
                raise NotFoundError(f"Backup {backup.id} is {backup.state}: there is nothing to restore from.")
            if not await is_restorable(backup, self.context.catalogue, self._files):
                raise nowhere(backup)
            names = tuple(database.name for database in backup.databases)
            choice = RestoreChoice(label=f"backup {backup.id}", names=names, backup=backup, first=only)
        else:
            offer = self.offers.require(source)
            if offer.owner != requester.admin_id:
                raise RestoreRefusedError("Another admin sent that.", hint="Send it yourself, and restore from it.")
            sent = offer.value
            choice = RestoreChoice(label=sent.label, names=sent.names, offer_id=source, known=sent.source.backup)
        choice.id = self._choices.issue(choice, owner=requester.admin_id)
        return choice

    def choice(self, choice_id: str, requester: Requester) -> RestoreChoice:
        """Return a choice being made. Raises `RestoreRefusedError`."""
        ticket = self._choices.find(choice_id)
        if ticket is None:
            raise RestoreRefusedError(
                "What you were choosing is not known any more: the bot was restarted since. Nothing was changed.",
                hint="Open the backup in History, and press Restore again.",
            )
        if ticket.owner != requester.admin_id:
            raise RestoreRefusedError(
                "Another admin is choosing here.", hint="Open the backup in History, and press Restore."
            )
        self._choices.renew(ticket)
        return ticket.value

    # --- the plan ----------------------------------------------------------------------------------------------

    async def plan(
        self, choice_id: str, requester: Requester, report: ReportRestore = lambda _: None
    ) -> ConfirmablePlan:
        """Make the plan of a choice and keep it for its admin; nothing is changed.

        Raises `BusyError` while anything runs, and what `Restorer.prepare` raises.
        """
        choice = self.choice(choice_id, requester)
        if choice.names and not choice.chosen:
            raise RestoreRefusedError("Nothing is ticked.", hint="Tick at least one database.")
        async with self._turn(requester) as (abort, copies), AsyncExitStack() as fetched:
            restorer = await self._restorer()
            if choice.backup is not None:
                source = await open_archive(
                    self.context, self._files, choice.backup.id, fetched, abort=abort, report=report
                )
            else:
                source = self.offers.use(choice.offer_id, copies)  # it may have ended since it was chosen
            prepared = await copies.enter_async_context(
                restorer.prepare(source, only=choice.only, abort=abort, report=report)
            )
            return await self._keep(prepared, restorer, requester, copies, choice)

    async def plan_undo(
        self, restore_id: str, requester: Requester, report: ReportRestore = lambda _: None
    ) -> ConfirmablePlan:
        """Make the plan that brings back what that restore replaced. Raises as `plan`, and `NotFoundError`."""
        async with self._turn(requester) as (abort, copies):
            record = await asyncio.to_thread(RestoreJournal(self.context.store.folder).read)
            if record is None:
                raise NotFoundError("There is no restore to undo.")
            if record.id != restore_id:
                raise NotFoundError(
                    "Another restore has taken place since that one; only the last one can be undone.",
                    hint="What was there before each restore is a backup in History: restore that one.",
                )
            restorer = await self._restorer()
            prepared = await copies.enter_async_context(restorer.prepare_undo(abort=abort, report=report))
            return await self._keep(prepared, restorer, requester, copies)

    async def _keep(
        self,
        prepared: Prepared,
        restorer: Restorer,
        requester: Requester,
        copies: AsyncExitStack,
        choice: RestoreChoice | None = None,
    ) -> ConfirmablePlan:
        names = ", ".join(change.name for change in prepared.plan.changes)
        source = source_words(prepared.plan.source, ZoneInfo(self.context.timezone))
        logger.info("a plan to restore {} from {} was made for {}", names, source, requester.name)
        pending = ConfirmablePlan(
            prepared=prepared,
            restorer=restorer,
            requester=requester,
            copies=copies.pop_all(),
            choice_id=choice.id if choice is not None else "",
            offer_id=choice.offer_id if choice is not None else "",
        )
        await self._plans.keep(pending)
        return pending

    def abandon(self, requester: Requester) -> None:
        """Break off the plan that is being made for this admin."""
        if (abort := self._aborts.get(requester.admin_id)) is not None:
            abort.set("It was put aside.")

    @asynccontextmanager
    async def _turn(self, requester: Requester) -> AsyncIterator[tuple[Abort, AsyncExitStack]]:
        """Let one plan be made at a time; an admin who asks for another one breaks off the one before.

        What the plan needs is put into the exit stack, which is closed unless the plan takes it over.
        """
        self.abandon(requester)
        abort = self._aborts[requester.admin_id] = Abort()
        try:
            await self._require_idle()
            async with self._planning, AsyncExitStack() as copies:
                abort.check()
                self._run.check_stopping()
                yield abort, copies
        finally:
            if self._aborts.get(requester.admin_id) is abort:
                del self._aborts[requester.admin_id]

    async def _restorer(self) -> Restorer:
        """Look at what is configured now: databases come and go."""
        found = await self._discover()
        known = await self.context.catalogue.databases.known_names()
        return Restorer(self.context, Configured(found=found, patterns=self._patterns, known=known))

    # --- what is confirmed -------------------------------------------------------------------------------------

    def shown(self, pending: ConfirmablePlan, message: MessageAddress) -> None:
        """Bind a plan to the message it is shown in; its two minutes begin."""
        self._plans.shown(pending, message)

    async def ask(self, plan_id: str, requester: Requester, message: MessageAddress) -> ConfirmablePlan:
        """Return the plan of the first, red button. Raises `WrongPressError`, `BusyError`."""
        pending = self._plans.require(plan_id, requester, message)
        await self._require_idle()
        return pending

    async def cancel(self, plan_id: str, requester: Requester, message: MessageAddress) -> ConfirmablePlan:
        """Put a plan aside. Raises `WrongPressError`."""
        pending = self._plans.require(plan_id, requester, message)
        await self.drop(pending)
        return pending

    async def drop(self, pending: ConfirmablePlan) -> None:
        """Let a plan go that could not be shown, or was put aside."""
        await self._plans.drop(pending, StaleReason.CANCELLED)

    async def begin(self, plan_id: str, requester: Requester, message: MessageAddress) -> asyncio.Task[RestoreResult]:
        """Carry a plan out, once; the task ends with its result whatever becomes of who waits for it.

        Raises `WrongPressError`; `BusyError` while anything runs, and the plan stays. The task raises
        `RestoreRefusedError` when the targets are not as planned any more, and what `Restorer.restore` raises.
        """
        await self.ask(plan_id, requester, message)
        pending = self._plans.require(plan_id, requester, message)  # meanwhile somebody else may have pressed
        self._run.check_stopping()
        _require_none(self.running)
        self._plans.take(pending)
        return self._run.start(pending, after=lambda: self._after(pending))

    async def _after(self, pending: ConfirmablePlan) -> None:
        self.offers.withdraw(pending.offer_id)
        await self._plans.drop_all(StaleReason.OUTDATED)

    async def _require_idle(self) -> None:
        _require_none(await self._under_way.anywhere())

    # --- the restore under way ---------------------------------------------------------------------------------

    @property
    def running(self) -> RunInProgress | None:
        """The restore under way in this process."""
        return self._run.seen

    # --- what recurs, and the end ------------------------------------------------------------------------------

    async def settle_confirmed(self) -> None:
        """At the start of the service, with what was cut off in order: see to a restore whose end nobody was told."""
        await settle_confirmed(self.context)

    async def sweep(self) -> None:
        """Let go the plans and offers whose time is over."""
        await self._plans.sweep()
        self.offers.sweep()

    async def stop(self, why: str) -> None:
        """Let the restore under way finish, or bring back what was there; remove every private copy."""
        for abort in tuple(self._aborts.values()):
            abort.set(why)
        await self._run.stop(why)
        async with self._planning:  # no plan is being made any more
            await self._plans.drop_all(StaleReason.UNKNOWN)
        await self.offers.close()


def _require_none(run: RunInProgress | None) -> None:
    if run is not None:
        raise BusyError(what_runs(run), hint="Try again when it has ended.")
