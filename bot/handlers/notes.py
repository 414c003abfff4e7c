"""Handles notes on backups: asked for on a backup's screen, typed as the next message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiogram import Bot, F, Router
from aiogram.types import CallbackQuery, Message, User

from bot.clock import Clock
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import BackupAct, OfBackup
from bot.handlers.drawing.questions import Answers, Question
from bot.handlers.drawing.screen import ButtonPress, MessageOwners, Screen
from bot.handlers.history import backup_screen
from bot.services.concurrency.tickets import Tickets
from bot.texts import Texts, notes
from bot.texts import schedule as words

if TYPE_CHECKING:
    from bot.services.manager import Manager
    from bot.services.retention.housekeeping import Housekeeping

_KIND = "note"


def build_notes_router() -> Router:
    """Make the router of notes; for admins, in private chats, before routers that take any text."""
    router = Router(name="notes")
    router.callback_query.register(ask_for_note, OfBackup.filter(F.act == BackupAct.NOTE))
    router.callback_query.register(remove_note, OfBackup.filter(F.act == BackupAct.UNNOTE))
    router.message.register(type_note, F.text, Answers(_KIND), F.from_user.as_("person"))
    return router


async def ask_for_note(
    callback: CallbackQuery,
    callback_data: OfBackup,
    press: ButtonPress,
    *,
    manager: Manager,
    texts: Texts,
    questions: Tickets[Question],
) -> None:
    seen = await manager.details(callback_data.id)
    questions.issue(Question(_KIND, (callback_data.id, callback_data.page)), under=callback.from_user.id)
    keyboard = keyboards.ask_note(seen, callback_data.page)
    await press.draw(Screen(texts.ask_note(seen), keyboard))


async def remove_note(
    callback: CallbackQuery,
    callback_data: OfBackup,
    press: ButtonPress,
    *,
    manager: Manager,
    housekeeping: Housekeeping,
    texts: Texts,
    clock: Clock,
    questions: Tickets[Question],
) -> None:
    questions.drop(callback.from_user.id)
    await housekeeping.note(callback_data.id, "", actor=press.actor)
    await press.draw(await backup_screen(callback_data.id, callback_data.page, manager, texts, clock), notes.REMOVED)


async def type_note(
    message: Message,
    person: User,
    question: Question,
    *,
    bot: Bot,
    board: MessageOwners,
    manager: Manager,
    housekeeping: Housekeeping,
    texts: Texts,
    clock: Clock,
) -> None:
    """Write the note down, and show the backup with it."""
    backup_id, page = question.about
    canvas = board.canvas(bot, message.chat.id)
    if question.late:
        await canvas.draw(Screen(words.too_late(), keyboards.to_backup(backup_id, page)))
        return
    await housekeeping.note(backup_id, message.text or "", actor=f"{person.full_name} ({person.id})")
    await canvas.draw(await backup_screen(backup_id, page, manager, texts, clock))
