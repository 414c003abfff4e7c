"""Runs a confirmed restore: its progress, its record, its reports to admins, its end with the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from loguru import logger

from bot.clock import Clock
from bot.errors import AbortedError, BusyError, CourierError, RestoreRefusedError
from bot.models import RestorePlan, RestoreProgress, RestoreResult, RestoreStage, RunInProgress, Trigger
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.restore_chat.confirmed import forget_confirmed, note_confirmed
from bot.services.restore_chat.drift import Difference, changed_since, written_alone
from bot.services.restore_chat.pending_plans import ConfirmablePlan, Requester

FINISH_WITHIN = 2.0
"""Seconds a shutdown gives a restore to end by itself before it is told to bring everything back."""

TELL_WITHIN = 3.0
"""Seconds a shutdown gives the last words about a restore to reach the other admins."""

LOOK_EVERY = 1.0
"""Seconds between two looks at a restore in another process."""

STOPPING = "The service was stopped."


class RestoreListener(Protocol):
    """Tells the other admins, loudly, what somebody did to their databases."""

    async def restored(self, asker: Requester, plan: RestorePlan, result: RestoreResult, *, undo: bool) -> None: ...

    async def failed(self, asker: Requester, plan: RestorePlan, error: BaseException, *, also_asker: bool) -> None: ...


class SilentListener:
    """Tells nobody: for processes that don't talk to Telegram."""

    async def restored(self, asker: Requester, plan: RestorePlan, result: RestoreResult, *, undo: bool) -> None:
        """Say nothing."""

    async def failed(self, asker: Requester, plan: RestorePlan, error: BaseException, *, also_asker: bool) -> None:
        """Say nothing."""


@dataclass(slots=True, kw_only=True, eq=False)
class _RestoreRun:
    held: ConfirmablePlan
    started_at: datetime
    abort: Abort
    progress: RestoreProgress


class Running:
    """At most one restore in this process, its watchers, and the words about it."""

    def __init__(
        self, catalogue: Catalogue, *, busy: Callable[[], Awaitable[RunInProgress | None]], clock: Clock
    ) -> None:
        self._catalogue, self._busy, self._clock = catalogue, busy, clock
        self.active: dict[Path, str] = {}
        """Files that were written to while a plan was shown, and what was; forgotten once they are restored."""
        self._run: _RestoreRun | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = asyncio.Event()
        self._watchers: set[asyncio.Queue[RestoreProgress]] = set()
        self._tasks: set[asyncio.Task[RestoreResult]] = set()
        self._words: set[asyncio.Task[None]] = set()

    @property
    def seen(self) -> RunInProgress | None:
        if self._run is None:
            return None
        return RunInProgress(
            started_at=self._run.started_at,
            trigger=Trigger.SAFETY,
            requested_by=self._run.held.asker.name,
            progress=self._run.progress,
        )

    def start(
        self, held: ConfirmablePlan, herald: RestoreListener, *, after: Callable[[], Awaitable[None]]
    ) -> asyncio.Task[RestoreResult]:
        """Carry a plan out; nothing may be under way. `after` is awaited once it has succeeded."""
        run = _RestoreRun(
            held=held,
            started_at=self._clock(),
            abort=Abort(),
            progress=RestoreProgress(stage=RestoreStage.COMPARE),
        )
        self._run = run
        self._idle.clear()
        task = asyncio.create_task(self._carry_out(run, herald, after), name="restore")
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[RestoreResult]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # recorded and told, also when nobody waits for it any more

    async def _carry_out(
        self, run: _RestoreRun, herald: RestoreListener, after: Callable[[], Awaitable[None]]
    ) -> RestoreResult:
        held, asker = run.held, run.held.asker
        prepared, plan = held.prepared, held.prepared.plan
        what = f"{', '.join(change.name for change in plan.changes)} from {plan.source}"
        logger.warning("{} confirmed the restore of {}", asker.name, what)
        try:
            await note_confirmed(self._catalogue, held, run.started_at)
            await self._catalogue.service.audit(asker.name, "confirmed a restore", what)
            run.abort.check()
            changed = await changed_since(
                prepared, held.restorer.context, abort=run.abort, report=lambda event: self._report(run, event)
            )
            if changed:
                raise self._refusal(changed)
            result = await held.restorer.restore(
                prepared, requested_by=asker.name, abort=run.abort, report=lambda event: self._report(run, event)
            )
        except BaseException as error:
            await asyncio.shield(self._note_failure(run, what, error, herald))
            raise
        else:
            for change in plan.changes:
                self.active.pop(change.target, None)
            self._say(herald.restored(asker, plan, result, undo=bool(prepared.undo_of)))
            await after()
            return result
        finally:
            await held.close()
            self._report(run, RestoreProgress(stage=RestoreStage.DONE))
            self._run = None
            self._idle.set()

    def _refusal(self, changed: tuple[Difference, ...]) -> RestoreRefusedError:
        """Refuse a plan that is no longer true; what was only written to is shown as in use by the next one."""
        written = written_alone(changed)
        self.active.update(written)
        hint = "Nothing was changed. Make a new plan."
        if all(difference.file in written for difference in changed):
            hint = "Nothing was changed. Make a new plan: it can be confirmed while its application goes on writing."
        return RestoreRefusedError(" ".join(difference.sentence for difference in changed), hint=hint)

    async def _note_failure(self, run: _RestoreRun, what: str, error: BaseException, herald: RestoreListener) -> None:
        asker, plan = run.held.asker, run.held.prepared.plan
        sentence = error.sentence if isinstance(error, CourierError) else f"{type(error).__name__}: {error}"
        refused = isinstance(error, (RestoreRefusedError, BusyError))
        logger.error("the restore of {} {}: {}", what, "was refused" if refused else "failed", sentence)
        with suppress(CourierError):
            action = "restore refused" if refused else "restore failed"
            await self._catalogue.service.audit(asker.name, action, f"{what}: {sentence}")
        if refused:  # where nothing was touched, nobody else needs to know
            with suppress(CourierError):
                await forget_confirmed(self._catalogue)
        else:
            self._say(herald.failed(asker, plan, error, also_asker=self._stopping.is_set()))

    def _say(self, words: Coroutine[Any, Any, None]) -> None:
        """Tell the others in the background: neither the restore nor its result waits for Telegram."""
        task = asyncio.create_task(self._said(words))
        self._words.add(task)
        task.add_done_callback(self._words.discard)

    async def _said(self, words: Awaitable[None]) -> None:
        try:
            await words
            await forget_confirmed(self._catalogue)
        except Exception as error:  # the restore is done, whoever could be told of it
            logger.warning("the other admins could not be told of a restore: {}", type(error).__name__)

    # --- progress ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[asyncio.Queue[RestoreProgress]]:
        """Give a queue that holds the newest event alone."""
        queue: asyncio.Queue[RestoreProgress] = asyncio.Queue(maxsize=1)
        self._watchers.add(queue)
        if self._run is not None:
            queue.put_nowait(self._run.progress)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def _report(self, run: _RestoreRun, progress: RestoreProgress) -> None:
        run.progress = progress
        for queue in tuple(self._watchers):
            with suppress(asyncio.QueueEmpty):
                queue.get_nowait()
            queue.put_nowait(progress)

    async def over(self) -> None:
        """Wait until no restore runs. Raises `AbortedError` when the service stops."""
        while True:
            self.check_stopping()
            run = await self._busy()
            if run is None or not run.is_restore:
                return
            ended = [asyncio.ensure_future(self._stopping.wait())]
            if self._run is not None:
                ended.append(asyncio.ensure_future(self._idle.wait()))
            try:
                await asyncio.wait(
                    ended, timeout=None if self._run else LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for waiting in ended:
                    waiting.cancel()

    # --- the end -----------------------------------------------------------------------------------------------

    def check_stopping(self) -> None:
        """Raise `AbortedError` once the service stops."""
        if self._stopping.is_set():
            raise AbortedError(STOPPING)

    async def stop(self, why: str) -> None:
        """Return when no restore is under way: it has ended, or everything is back."""
        self._stopping.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), FINISH_WITHIN)
        if self._run is not None:
            self._run.abort.set(why)
        await self._idle.wait()
        if self._words:
            await asyncio.wait(self._words, timeout=TELL_WITHIN)
