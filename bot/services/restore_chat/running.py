"""Runs a confirmed restore: its progress, its record, its reports to admins, its end with the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from loguru import logger

from bot.errors import AbortedError, BusyError, CourierError, RestoreRefusedError
from bot.models import Action, RestorePlan, RestoreProgress, RestoreResult, RestoreStage, RunInProgress, Trigger
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import Nursery, race, settled
from bot.services.restore.context import RestoreContext
from bot.services.restore_chat.confirmed import forget_confirmed, note_confirmed
from bot.services.restore_chat.drift import Difference, changed_since, written_alone
from bot.services.restore_chat.pending_plans import ConfirmablePlan, Requester
from bot.words.restores import source_words

FINISH_WITHIN = 2.0
"""Seconds a shutdown gives a restore to end by itself before it is told to bring everything back."""

TELL_WITHIN = 3.0
"""Seconds a shutdown gives the last words about a restore to reach the other admins."""


class RestoreListener(Protocol):
    """Tells the other admins, loudly, what somebody did to their databases."""

    async def restored(self, requester: Requester, plan: RestorePlan, result: RestoreResult) -> None: ...

    async def failed(
        self, requester: Requester, plan: RestorePlan, error: BaseException, *, also_requester: bool
    ) -> None: ...


@dataclass(slots=True, kw_only=True, eq=False)
class _RestoreRun:
    pending: ConfirmablePlan
    started_at: datetime
    abort: Abort = field(default_factory=Abort)
    progress: RestoreProgress = field(default_factory=lambda: RestoreProgress(stage=RestoreStage.COMPARE))

    def report(self, progress: RestoreProgress) -> None:
        self.progress = progress


class Running:
    """At most one restore in this process, and the words about it."""

    def __init__(self, context: RestoreContext, listener: RestoreListener) -> None:
        self._context, self._listener = context, listener
        self._catalogue = context.catalogue
        self._run: _RestoreRun | None = None
        self._idle, self._stopping = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._restores, self._words = Nursery(), Nursery()

    @property
    def seen(self) -> RunInProgress | None:
        if self._run is None:
            return None
        return RunInProgress(
            started_at=self._run.started_at,
            trigger=Trigger.SAFETY,
            requested_by=self._run.pending.requester.name,
            progress=self._run.progress,
        )

    def start(self, pending: ConfirmablePlan, *, after: Callable[[], Awaitable[None]]) -> asyncio.Task[RestoreResult]:
        """Carry a plan out; nothing may be under way. `after` is awaited once it has succeeded."""
        self._run = run = _RestoreRun(pending=pending, started_at=self._context.clock())
        self._idle.clear()
        task = self._restores.start(self._carry_out(run, after), name="restore")
        task.add_done_callback(_seen)
        return task

    async def _carry_out(self, run: _RestoreRun, after: Callable[[], Awaitable[None]]) -> RestoreResult:
        pending, requester = run.pending, run.pending.requester
        prepared, plan = pending.prepared, pending.prepared.plan
        source = source_words(plan.source, ZoneInfo(self._context.timezone))
        what = f"{', '.join(change.name for change in plan.changes)} from {source}"
        logger.warning("{} confirmed the restore of {}", requester.name, what)
        try:
            await note_confirmed(self._catalogue, pending, run.started_at)
            await self._catalogue.service.audit(requester.name, Action.RESTORE_CONFIRMED, *prepared.facts)
            run.abort.check()
            changed = await changed_since(prepared, pending.restorer.context, abort=run.abort, report=run.report)
            if changed:
                raise self._refusal(changed)
            result = await pending.restorer.restore(
                prepared, requested_by=requester.name, abort=run.abort, report=run.report
            )
        except BaseException as error:
            await settled(self._note_failure(run, what, error))
            raise
        else:
            for change in plan.changes:
                self._context.active.pop(change.target, None)
            self._say(run, self._listener.restored(requester, plan, result))
            await after()
            return result
        finally:
            await pending.copies.aclose()
            self._run = None
            self._idle.set()

    def _refusal(self, changed: tuple[Difference, ...]) -> RestoreRefusedError:
        """Refuse a plan that is no longer true; what was only written to is shown as in use by the next one."""
        written = written_alone(changed)
        self._context.active.update(written)
        hint = "Nothing was changed. Make a new plan."
        if all(difference.file in written for difference in changed):
            hint = "Nothing was changed. Make a new plan: it can be confirmed while its application goes on writing."
        return RestoreRefusedError(" ".join(difference.sentence for difference in changed), hint=hint)

    async def _note_failure(self, run: _RestoreRun, what: str, error: BaseException) -> None:
        requester, plan = run.pending.requester, run.pending.prepared.plan
        sentence = error.sentence if isinstance(error, CourierError) else f"{type(error).__name__}: {error}"
        refused = isinstance(error, (RestoreRefusedError, BusyError))
        logger.error("the restore of {} {}: {}", what, "was refused" if refused else "failed", sentence)
        with suppress(CourierError):
            action = Action.RESTORE_REFUSED if refused else Action.RESTORE_FAILED
            code = error.code if isinstance(error, CourierError) else type(error).__name__
            facts = (*run.pending.prepared.facts, ("error", code))
            await self._catalogue.service.audit(requester.name, action, *facts)
        if refused:  # where nothing was touched, nobody else needs to know
            with suppress(CourierError):
                await forget_confirmed(self._catalogue, run.started_at)
        else:
            self._say(run, self._listener.failed(requester, plan, error, also_requester=self._stopping.is_set()))

    def _say(self, run: _RestoreRun, words: Coroutine[Any, Any, None]) -> None:
        """Tell the others in the background: neither the restore nor its result waits for Telegram."""

        async def say() -> None:
            await words
            await forget_confirmed(self._catalogue, run.started_at)

        self._words.start(say(), failure="the other admins could not be told of a restore")

    # --- the end -----------------------------------------------------------------------------------------------

    def check_stopping(self) -> None:
        """Raise `AbortedError` once the service stops."""
        if self._stopping.is_set():
            raise AbortedError("The service was stopped.")

    async def stop(self, why: str) -> None:
        """Return when no restore is under way: it has ended, or everything is back."""
        self._stopping.set()
        await race(self._idle.wait(), asyncio.sleep(FINISH_WITHIN))
        if self._run is not None:
            self._run.abort.set(why)
        await self._idle.wait()
        await self._words.drain(TELL_WITHIN)


def _seen(task: asyncio.Task[RestoreResult]) -> None:
    """Take note of how a restore ended: it is recorded and told, also when nobody waits for it any more."""
    if not task.cancelled():
        task.exception()
