"""Handles History: the pages of runs, the screen of one, and the actions on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.errors import CourierError
from bot.handlers import history_buttons as buttons
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import BackupAct, History, OfBackup
from bot.handlers.drawing.named import FindBackup
from bot.handlers.drawing.questions import Question
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.handlers.history_buttons import Delete
from bot.models import DeliveryState, Recipient
from bot.services.concurrency.tickets import Tickets
from bot.texts import answers
from bot.texts import history as history_texts
from bot.texts.backups import names_of

if TYPE_CHECKING:
    from bot.services.manager import Manager

QUESTION_VALID = 300
"""Seconds in which a deletion can be confirmed; an old question far up in the chat must not delete anything."""


def build_history_router() -> Router:
    """Make the router of the history."""
    router = Router(name="history")
    router.callback_query.middleware(FindBackup())
    router.callback_query.register(open_history, History.filter())
    router.callback_query.register(open_backup, OfBackup.filter(F.act == BackupAct.OPEN))
    router.callback_query.register(ask_to_send_again, OfBackup.filter(F.act == BackupAct.SEND))
    router.callback_query.register(pin_backup, OfBackup.filter(F.act.in_({BackupAct.PIN, BackupAct.UNPIN})))
    router.callback_query.register(ask_to_delete, OfBackup.filter(F.act == BackupAct.ASK_DELETE))
    router.callback_query.register(confirm_deletion, Delete.filter())
    return router


async def history_screen(manager: Manager, page: int) -> Screen:
    """Draw a page of the history; a page past the end is the last one."""
    seen, now = await manager.history(page), manager.clock()
    labels = [
        history_texts.history_label(backup, now, manager.timezone, by_rule=backup.id in seen.by_rule)
        for backup in seen.backups
    ]
    return Screen(history_texts.history(seen, manager.timezone), buttons.history(seen, labels))


async def backup_screen(manager: Manager, backup_id: int, page: int) -> Screen:
    """Draw one backup; Back leads to `page` of the history. Raises `NotFoundError`."""
    seen, status = await manager.details(backup_id), await manager.status()
    skipped = {record.name for record in seen.backup.skipped}
    lacking = [one for one in status.databases if one.trouble and one.name in skipped]
    text = history_texts.details(seen, manager.clock(), manager.timezone, names_of(status.recipients), lacking)
    return Screen(text, buttons.backup(seen, page, [one.name for one in lacking]))


async def open_history(_: CallbackQuery, callback_data: History, press: ButtonPress, manager: Manager) -> None:
    await press.draw(await history_screen(manager, callback_data.page))


async def open_backup(
    _: CallbackQuery, callback_data: OfBackup, press: ButtonPress, manager: Manager, questions: Tickets[Question]
) -> None:
    questions.drop(press.admin_id)  # Cancel on the question for a note leads here
    await press.draw(await backup_screen(manager, callback_data.id, callback_data.page))


async def ask_to_send_again(_: CallbackQuery, callback_data: OfBackup, press: ButtonPress, manager: Manager) -> None:
    """Send the archive to the chat it was asked for in; its arrival is the answer, its absence gets a sentence."""
    if (await manager.details(callback_data.id)).backup.sound:  # else what follows says why not
        await press.answer(answers.ON_ITS_WAY)
    delivery = await manager.runs.send_again(callback_data.id, Recipient(chat_id=press.chat_id), actor=press.actor)
    if delivery.state is not DeliveryState.SENT:
        await press.slot.anew().draw(Screen(answers.not_sent(delivery, manager.clock()), keyboards.to_menu()))


async def pin_backup(_: CallbackQuery, callback_data: OfBackup, press: ButtonPress, manager: Manager) -> None:
    pinned = callback_data.act is BackupAct.PIN
    backup = await manager.housekeeping.pin(callback_data.id, pinned, actor=press.actor)
    screen = await backup_screen(manager, callback_data.id, callback_data.page)
    unpinned = answers.UNPINNED if backup.on_disk else answers.UNPINNED_GONE
    await press.draw(screen, answers.PINNED if pinned else unpinned)


async def ask_to_delete(_: CallbackQuery, callback_data: OfBackup, press: ButtonPress, manager: Manager) -> None:
    """Ask once more, unless it would be refused anyway."""
    seen = await manager.details(callback_data.id)
    if seen.backup.pinned or not seen.backup.on_disk:
        await press.answer(answers.PINNED_IS_KEPT if seen.backup.on_disk else answers.GONE_ALREADY, alert=True)
        await press.draw(await backup_screen(manager, callback_data.id, callback_data.page))
        return
    now = manager.clock()
    keyboard = buttons.confirm_delete(callback_data, callback_data.page, int(now.timestamp()))
    await press.draw(Screen(history_texts.confirm_delete(seen, now, manager.timezone), keyboard))


async def confirm_deletion(_: CallbackQuery, callback_data: Delete, press: ButtonPress, manager: Manager) -> None:
    """Delete what was asked about a moment ago; a refusal is shown with its reason, over the backup that stays."""
    if not 0 <= manager.clock().timestamp() - callback_data.asked_at + 1 <= QUESTION_VALID:
        await press.answer(answers.QUESTION_EXPIRED, alert=True)
        await press.draw(await backup_screen(manager, callback_data.id, callback_data.page))
        return
    try:
        await manager.housekeeping.delete(callback_data.id, actor=press.actor)
    except CourierError as error:
        await press.draw(Screen(answers.failure(error), buttons.to_backup(callback_data, callback_data.page)))
        return
    await press.draw(await history_screen(manager, callback_data.page), answers.DELETED)
