"""Handles the schedule: shows it, changes it by presets, a time of day or a typed expression, or resets it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message, User

from bot.errors import CourierError
from bot.handlers import schedule_buttons as buttons
from bot.handlers.drawing.keyboards import Section, SettingsButton
from bot.handlers.drawing.questions import Answers, Question
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen
from bot.handlers.schedule_buttons import Confirm, Pick, Preset, Recurrence, Reset, TypeIt
from bot.services.concurrency.tickets import Tickets
from bot.texts import answers
from bot.texts import schedule as words

if TYPE_CHECKING:
    from bot.services.manager import Manager
    from bot.services.schedule.timetable import Timetable

_KIND = "schedule"
PROPOSAL_VALID_FOR = timedelta(minutes=10)


def build_schedule_router() -> Router:
    """Make the router of the schedule; for admins, in private chats, before routers that take any text."""
    router = Router(name="schedule")
    router.callback_query.register(open_schedule, SettingsButton.filter(F.section == Section.SCHEDULE))
    router.callback_query.register(choose_preset, Preset.filter())
    router.callback_query.register(pick_time, Pick.filter())
    router.callback_query.register(ask_for_expression, TypeIt.filter())
    router.callback_query.register(confirm_schedule, Confirm.filter())
    router.callback_query.register(reset_schedule, Reset.filter())
    router.message.register(type_expression, F.text, Answers(_KIND))
    return router


@dataclass(frozen=True, slots=True)
class ScheduleScreens:
    """Draws the schedule, and what another one would mean."""

    manager: Manager
    timetable: Timetable
    proposals: Tickets[str]
    """Expressions that were shown and wait for a yes, each for the admin who asked."""

    async def current(self) -> Screen:
        """Draw what holds now, and the ways to change it."""
        status = await self.manager.status()
        overridden = (await self.timetable.plan()).chosen
        text = words.schedule(status, await self.timetable.effect_of(status.schedule), self.manager.timezone)
        return Screen(text, buttons.schedule(status.schedule, overridden=overridden))

    async def proposal(self, expression: str, admin_id: int) -> Screen:
        """Draw what an expression would mean, with the button that makes it so. Raises `ScheduleRefusedError`."""
        preview = await self.timetable.preview(expression)
        text = words.proposal(preview, self.timetable.now(), self.manager.timezone)
        return Screen(text, buttons.confirm(self.proposals.issue(preview.expression, owner=admin_id)))


async def open_schedule(
    _: CallbackQuery, press: ButtonPress, schedule_screens: ScheduleScreens, questions: Tickets[Question]
) -> None:
    questions.drop(press.admin_id)
    await press.draw(await schedule_screens.current())


async def choose_preset(
    _: CallbackQuery, callback_data: Preset, press: ButtonPress, schedule_screens: ScheduleScreens
) -> None:
    await press.draw(await schedule_screens.proposal(buttons.EXPRESSIONS[callback_data.every], press.admin_id))


async def pick_time(
    _: CallbackQuery, callback_data: Pick, press: ButtonPress, schedule_screens: ScheduleScreens
) -> None:
    """Ask for the day, the hour, then the minute, and show what it would mean."""
    picked, timezone = callback_data, schedule_screens.manager.timezone
    if picked.pace is not Recurrence.DAILY and not picked.day:
        question = words.ask_weekday() if picked.pace is Recurrence.WEEKLY else words.ask_day()
        await press.draw(Screen(question, buttons.days(picked.pace)))
    elif picked.hour > 23:
        await press.draw(Screen(words.ask_hour(timezone), buttons.hours(picked)))
    elif picked.minute > 59:
        await press.draw(Screen(words.ask_hour(timezone), buttons.minutes(picked)))
    else:
        await press.draw(await schedule_screens.proposal(picked.expression, press.admin_id))


async def ask_for_expression(
    _: CallbackQuery, press: ButtonPress, manager: Manager, questions: Tickets[Question]
) -> None:
    questions.issue(Question(_KIND), under=press.admin_id)
    await press.draw(Screen(words.ask_expression(manager.timezone), buttons.cancel()))


async def type_expression(
    message: Message,
    person: User,
    slot: MessageSlot,
    *,
    question: Question,
    questions: Tickets[Question],
    schedule_screens: ScheduleScreens,
) -> None:
    """Show what the typed expression would mean, or say what is wrong with it and ask again."""
    if question.late:
        await slot.draw(Screen(words.too_late(), buttons.cancel()))
        return
    typed = (message.text or "").strip().strip("`'\"“”").strip()
    try:
        screen = await schedule_screens.proposal(typed, person.id)
    except CourierError as error:
        questions.issue(Question(_KIND), under=person.id)
        screen = Screen(words.ask_again(error), buttons.cancel())
    await slot.draw(screen)


async def confirm_schedule(
    _: CallbackQuery, callback_data: Confirm, press: ButtonPress, schedule_screens: ScheduleScreens
) -> None:
    timetable, proposals = schedule_screens.timetable, schedule_screens.proposals
    proposal = proposals.take(callback_data.id, press.admin_id)
    if proposal is None or proposals.is_late(proposal):
        await press.answer(answers.QUESTION_EXPIRED, alert=True)
        await press.draw(await schedule_screens.current())
        return
    before = await timetable.plan()
    plan = await timetable.change(proposal.value, actor=press.actor, admin_id=press.admin_id)
    await press.draw(await schedule_screens.current(), words.ALREADY if plan == before else words.CHANGED)


async def reset_schedule(
    _: CallbackQuery, callback_data: Reset, press: ButtonPress, schedule_screens: ScheduleScreens
) -> None:
    """Show what `.env` would mean; with a yes, follow it."""
    timetable = schedule_screens.timetable
    if callback_data.sure:
        await timetable.reset(actor=press.actor, admin_id=press.admin_id)
        await press.draw(await schedule_screens.current(), words.RESET)
        return
    preview = await timetable.effect_of(timetable.setting)
    text = words.proposal(preview, timetable.now(), schedule_screens.manager.timezone)
    await press.draw(Screen(text, buttons.confirm_reset()))
