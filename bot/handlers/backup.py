"""Handles Manual Backup: a press starts a run or joins the present one, and the message follows its progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aiogram import Bot, F, Router
from aiogram.exceptions import TelegramRetryAfter
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message, User
from loguru import logger

from bot.clock import Clock
from bot.errors import AbortedError, BusyError, CourierError
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import Run
from bot.handlers.drawing.live import LiveView
from bot.handlers.drawing.screen import ButtonPress, MessageOwners, MessageSlot, Screen
from bot.models import Progress, Recipient, RunInProgress, RunResult, Stage, Trigger
from bot.texts import Texts, answers
from bot.texts.backups import names_of

if TYPE_CHECKING:
    from bot.services.backup.runs import Runs
    from bot.services.files.under_way import RunsUnderWay
    from bot.services.manager import Manager

_LOCKED_AFTER = timedelta(seconds=30)
"""Of a run in another process we know when it took the lock, a moment after it began."""

_Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LiveRuns:
    """Draws runs in messages; a run belongs to the service and ends whatever becomes of the message."""

    manager: Manager
    runs: Runs
    under_way: RunsUnderWay
    texts: Texts
    clock: Clock
    view: LiveView

    async def start_or_join(self, canvas: MessageSlot, asked_by: str, say: _Say, *, actor: str = "") -> None:
        """Start a run and follow it to its result; where one is under way, say so and follow that one.

        `say` gets one plain sentence at once. Raises only what nobody foresaw.
        """
        run = self.runs.running
        if run is not None:
            await self._join(canvas, run, say)
            return
        work = self.view.tasks.start(
            self.runs.back_up(trigger=Trigger.BUTTON, requested_by=asked_by, actor=actor, asked_in=canvas.chat_id)
        )
        await asyncio.sleep(0)  # of two presses in one instant, the second one learns here that it came second
        if begun := not work.done():
            await _say(say, answers.STARTED)
            with self.view.pace.watching(canvas.chat_id):
                await self._follow(canvas, self._starting(asked_by), work)
        try:
            # A shutdown may cancel this handler; the run is ended by the service, in its own time.
            result = await asyncio.shield(work)
        except BusyError as error:
            run = await self.under_way.anywhere()
            if run is not None and not run.is_restore:
                await self._join(canvas, run, say)
            else:
                if not begun:
                    await _say(say, error.sentence)
                await self.view.settle(canvas, Screen(answers.not_now(error), keyboards.run_result(None)))
        except AbortedError as error:
            await self.view.settle(canvas, Screen(answers.stopped(error), keyboards.run_result(None)))
        except CourierError as error:
            await self.view.settle(canvas, Screen(answers.no_backup(error), keyboards.run_result(None)))
        else:
            await self.view.settle(canvas, await self._outcome(result))

    def _starting(self, asked_by: str) -> RunInProgress:
        return RunInProgress(
            started_at=self.clock(),
            trigger=Trigger.BUTTON,
            requested_by=asked_by,
            progress=Progress(stage=Stage.STARTING),
        )

    async def _join(self, canvas: MessageSlot, run: RunInProgress, say: _Say) -> None:
        """Say whose run is under way, follow it, and show what it came to."""
        await _say(say, self.texts.already_running(run, self.clock()))
        with self.view.pace.watching(canvas.chat_id):
            await self._follow(canvas, run, None)
        if not canvas.current:
            return
        status = await self.manager.status()
        began = run.started_at if run.here else run.started_at - _LOCKED_AFTER
        if status.latest is None or status.latest.started_at < began:
            await self.view.settle(canvas, Screen(answers.run_ended(), keyboards.run_result(None)))
            return
        seen = await self.manager.details(status.latest.id)
        result = RunResult(backup=seen.backup, deliveries=seen.deliveries)
        await self.view.settle(canvas, await self._outcome(result, names_of(status.recipients)))

    async def _follow(self, canvas: MessageSlot, first: RunInProgress, work: asyncio.Task[RunResult] | None) -> None:
        """Redraw the run's progress, with a pause between any two edits, until it ends or another screen is opened.

        Without `work` the run is somebody else's, and its end is seen when it is no longer the one under way. A failing
        edit never ends anything: a gone message is left alone, any other trouble is tried again at the next redraw.
        """
        run: RunInProgress | None = first
        drawn, gone = "", False
        while canvas.current and not (work is not None and work.done()):
            wait = self.view.pace.seconds(canvas.chat_id)
            text = self.texts.progress(run or first, self.clock())
            if text != drawn and not gone and self.view.pace.may_draw(canvas.chat_id):
                try:
                    gone = not await self.view.show(canvas, Screen(text, keyboards.to_menu()))
                    drawn = text
                except TelegramRetryAfter as error:
                    wait = max(wait, self.view.pace.after_flood(error))
                except Exception as error:  # the network, a proxy's HTML, a refusal: none of it may hurt the backup
                    logger.debug("the progress could not be drawn: {}", type(error).__name__)
            await self.view.pause(wait, work)
            run = self.runs.running if first.here else await self.under_way.anywhere()
            if work is None and (run is None or run.started_at != first.started_at):
                return

    async def _outcome(self, result: RunResult, names: Mapping[Recipient, str] | None = None) -> Screen:
        if names is None:
            names = {}
            with suppress(CourierError):  # the result matters more than the names in it
                names = names_of((await self.manager.status()).recipients)
        text = self.texts.result(result.backup, result.deliveries, self.clock(), names)
        return Screen(text, keyboards.run_result(result.backup.id))


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
    router.message.register(type_backup, Command("backup"), F.from_user.as_("person"))
    return router


async def press_manual_backup(_: CallbackQuery, press: ButtonPress, live_runs: LiveRuns) -> None:
    await live_runs.start_or_join(press.canvas, press.person, press.answer, actor=press.actor)


async def type_backup(message: Message, person: User, bot: Bot, board: MessageOwners, live_runs: LiveRuns) -> None:
    async def say(_: str) -> None:
        """The live view says the same, in the same message."""

    canvas = board.canvas(bot, message.chat.id)
    await live_runs.start_or_join(canvas, person.full_name, say, actor=f"{person.full_name} ({person.id})")
