"""Buttons under messages that services send by themselves, and buttons that copy."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.types import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from bot.services.contracts.destination import NoticeButton

PER_ROW = 2
COPIED_LIMIT = 256  # characters; counted in UTF-16 units, the strictest way


def copy_button(text: str, copied: str) -> list[InlineKeyboardButton]:
    """Return a button that puts a line on the clipboard; none where Telegram would not take it.

    Apps copy by themselves: it works as long as the message is there, whether the bot runs or not.
    """
    if not copied.isprintable() or not 1 <= len(copied.encode("utf-16-le")) // 2 <= COPIED_LIMIT:
        return []
    return [InlineKeyboardButton(text=text, copy_text=CopyTextButton(text=copied))]


def keyboard_of(buttons: Sequence[NoticeButton]) -> InlineKeyboardMarkup | None:
    """Return the buttons in rows of two, which a phone shows whole; None where there are none."""
    every = [drawn for each in buttons for drawn in _drawn(each)]
    rows = [every[at : at + PER_ROW] for at in range(0, len(every), PER_ROW)]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


def _drawn(one: NoticeButton) -> list[InlineKeyboardButton]:
    if one.copies:
        return copy_button(one.text, one.copies)
    return [InlineKeyboardButton(text=one.text, callback_data=one.data, style=one.style or None)]
