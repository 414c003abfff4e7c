"""Handles the schedule: shows it, changes it by presets, a time of day or a typed expression, or resets it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aiogram import Bot, F, Router
from aiogram.types import CallbackQuery, Message, User

from bot.errors import CourierError
from bot.handlers import schedule_buttons as buttons
from bot.handlers.drawing.keyboards import Section, SettingsButton
from bot.handlers.drawing.questions import Answers, Question
from bot.handlers.drawing.screen import ButtonPress, MessageOwners, Screen
from bot.handlers.schedule_buttons import Confirm, Daily, Preset, Reset, TypeIt
from bot.services.concurrency.tickets import Tickets
from bot.texts import Texts, answers
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
    router.callback_query.register(pick_time, Daily.filter())
    router.callback_query.register(ask_for_expression, TypeIt.filter())
    router.callback_query.register(confirm_schedule, Confirm.filter())
    router.callback_query.register(reset_schedule, Reset.filter())
    router.message.register(type_expression, F.text, Answers(_KIND), F.from_user.as_("person"))
    return router


async def open_schedule(
    callback: CallbackQuery,
    press: ButtonPress,
    *,
    manager: Manager,
    timetable: Timetable,
    texts: Texts,
    questions: Tickets[Question],
) -> None:
    questions.drop(callback.from_user.id)
    await press.draw(await schedule_screen(manager, timetable, texts))


async def choose_preset(
    callback: CallbackQuery,
    callback_data: Preset,
    press: ButtonPress,
    *,
    timetable: Timetable,
    texts: Texts,
    proposals: Tickets[str],
) -> None:
    expression = buttons.EXPRESSIONS[callback_data.every]
    await press.draw(await _proposal(expression, callback.from_user.id, timetable, texts, proposals))


async def pick_time(
    callback: CallbackQuery,
    callback_data: Daily,
    press: ButtonPress,
    *,
    timetable: Timetable,
    texts: Texts,
    proposals: Tickets[str],
) -> None:
    """Ask for the hour, then for the minute, then show what it would mean."""
    if callback_data.hour > 23:
        await press.draw(Screen(texts.ask_hour(), buttons.hours()))
    elif callback_data.minute > 59:
        await press.draw(Screen(texts.ask_hour(), buttons.minutes(callback_data.hour)))
    else:
        expression = f"{callback_data.minute} {callback_data.hour} * * *"
        await press.draw(await _proposal(expression, callback.from_user.id, timetable, texts, proposals))


async def ask_for_expression(
    callback: CallbackQuery, press: ButtonPress, texts: Texts, questions: Tickets[Question]
) -> None:
    questions.issue(Question(_KIND), under=callback.from_user.id)
    await press.draw(Screen(texts.ask_expression(), buttons.cancel()))


async def type_expression(
    message: Message,
    person: User,
    question: Question,
    *,
    bot: Bot,
    board: MessageOwners,
    timetable: Timetable,
    texts: Texts,
    questions: Tickets[Question],
    proposals: Tickets[str],
) -> None:
    """Show what the typed expression would mean, or say what is wrong with it and ask again."""
    canvas = board.canvas(bot, message.chat.id)
    if question.late:
        await canvas.draw(Screen(words.too_late(), buttons.cancel()))
        return
    typed = (message.text or "").strip().strip("`'\"“”").strip()
    try:
        screen = await _proposal(typed, person.id, timetable, texts, proposals)
    except CourierError as error:
        questions.issue(Question(_KIND), under=person.id)
        screen = Screen(words.ask_again(error), buttons.cancel())
    await canvas.draw(screen)


async def confirm_schedule(
    callback: CallbackQuery,
    callback_data: Confirm,
    press: ButtonPress,
    *,
    manager: Manager,
    timetable: Timetable,
    texts: Texts,
    proposals: Tickets[str],
) -> None:
    proposal = proposals.take(callback_data.id, callback.from_user.id)
    if proposal is None or proposals.is_late(proposal):
        await press.answer(answers.QUESTION_EXPIRED, alert=True)
        await press.draw(await schedule_screen(manager, timetable, texts))
        return
    before = await timetable.plan()
    plan = await timetable.change(proposal.value, actor=press.actor, admin_id=callback.from_user.id)
    await press.draw(
        await schedule_screen(manager, timetable, texts), words.ALREADY if plan == before else words.CHANGED
    )


async def reset_schedule(
    callback: CallbackQuery,
    callback_data: Reset,
    press: ButtonPress,
    *,
    manager: Manager,
    timetable: Timetable,
    texts: Texts,
) -> None:
    """Show what `.env` would mean; with a yes, follow it."""
    if callback_data.sure:
        await timetable.reset(actor=press.actor, admin_id=callback.from_user.id)
        await press.draw(await schedule_screen(manager, timetable, texts), words.RESET)
        return
    setting = timetable.setting
    preview = texts.proposal(setting, timetable.next_runs(setting), None, timetable.now())
    await press.draw(Screen(preview, buttons.confirm_reset()))


async def schedule_screen(manager: Manager, timetable: Timetable, texts: Texts) -> Screen:
    """Draw what holds now, and the ways to change it."""
    status = await manager.status()
    runs = timetable.next_runs(status.schedule)
    overridden = (await timetable.plan()).chosen
    return Screen(texts.schedule(status, runs), buttons.schedule(overridden=overridden))


async def _proposal(
    expression: str, admin_id: int, timetable: Timetable, texts: Texts, proposals: Tickets[str]
) -> Screen:
    """Draw what an expression would mean, with the button that makes it so. Raises `ScheduleRefusedError`."""
    preview = await timetable.preview(expression)
    text = texts.proposal(preview.expression, preview.runs, preview.reach, timetable.now())
    return Screen(text, buttons.confirm(proposals.issue(preview.expression, owner=admin_id)))
