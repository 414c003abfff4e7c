"""Handles History: the pages of runs, the screen of one, and the actions on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.clock import Clock
from bot.errors import CourierError
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import BackupAct, Delete, History, OfBackup
from bot.handlers.drawing.questions import Question
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.models import DeliveryState, Recipient
from bot.services.concurrency.tickets import Tickets
from bot.texts import Texts, answers
from bot.texts.backups import names_of

if TYPE_CHECKING:
    from bot.services.backup.runs import Runs
    from bot.services.manager import Manager
    from bot.services.retention.housekeeping import Housekeeping

QUESTION_VALID = 300
"""Seconds in which a deletion can be confirmed; an old question far up in the chat must not delete anything."""


def build_history_router() -> Router:
    """Make the router of the history."""
    router = Router(name="history")
    router.callback_query.register(open_history, History.filter())
    router.callback_query.register(open_backup, OfBackup.filter(F.act == BackupAct.OPEN))
    router.callback_query.register(ask_to_send_again, OfBackup.filter(F.act == BackupAct.SEND))
    router.callback_query.register(pin_backup, OfBackup.filter(F.act == BackupAct.PIN))
    router.callback_query.register(unpin_backup, OfBackup.filter(F.act == BackupAct.UNPIN))
    router.callback_query.register(ask_to_delete, OfBackup.filter(F.act == BackupAct.ASK_DELETE))
    router.callback_query.register(confirm_deletion, Delete.filter())
    return router


async def open_history(
    _: CallbackQuery, callback_data: History, press: ButtonPress, *, manager: Manager, texts: Texts, clock: Clock
) -> None:
    await press.draw(await history_screen(callback_data.page, manager, texts, clock), unchanged=answers.UP_TO_DATE)


async def open_backup(
    callback: CallbackQuery,
    callback_data: OfBackup,
    press: ButtonPress,
    *,
    manager: Manager,
    texts: Texts,
    clock: Clock,
    questions: Tickets[Question],
) -> None:
    questions.drop(callback.from_user.id)  # Cancel on the question for a note leads here
    await press.draw(await backup_screen(callback_data.id, callback_data.page, manager, texts, clock))


async def ask_to_send_again(
    _: CallbackQuery, callback_data: OfBackup, press: ButtonPress, runs: Runs, clock: Clock
) -> None:
    """Send the archive to the chat it was asked for in; its arrival is the answer, its absence gets a sentence."""
    await press.answer(answers.ON_ITS_WAY)
    delivery = await runs.send_again(callback_data.id, Recipient(chat_id=press.canvas.chat_id), actor=press.actor)
    if delivery.state is not DeliveryState.SENT:
        canvas = press.canvas.board.canvas(press.canvas.bot, press.canvas.chat_id)
        await canvas.draw(Screen(answers.not_sent(delivery, clock()), keyboards.to_menu()))


async def pin_backup(
    _: CallbackQuery,
    callback_data: OfBackup,
    press: ButtonPress,
    *,
    manager: Manager,
    housekeeping: Housekeeping,
    texts: Texts,
    clock: Clock,
) -> None:
    await housekeeping.pin(callback_data.id, True, actor=press.actor)
    await press.draw(await backup_screen(callback_data.id, callback_data.page, manager, texts, clock), answers.PINNED)


async def unpin_backup(
    _: CallbackQuery,
    callback_data: OfBackup,
    press: ButtonPress,
    *,
    manager: Manager,
    housekeeping: Housekeeping,
    texts: Texts,
    clock: Clock,
) -> None:
    await housekeeping.pin(callback_data.id, False, actor=press.actor)
    await press.draw(await backup_screen(callback_data.id, callback_data.page, manager, texts, clock), answers.UNPINNED)


async def ask_to_delete(
    _: CallbackQuery, callback_data: OfBackup, press: ButtonPress, *, manager: Manager, texts: Texts, clock: Clock
) -> None:
    """Ask once more, unless it would be refused anyway."""
    seen = await manager.details(callback_data.id)
    if seen.backup.pinned:
        await press.answer(answers.PINNED_IS_KEPT, alert=True)
        await press.draw(await backup_screen(callback_data.id, callback_data.page, manager, texts, clock))
        return
    now = clock()
    keyboard = keyboards.confirm_delete(callback_data.id, callback_data.page, int(now.timestamp()))
    await press.draw(Screen(texts.confirm_delete(seen, now), keyboard))


async def confirm_deletion(
    _: CallbackQuery,
    callback_data: Delete,
    press: ButtonPress,
    *,
    manager: Manager,
    housekeeping: Housekeeping,
    texts: Texts,
    clock: Clock,
) -> None:
    """Delete what was asked about a moment ago; a refusal is shown with its reason, over the backup that stays."""
    if not 0 <= clock().timestamp() - callback_data.asked_at + 1 <= QUESTION_VALID:
        await press.answer(answers.QUESTION_EXPIRED, alert=True)
        await press.draw(await backup_screen(callback_data.id, callback_data.page, manager, texts, clock))
        return
    try:
        await housekeeping.delete(callback_data.id, actor=press.actor)
    except CourierError as error:
        await press.draw(Screen(answers.failure(error), keyboards.to_backup(callback_data.id, callback_data.page)))
        return
    await press.draw(await history_screen(callback_data.page, manager, texts, clock), answers.DELETED)


async def history_screen(page: int, manager: Manager, texts: Texts, clock: Clock) -> Screen:
    """Draw a page of the history; a page past the end is the last one."""
    seen = await manager.history(page)
    labels = [texts.history_label(backup, clock(), by_rule=backup.id in seen.by_rule) for backup in seen.backups]
    return Screen(texts.history(seen), keyboards.history(seen, labels))


async def backup_screen(backup_id: int, page: int, manager: Manager, texts: Texts, clock: Clock) -> Screen:
    """Draw one backup. Raises `NotFoundError`."""
    seen = await manager.details(backup_id)
    return Screen(texts.details(seen, clock(), await _names(manager)), keyboards.backup(seen, page))


async def _names(manager: Manager) -> Mapping[Recipient, str]:
    return names_of((await manager.status()).recipients)
