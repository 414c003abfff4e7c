"""The buttons that lead to pictures, and those beneath one."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.charts.png import can_draw
from bot.handlers.drawing.keyboards import DatabaseKey, Row, button, keyboard
from bot.models import Span
from bot.texts import pictures as texts


class PictureKind(StrEnum):
    GROWTH = "growth"
    YEAR = "year"
    REACH = "reach"


class PictureButton(CallbackData, prefix="pic"):
    """A picture; of one database where `key` says which."""

    kind: PictureKind = PictureKind.GROWTH
    span: Span = Span.WEEK
    key: DatabaseKey = ""


class ReportButton(CallbackData, prefix="report"):
    """The page with all pictures, as a file."""


class PutAway(CallbackData, prefix="away"):
    """Take the picture out of the chat."""


def database_key(name: str) -> str:
    """Return the short id of a database in buttons: the same after every restart."""
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12]


def picture_buttons() -> Row:
    """Return the buttons to the pictures, where the extra `charts` is there, and to the report."""
    pictures = [button("📈 Charts", PictureButton())] if can_draw() else []
    return [*pictures, button("📄 Report", ReportButton())]


def picture_of(name: str) -> Row:
    """Return the button to the picture of one database; none where the extra `charts` is not installed."""
    return [button("📈 Chart", PictureButton(key=database_key(name)))] if can_draw() else []


def under_picture(shown: PictureButton) -> InlineKeyboardMarkup:
    """Return the other pictures; what is shown is marked."""

    def choice(words: str, data: PictureButton) -> InlineKeyboardButton:
        return button(f"• {words}" if data == shown else words, data)

    spans = [choice(words, PictureButton(span=span, key=shown.key)) for span, words in texts.SPANS.items()]
    others = [
        choice("🗓 Year", PictureButton(kind=PictureKind.YEAR, key=shown.key)),
        choice("⏳ How far back", PictureButton(kind=PictureKind.REACH, key=shown.key)),
    ]
    return keyboard(spans, others, [button("✖️ Close", PutAway())])
