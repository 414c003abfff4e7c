"""Handles Detailed Logs: pages of what happened, what admins did, and the log file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from aiogram import Bot, Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, InputFile

from bot.handlers.drawing.keyboards import TO_MENU, LogLevel, Logs, button, keyboard, turn_pages
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.journal.format import journal_file
from bot.models import Action, Backup, BackupState
from bot.texts import actions as action_texts
from bot.texts import answers
from bot.texts import logs as texts
from bot.texts.backups import names_of

if TYPE_CHECKING:
    from bot.services.manager import Manager

SENT_AT_MOST = 10 * 1024 * 1024
"""Bytes of the log that go into a chat: days of it, and a size that a phone opens."""

ON_A_PAGE = 10

UPLOAD_TIMEOUT = 300


class LogSlice(InputFile):
    """The end of a file from `offset` on, as far as it reached when it was asked for; read as it is uploaded."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        super().__init__(filename=path.name)
        self._path = path
        self._offset = offset
        self._size = size

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        left = self._size
        with await asyncio.to_thread(self._path.open, "rb") as file:
            await asyncio.to_thread(file.seek, self._offset)
            while left > 0 and (chunk := await asyncio.to_thread(file.read, min(left, self.chunk_size))):
                left -= len(chunk)
                yield chunk


class LogFile(CallbackData, prefix="logfile"):
    pass


def build_logs_router() -> Router:
    """Make the router of the logs."""
    router = Router(name="logs")
    router.callback_query.register(open_logs, Logs.filter())
    router.callback_query.register(ask_for_log_file, LogFile.filter())
    return router


async def open_logs(_: CallbackQuery, callback_data: Logs, press: ButtonPress, manager: Manager) -> None:
    level, number = callback_data.level, callback_data.page
    catalogue, now, timezone = manager.catalogue, manager.clock(), manager.timezone
    if level is LogLevel.ACTIONS:
        entries = await catalogue.service.audits(limit=ON_A_PAGE + 1, offset=number * ON_A_PAGE)
        more = len(entries) > ON_A_PAGE
        text = action_texts.actions(entries[:ON_A_PAGE], number, now, timezone)
    else:
        trouble = level is LogLevel.TROUBLE
        found = await catalogue.events.recent(trouble=trouble, limit=ON_A_PAGE + 1, offset=number * ON_A_PAGE)
        more, found = len(found) > ON_A_PAGE, found[:ON_A_PAGE]
        partial = [e.what.id for e in found if isinstance(e.what, Backup) and e.what.state is BackupState.PARTIAL]
        owed = {backup_id: await catalogue.deliveries.of(backup_id) for backup_id in partial}
        lacking = {delivery.recipient for deliveries in owed.values() for delivery in deliveries}
        called = names_of(await catalogue.recipients.statuses(lacking)) if lacking else {}
        text = texts.detailed_logs(found, number, now, timezone, trouble=trouble, owed=owed, called=called)
    await press.draw(Screen(text, log_buttons(level, number, more=more)))


async def ask_for_log_file(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    """Send the log as a document, or its end where it is too large for a chat."""
    log_file = journal_file(manager.settings.log_dir)
    size, offset = await asyncio.to_thread(_measure, log_file)
    if not size:
        await press.answer(texts.no_log_file(), alert=True)
        return
    await press.answer(answers.LOG_ON_ITS_WAY)
    await manager.catalogue.service.audit(press.actor, Action.LOG_TAKEN)
    await press.slot.bot.send_document(
        press.chat_id,
        LogSlice(log_file, offset, size - offset),
        caption=texts.log_file(size, size - offset),
        parse_mode="HTML",
        request_timeout=UPLOAD_TIMEOUT,
    )


def _measure(path: Path) -> tuple[int, int]:
    """Return the size of the file (0: none) and where to begin, at the start of a line."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size <= SENT_AT_MOST:
                return size, 0
            file.seek(size - SENT_AT_MOST)
            file.readline()
            return size, min(file.tell(), size - 1)
    except OSError:
        return 0, 0


def log_buttons(level: LogLevel, page: int, *, more: bool) -> InlineKeyboardMarkup:
    """Return the filters, the pages and the file."""
    names = {LogLevel.ALL: "All", LogLevel.TROUBLE: "⚠️ Trouble", LogLevel.ACTIONS: "👤 Actions"}
    *filters, people = (
        button(f"• {name}" if each is level else name, Logs(level=each, page=0)) for each, name in names.items()
    )
    return keyboard(
        filters,
        turn_pages(page, lambda number: Logs(level=level, page=number), more=more),
        [people, button("📄 Log file", LogFile()), button("🔄 Refresh", Logs(level=level, page=page))],
        TO_MENU,
    )
