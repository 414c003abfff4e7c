"""The buttons under the card after the first backup; they lead to screens that others handle."""

from __future__ import annotations

from bot.handlers.drawing.keyboards import Go, ScreenName
from bot.handlers.schedule_buttons import Every, Preset
from bot.services.contracts.destination import NoticeButton
from bot.texts.first_backup import RARER, STATUS


def card_buttons(*, rarer: bool) -> tuple[NoticeButton, ...]:
    """Return the way to Backup Status, and with `rarer` to a schedule that brings less into the chats."""
    status = NoticeButton(text=STATUS, data=Go(place=ScreenName.STATUS).pack())
    return (*((NoticeButton(text=RARER, data=Preset(every=Every.SIX_HOURS).pack()),) if rarer else ()), status)
