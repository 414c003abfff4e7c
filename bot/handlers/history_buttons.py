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
    Mark,
    Marked,
    OfBackup,
    PageNumber,
    back_row,
    button,
    keyboard,
    of_backup,
    turn_pages,
)
from bot.models import BackupDetails, BackupPage
from bot.services.telegram.buttons import copy_button
from bot.texts import history as words


class Delete(CallbackData, prefix="erase"):
    """The confirmed deletion; `asked_at` (Unix time) lets an old question expire."""

    id: BackupId
    page: PageNumber
    asked_at: Annotated[int, Field(ge=0, lt=2**40)]
    mark: Mark


def history(page: BackupPage, labels: list[str]) -> InlineKeyboardMarkup:
    """Return one button per backup of a page, and the ways to the other pages."""
    rows = [
        [button(label, of_backup(BackupAct.OPEN, backup, page.page))]
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
        return of_backup(act, here, page)

    back = back_row("History", History(page=page))
    copies = [
        *copy_button(words.COPY_SHA256, here.archive_sha256 if here.proven else ""),
        *copy_button(words.COPY_RESTORE, words.restore_command(details)),
    ]
    note = button("📝 Note", does(BackupAct.NOTE))
    restore = [button("♻️ Restore", does(BackupAct.RESTORE))] if details.restorable else []
    owed = [(one.recipient, one.reason) for one in details.deliveries if not one.state.settled]
    invite = invitation_row(owed) if here.on_disk else []  # what is gone nobody can be sent
    mend = database_row(lacking) if lacking else invite
    if not here.on_disk:
        return keyboard(mend, restore, [note] if here.proven else None, copies, back)
    pin = button("Unpin", does(BackupAct.UNPIN)) if here.pinned else button("📌 Pin", does(BackupAct.PIN))
    delete = button("🗑 Delete", does(BackupAct.ASK_DELETE), ButtonStyle.DANGER)
    return keyboard(
        mend,
        [button("📤 Send it to me", does(BackupAct.SEND), None if mend else ButtonStyle.PRIMARY)],
        restore,
        [pin, note] if here.pinned else [pin, note, delete],
        copies,
        back,
    )


def ask_note(details: BackupDetails, page: int) -> InlineKeyboardMarkup:
    """Return the ways out of the question for a note."""
    here = details.backup
    remove = button("Remove the note", of_backup(BackupAct.UNNOTE, here, page))
    back = button("Cancel", of_backup(BackupAct.OPEN, here, page))
    return keyboard([remove] if here.note else None, [back])


def to_backup(backup: Marked, page: int) -> InlineKeyboardMarkup:
    """Return the button that leads to one backup."""
    return keyboard(back_row("Back", of_backup(BackupAct.OPEN, backup, page)))


def confirm_delete(backup: Marked, page: int, asked_at: int) -> InlineKeyboardMarkup:
    """Return the second step of a deletion."""
    yes = Delete(id=backup.id, page=page, asked_at=asked_at, mark=backup.mark)
    return keyboard(
        [button("🗑 Yes, delete it", yes, ButtonStyle.DANGER)],
        [button("Cancel", of_backup(BackupAct.OPEN, backup, page))],
    )
