"""Handles Manual Backup: a press starts a run or joins the present one, and the message follows its progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message, User
from loguru import logger

from bot.errors import AbortedError, BusyError, CourierError
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import Run
from bot.handlers.drawing.live import LiveView
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen, actor_of
from bot.models import Recipient, RunInProgress, RunResult, Trigger
from bot.services.concurrency.nursery import beside
from bot.services.messages.live import LiveKind
from bot.texts import answers
from bot.texts import runs as run_texts
from bot.texts.backups import names_of

if TYPE_CHECKING:
    from bot.services.manager import Manager

LOCKED_AFTER = timedelta(seconds=30)
"""Of a run in another process we know when it took the lock, a moment after it began."""

_Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LiveRuns:
    """Draws runs in messages; a run belongs to the service and ends whatever becomes of the message."""

    manager: Manager
    view: LiveView

    async def start_or_join(self, slot: MessageSlot, actor: str, say: _Say) -> None:
        """Start a run and follow it to its result; where one is under way, say so and follow that one.

        `say` gets one plain sentence at once. Raises only what nobody foresaw.
        """
        run = self.manager.runs.running
        if run is not None:
            await self._join(slot, run, say)
            return
        work = self.view.tasks.start(
            self.manager.runs.back_up(trigger=Trigger.BUTTON, requested_by=actor, asked_in=slot.chat_id)
        )
        await asyncio.sleep(0)  # of two presses in one instant, the second one learns here that it came second
        begun = not work.done()
        began = _when_begun(self.manager.runs.running) if self.manager.runs.running is not None else ""
        async with self.view.showing(slot, LiveKind.BACKUP, began) as shown:
            if begun:
                await _say(say, answers.STARTED)
                await self.view.follow(shown, lambda: self._progress(self.manager.runs.running), work)
            try:
                # A shutdown may cancel this handler; the run is ended by the service, in its own time.
                result = await asyncio.shield(work)
            except BusyError as error:
                run = await self.manager.under_way.anywhere()
                if run is not None and not run.is_restore:
                    await self._join(slot, run, say)
                    return
                if not begun:
                    await _say(say, error.sentence)
                screen = Screen(answers.not_now(error), keyboards.run_result(None))
            except AbortedError as error:
                screen = Screen(answers.stopped(error), keyboards.run_result(None))
            except CourierError as error:
                screen = Screen(answers.no_backup(error), keyboards.run_result(None))
            else:
                screen = await self._outcome(result)
            await self.view.settle(slot, screen)

    async def _join(self, slot: MessageSlot, run: RunInProgress, say: _Say) -> None:
        """Say whose run is under way, follow it, and show what it came to."""
        await _say(say, run_texts.already_running(run, self.manager.clock()))
        newest = run

        async def over() -> None:
            """Return when it is no longer the run under way."""
            nonlocal newest
            now: RunInProgress | None = run
            while now is not None and now.started_at == run.started_at:
                newest = now
                await self.view.pace.sleep(self.view.pace.seconds(slot.chat_id))
                now = self.manager.runs.running if run.here else await self.manager.under_way.anywhere()

        async with self.view.showing(slot, LiveKind.BACKUP, _when_begun(run)) as shown:
            async with beside(over()) as work:
                await self.view.follow(shown, lambda: self._progress(newest), work)
            if slot.current:
                await self.view.settle(slot, await self._joined(run))

    async def _joined(self, run: RunInProgress) -> Screen:
        """Draw what the run of somebody else came to."""
        status = await self.manager.status()
        began = run.started_at if run.here else run.started_at - LOCKED_AFTER
        if status.latest is None or status.latest.started_at < began:
            return Screen(answers.RUN_ENDED, keyboards.run_result(None))
        seen = await self.manager.details(status.latest.id)
        result = RunResult(backup=seen.backup, deliveries=seen.deliveries)
        return await self._outcome(result, names_of(status.recipients))

    def _progress(self, run: RunInProgress | None) -> Screen:
        text = (
            run_texts.progress(run, self.manager.clock(), self.manager.timezone) if run is not None else answers.STARTED
        )
        return Screen(text, keyboards.to_menu())

    async def _outcome(self, result: RunResult, names: Mapping[Recipient, str] | None = None) -> Screen:
        if names is None:
            names = {}
            with suppress(CourierError):  # the result matters more than the names in it
                names = names_of((await self.manager.status()).recipients)
        text = run_texts.result(result.backup, result.deliveries, self.manager.clock(), self.manager.timezone, names)
        return Screen(text, keyboards.run_result(result.backup))


def _when_begun(run: RunInProgress) -> str:
    """Return between which instants the run began, so that it is found when this process is no more."""
    since = run.started_at if run.here else run.started_at - LOCKED_AFTER
    return f"{since.isoformat()}/{run.started_at.isoformat()}"


async def _say(say: _Say, sentence: str) -> None:
    """Say it if Telegram lets us; the run does not depend on it."""
    try:
        await say(sentence)
    except Exception as error:  # the network, a proxy's HTML, a refusal
        logger.debug("a press could not be answered: {}", type(error).__name__)


def build_backup_router() -> Router:
    """Make the router of Manual Backup."""
    router = Router(name="backup")
    router.callback_query.register(press_manual_backup, Run.filter())
    router.message.register(type_backup, Command("backup"))
    return router


async def press_manual_backup(_: CallbackQuery, press: ButtonPress, live_runs: LiveRuns) -> None:
    await live_runs.start_or_join(press.slot, press.actor, press.answer)


async def type_backup(_: Message, person: User, slot: MessageSlot, live_runs: LiveRuns) -> None:
    async def say(_: str) -> None:
        """The live view says the same, in the same message."""

    await live_runs.start_or_join(slot, actor_of(person), say)
