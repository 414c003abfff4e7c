"""The buttons of the history and of one backup, its note and its deletion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup
from pydantic import Field

from bot.handlers.concern_buttons import database_row, invitation_row
from bot.handlers.drawing.keyboards import (
    TO_MENU,
    BackupAct,
    BackupId,
    History,
    OfBackup,
    PageNumber,
    back_row,
    button,
    keyboard,
    turn_pages,
)
from bot.handlers.restore_buttons import Restore, RestoreStep
from bot.models import BackupDetails, BackupPage
from bot.services.telegram.buttons import copy_button
from bot.texts import history as words


class Delete(CallbackData, prefix="erase"):
    """The confirmed deletion; `asked_at` (Unix time) lets an old question expire."""

    id: BackupId
    page: PageNumber
    asked_at: Annotated[int, Field(ge=0, lt=2**40)]


def history(page: BackupPage, labels: list[str]) -> InlineKeyboardMarkup:
    """Return one button per backup of a page, and the ways to the other pages."""
    rows = [
        [button(label, OfBackup(act=BackupAct.OPEN, id=backup.id, page=page.page))]
        for backup, label in zip(page.backups, labels, strict=True)
    ]
    pages = turn_pages(page.page, lambda number: History(page=number), more=page.page + 1 < page.pages)
    return keyboard(*rows, pages, [button("🔄 Refresh", History(page=page.page))], TO_MENU)


def backup(details: BackupDetails, page: int, lacking: Sequence[str] = ()) -> InlineKeyboardMarkup:
    """Return what can be done with one backup: nothing that would be refused anyway.

    `lacking` are the databases that it does not hold and that are in trouble to this day: their screens come first.
    """
    here = details.backup

    def does(act: BackupAct) -> OfBackup:
        return OfBackup(act=act, id=here.id, page=page)

    back = back_row("History", History(page=page))
    copies = [
        *copy_button(words.COPY_SHA256, here.archive_sha256 if here.proven else ""),
        *copy_button(words.COPY_RESTORE, words.restore_command(details)),
    ]
    note = button("📝 Note", does(BackupAct.NOTE))
    restore = (
        [button("♻️ Restore", Restore(step=RestoreStep.CHOOSE, source=f"b{here.id}"))] if details.restorable else []
    )
    invite = invitation_row(details.deliveries) if here.on_disk else []  # what is gone nobody can be sent
    mend = database_row(lacking) if lacking else invite
    if not here.on_disk:
        return keyboard(mend, restore, [note] if here.proven else None, copies, back)
    pin = button("Unpin", does(BackupAct.UNPIN)) if here.pinned else button("📌 Pin", does(BackupAct.PIN))
    delete = button("🗑 Delete", does(BackupAct.ASK_DELETE), ButtonStyle.DANGER)
    return keyboard(
        mend,
        [button("📤 Send it to me again", does(BackupAct.SEND), None if mend else ButtonStyle.PRIMARY)],
        restore,
        [pin, note] if here.pinned else [pin, note, delete],
        copies,
        back,
    )


def ask_note(details: BackupDetails, page: int) -> InlineKeyboardMarkup:
    """Return the ways out of the question for a note."""
    here = details.backup
    remove = button("Remove the note", OfBackup(act=BackupAct.UNNOTE, id=here.id, page=page))
    back = button("Cancel", OfBackup(act=BackupAct.OPEN, id=here.id, page=page))
    return keyboard([remove] if here.note else None, [back])


def to_backup(backup_id: int, page: int) -> InlineKeyboardMarkup:
    """Return the button that leads to one backup."""
    return keyboard(back_row("Back", OfBackup(act=BackupAct.OPEN, id=backup_id, page=page)))


def confirm_delete(backup_id: int, page: int, asked_at: int) -> InlineKeyboardMarkup:
    """Return the second step of a deletion."""
    return keyboard(
        [button("🗑 Yes, delete it", Delete(id=backup_id, page=page, asked_at=asked_at), ButtonStyle.DANGER)],
        [button("Cancel", OfBackup(act=BackupAct.OPEN, id=backup_id, page=page))],
    )
