"""Handles notes on backups: asked for on a backup's screen, typed as the next message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message, User

from bot.handlers import history_buttons as buttons
from bot.handlers.drawing.keyboards import BackupAct, OfBackup
from bot.handlers.drawing.named import FindBackup
from bot.handlers.drawing.questions import Answers, Question
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen, actor_of
from bot.handlers.history import backup_screen
from bot.services.concurrency.tickets import Tickets
from bot.texts import history as history_texts
from bot.texts import schedule as words

if TYPE_CHECKING:
    from bot.services.manager import Manager

_KIND = "note"


def build_notes_router() -> Router:
    """Make the router of notes; for admins, in private chats, before routers that take any text."""
    router = Router(name="notes")
    router.callback_query.middleware(FindBackup())
    router.callback_query.register(ask_for_note, OfBackup.filter(F.act == BackupAct.NOTE))
    router.callback_query.register(remove_note, OfBackup.filter(F.act == BackupAct.UNNOTE))
    router.message.register(type_note, F.text, Answers(_KIND))
    return router


async def ask_for_note(
    _: CallbackQuery, callback_data: OfBackup, press: ButtonPress, manager: Manager, questions: Tickets[Question]
) -> None:
    seen = await manager.details(callback_data.id)
    questions.issue(Question(_KIND, (callback_data.id, callback_data.page)), under=press.admin_id)
    await press.draw(Screen(history_texts.ask_note(seen), buttons.ask_note(seen, callback_data.page)))


async def remove_note(
    _: CallbackQuery, callback_data: OfBackup, press: ButtonPress, manager: Manager, questions: Tickets[Question]
) -> None:
    questions.drop(press.admin_id)
    await manager.housekeeping.note(callback_data.id, "", actor=press.actor)
    await press.draw(await backup_screen(manager, callback_data.id, callback_data.page), history_texts.NOTE_REMOVED)


async def type_note(message: Message, person: User, slot: MessageSlot, question: Question, manager: Manager) -> None:
    """Write the note down, and show the backup with it."""
    backup_id, page = question.about
    if question.late:
        seen = await manager.details(backup_id)
        await slot.draw(Screen(words.too_late(), buttons.to_backup(seen.backup, page)))
        return
    await manager.housekeeping.note(backup_id, message.text or "", actor=actor_of(person))
    await slot.draw(await backup_screen(manager, backup_id, page))
