"""Leads a restore in the chat: choice, plan, confirmation, run."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from loguru import logger

from bot.clock import Clock
from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.errors import BusyError, CourierError, NotFoundError, RestoreRefusedError
from bot.models import (
    Backup,
    PendingRestore,
    RestoreProgress,
    RestoreResult,
    RunInProgress,
)
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Files
from bot.services.files.locks import what_runs
from bot.services.files.store import Store
from bot.services.restore.context import Report, RestoreContext, StepHook, no_hook
from bot.services.restore.pending import pending_restore
from bot.services.restore.sources import RestoreSource
from bot.services.restore_chat.archives import Archives, nowhere
from bot.services.restore_chat.choices import RestoreChoice, RestoreChoices
from bot.services.restore_chat.confirmed import settle_confirmed
from bot.services.restore_chat.offers import Offers, Release, nothing
from bot.services.restore_chat.pending_plans import ConfirmablePlan, PendingPlans, Place, Requester, StaleReason
from bot.services.restore_chat.planning import Planning
from bot.services.restore_chat.running import RestoreListener, Running
from bot.services.snapshot.databases import Discovery

WAIT = "Try again when it has ended."


class RestoreSessions:
    """One restore at a time, from a plan that one admin saw and confirmed.

    The steps: `choose`, `tick`, `plan` (or `plan_undo`), `shown`, `ask`, `begin`. Until `begin`, nothing is changed.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        store: Store,
        *,
        discover: Callable[[], Awaitable[Discovery]],
        busy: Callable[[], Awaitable[RunInProgress | None]],
        listener: RestoreListener,
        files: Files | None,
        clock: Clock,
        mark: StepHook = no_hook,
    ) -> None:
        """`busy` tells of any run, here or in another process; tests stop a restore at a step of it by `mark`.

        `files` is where archives that left the disk are fetched back from; None where Telegram is not asked.
        """
        self._listener = listener
        self.trouble = ""
        self.mark = mark
        self._settings, self._catalogue, self._store = settings, catalogue, store
        self._busy, self._clock = busy, clock
        self._archives = Archives(catalogue, store, files)
        self._offers = Offers(clock)
        self._choices = RestoreChoices()
        self._plans = PendingPlans(clock)
        self._run = Running(catalogue, busy=busy, clock=clock)
        self._planning = Planning(
            house=lambda: self.house,
            discover=discover,
            patterns=settings.databases,
            archives=self._archives,
            offers=self._offers,
            plans=self._plans,
            require_idle=self._require_idle,
            check_stopping=self._run.check_stopping,
        )

    # --- what can be restored ----------------------------------------------------------------------------------

    def offer(
        self, origin: RestoreSource, *, admin_id: int, label: str, names: Sequence[str] = (), release: Release = nothing
    ) -> str:
        """Let an admin restore from files that were brought; return the short id of the offer.

        `label` says in plain words what it is, `names` which databases it holds. `release` is awaited once, when the
        restore from it is done, when nobody came for half an hour, or when the service stops.
        """
        return self._offers.add(origin, admin_id=admin_id, label=label, names=names, release=release)

    def holds(self, offer_id: str) -> bool:
        """Tell whether an offer is still kept, be it that a plan is being made from it; its time goes on."""
        return self._offers.holds(offer_id)

    def withdraw(self, offer_id: str) -> None:
        """Let an offer go before its time; nothing happens when there is none."""
        self._offers.withdraw(offer_id)

    async def is_restorable(self, backup: Backup) -> bool:
        """Tell whether its archive is on the disk, or can be fetched back from Telegram."""
        return await self._archives.has(backup)

    async def choose(self, source: str, asker: Requester) -> RestoreChoice:
        """Begin with what a button names: `b` and a backup's number, or an offer's id.

        Raises `NotFoundError`, `RestoreRefusedError`.
        """
        if source.startswith("b") and len(source) < 19 and source[1:].isdecimal():
            backup = await self._catalogue.backups.get(int(source[1:]))
            if not backup.proven:
                raise NotFoundError(f"Backup {backup.id} is {backup.state}: there is nothing to restore from.")
            if not await self.is_restorable(backup):
                raise nowhere(backup)
            return self._choices.begin(
                source,
                asker.admin_id,
                label=f"backup {backup.id}",
                names=tuple(database.name for database in backup.databases),
                backup=backup,
            )
        offer = self._offers.require(source)
        if offer.admin_id != asker.admin_id:
            raise RestoreRefusedError("Another admin sent that.", hint="Send it yourself, and restore from it.")
        return self._choices.begin(source, asker.admin_id, label=offer.label, names=offer.names, offer=offer)

    def choice(self, choice_id: str, asker: Requester) -> RestoreChoice:
        """Return a choice being made. Raises `RestoreRefusedError`."""
        return self._choices.get(choice_id, asker.admin_id)

    def tick(self, choice_id: str, number: int, asker: Requester) -> RestoreChoice:
        """Take one database in, or out. Raises `RestoreRefusedError`."""
        choice = self.choice(choice_id, asker)
        if number < len(choice.names):
            choice.chosen ^= {number}
        return choice

    def tick_all(self, choice_id: str, asker: Requester) -> RestoreChoice:
        """Take all databases in, or all out where all are in. Raises `RestoreRefusedError`."""
        choice = self.choice(choice_id, asker)
        every = set(range(len(choice.names)))
        choice.chosen = set() if choice.chosen == every else every
        return choice

    # --- the plan ----------------------------------------------------------------------------------------------

    async def plan(self, choice_id: str, asker: Requester, report: Report = lambda _: None) -> ConfirmablePlan:
        """Make the plan of a choice and hold it for its admin; nothing is changed.

        Raises `BusyError` while anything runs, and what `Restorer.prepare` raises.
        """
        return await self._planning.plan(self.choice(choice_id, asker), asker, report)

    async def plan_undo(self, restore_id: str, asker: Requester, report: Report = lambda _: None) -> ConfirmablePlan:
        """Make the plan that brings back what that restore replaced. Raises as `plan`, and `NotFoundError`."""
        return await self._planning.plan_undo(restore_id, asker, report)

    def abandon(self, asker: Requester) -> None:
        """Break off the plan that is being made for this admin."""
        self._planning.abandon(asker)

    # --- what is confirmed -------------------------------------------------------------------------------------

    def shown(self, held: ConfirmablePlan, place: Place) -> None:
        """Bind a plan to the message it is shown in; its two minutes begin."""
        self._plans.shown(held, place)

    async def ask(self, plan_id: str, asker: Requester, place: Place) -> ConfirmablePlan:
        """Return the plan of the first, red button. Raises `WrongPressError`, `BusyError`."""
        held = self._plans.look(plan_id, asker, place)
        await self._require_idle()
        return held

    async def cancel(self, plan_id: str, asker: Requester, place: Place) -> ConfirmablePlan:
        """Put a plan aside. Raises `WrongPressError`."""
        held = self._plans.look(plan_id, asker, place)
        await self._plans.drop(held, StaleReason.CANCELLED)
        return held

    async def drop(self, held: ConfirmablePlan) -> None:
        """Let a plan go that could not be shown."""
        await self._plans.drop(held, StaleReason.CANCELLED)

    async def begin(self, plan_id: str, asker: Requester, place: Place) -> asyncio.Task[RestoreResult]:
        """Carry a plan out, once; the task ends with its result whatever becomes of who waits for it.

        Raises `WrongPressError`; `BusyError` while anything runs, and the plan stays. The task raises
        `RestoreRefusedError` when the targets are not as planned any more, and what `restore` raises.
        """
        self._plans.look(plan_id, asker, place)
        await self._require_idle()
        held = self._plans.look(plan_id, asker, place)
        self._run.check_stopping()
        if (run := self.running) is not None:
            raise BusyError(what_runs(run), hint=WAIT)
        self._plans.take(held)
        return self._run.start(held, self._listener, after=lambda: self._after(held))

    async def _after(self, held: ConfirmablePlan) -> None:
        if held.offer is not None:
            self._offers.end(held.offer)
        await self._plans.drop_all(StaleReason.OUTDATED)

    async def _require_idle(self) -> None:
        if (run := await self._busy()) is not None:
            raise BusyError(what_runs(run), hint=WAIT)

    # --- the restore under way ---------------------------------------------------------------------------------

    @property
    def running(self) -> RunInProgress | None:
        """The restore under way in this process."""
        return self._run.seen

    def watch(self) -> AbstractAsyncContextManager[asyncio.Queue[RestoreProgress]]:
        """Give a queue that always holds the newest progress event alone; it never makes the restore wait."""
        return self._run.watch()

    async def under_way(self) -> RunInProgress | None:
        """Return the restore under way, here or in another process."""
        run = await self._busy()
        return run if run is not None and run.is_restore else None

    async def over(self) -> None:
        """Wait until no restore runs, here or in another process. Raises `AbortedError` when the service stops."""
        await self._run.over()

    # --- what recurs, and the end ------------------------------------------------------------------------------

    async def settle(self) -> PendingRestore | None:
        """Put in order what a restore that was cut off has left, here or in another process; see `pending_restore`.

        `trouble` says why it can't be known, where it can't; it stands in the status then.
        """
        try:
            pending = await pending_restore(self.house)
        except (CourierError, OSError) as error:
            trouble = f"{error.sentence} {error.hint}".strip() if isinstance(error, CourierError) else str(error)
            if trouble != self.trouble:
                logger.error("a restore may have been cut off: {}", trouble)
            self.trouble = trouble
            return None
        self.trouble = ""
        return pending

    async def settle_confirmed(self) -> None:
        """At the start of the service, after `settle`: see to a confirmed restore whose end nobody was told."""
        await settle_confirmed(self.house)

    async def sweep(self) -> None:
        """Let go the plans and offers whose time is over."""
        await self._plans.sweep()
        self._offers.sweep()

    async def stop(self, why: str) -> None:
        """Let the restore under way finish, or bring back what was there; remove every private copy."""
        self._planning.stop(why)
        await self._run.stop(why)
        await self._planning.over()
        await self._plans.drop_all(StaleReason.UNKNOWN)
        await self._offers.close()

    # --- what it is made of ------------------------------------------------------------------------------------

    @property
    def house(self) -> RestoreContext:
        """The parts of the product that a restore needs."""
        return RestoreContext(
            store=self._store,
            catalogue=self._catalogue,
            busy_timeout=self._settings.busy_timeout,
            host=platform.node(),
            timezone=self._settings.timezone.key,
            clock=self._clock,
            on_step=self.mark,
            seal=self._settings.seal,
            keys=self._settings.keys,
            own=own_folders(self._settings),
            active=self._run.active,
        )
