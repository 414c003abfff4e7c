"""Buttons under messages that services send by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.services.contracts.destination import NoticeButton

PER_ROW = 2


def keyboard_of(buttons: Sequence[NoticeButton]) -> InlineKeyboardMarkup | None:
    """Return the buttons in rows of two, which a phone shows whole; None where there are none."""
    every = [
        InlineKeyboardButton(text=each.text, callback_data=each.data, style=each.style or None) for each in buttons
    ]
    rows = [every[at : at + PER_ROW] for at in range(0, len(every), PER_ROW)]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None
