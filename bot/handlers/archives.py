"""Handles the buttons under a delivered archive: restore from it, and its details; both in a new message below."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from aiogram import F, Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery
from pydantic import Field

from bot.handlers.alarms import show_databases
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.below import ErrorsBelow
from bot.handlers.drawing.keyboards import BackupId
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.handlers.history import backup_screen
from bot.handlers.restore import LiveRestores, begin_choice
from bot.models import Backup
from bot.services.contracts.destination import NoticeButton
from bot.texts import delivery as words

if TYPE_CHECKING:
    from bot.services.manager import Manager


class ArchiveAct(StrEnum):
    RESTORE = "r"
    DETAILS = "d"
    DATABASES = "b"


class OfArchive(CallbackData, prefix="arc"):
    """Something about the archive above; another server counts its backups from 1 too, and marks them otherwise."""

    act: ArchiveAct
    id: BackupId
    mark: Annotated[str, Field(pattern="^([0-9a-f]{8})?$")] = ""


def archive_buttons(backup: Backup) -> tuple[NoticeButton, ...]:
    """Return what can be done with a delivered archive; an old message shows them for good.

    Where a database has shrunk, all of it is not what anybody wants back: Databases leads to the one before.
    """
    first = (words.DATABASES, ArchiveAct.DATABASES) if backup.shrunken else (words.RESTORE, ArchiveAct.RESTORE)
    return tuple(
        NoticeButton(text=text, data=OfArchive(act=act, id=backup.id, mark=backup.mark).pack())
        for text, act in (first, (words.DETAILS, ArchiveAct.DETAILS))
    )


def build_archive_router() -> Router:
    """Make the router of the buttons under archives; for admins, in private chats."""
    router = Router(name="archives")
    router.callback_query.middleware(ErrorsBelow())
    router.callback_query.register(restore_archive, OfArchive.filter(F.act == ArchiveAct.RESTORE))
    router.callback_query.register(open_archive, OfArchive.filter(F.act == ArchiveAct.DETAILS))
    router.callback_query.register(show_databases, OfArchive.filter(F.act == ArchiveAct.DATABASES))
    return router


async def restore_archive(
    _: CallbackQuery, callback_data: OfArchive, press: ButtonPress, live_restores: LiveRestores, manager: Manager
) -> None:
    if (backup_id := await _known(callback_data, press, manager)) is not None:
        await begin_choice(press.below(), f"b{backup_id}", live_restores)


async def open_archive(_: CallbackQuery, callback_data: OfArchive, press: ButtonPress, manager: Manager) -> None:
    if (backup_id := await _known(callback_data, press, manager)) is not None:
        await press.below().draw(await backup_screen(manager, backup_id, 0))


async def _known(data: OfArchive, press: ButtonPress, manager: Manager) -> int | None:
    """Return the backup's id; where it is not known, say what can be done with the file all the same."""
    known = await manager.id_of_backup(data.id, data.mark)
    if known is None:
        await press.below().draw(Screen(words.UNKNOWN, keyboards.to_menu()), words.UNKNOWN_ANSWER)
    return known
