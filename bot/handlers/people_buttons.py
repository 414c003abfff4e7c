"""The buttons of Admins and Where backups go, and Telegram's own pickers, which only private chats have."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    KeyboardButtonRequestChat,
    KeyboardButtonRequestUsers,
    ReplyKeyboardMarkup,
)
from pydantic import Field

from bot.handlers.drawing.keyboards import Section, SettingsButton, back_row, button, keyboard
from bot.models import Recipient, RecipientStatus
from bot.texts import people as words
from bot.texts.markup import shortened

_MOST = 40
"""Buttons of one screen; more people than this are removed in `.env`."""


class Act(StrEnum):
    """What is done with a list."""

    ADD = "add"
    ASK = "ask"
    REMOVE = "remove"
    ASK_RESET = "askreset"
    RESET = "reset"


class OfAdmins(CallbackData, prefix="adm"):
    """Something about the admins; `id` is whom it is about, 0 for nobody."""

    act: Act
    id: Annotated[int, Field(ge=0, lt=1 << 52)] = 0


class OfPlaces(CallbackData, prefix="place"):
    """Something about where backups go; `key` is short for a chat."""

    act: Act
    key: Annotated[str, Field(pattern="^([0-9a-f]{12})?$")] = ""


class InGroup(CallbackData, prefix="group"):
    """Let backups go to a group that has topics: into one of its own, or into its general one."""

    chat: Annotated[int, Field(gt=-(1 << 52), lt=0)]
    topic: bool


def key_of(chat: Recipient) -> str:
    """Return the short id of a chat."""
    return sha256(chat.address.encode()).hexdigest()[:12]


_TO_SETTINGS = back_row("Back", SettingsButton(section=Section.ALL))


def admins(statuses: Sequence[RecipientStatus], *, chosen: bool) -> InlineKeyboardMarkup:
    """Return a way to add an admin, and one to remove each, as long as there is another."""
    rows = [[_remove(one, OfAdmins(act=Act.ASK, id=one.recipient.chat_id))] for one in statuses[:_MOST]]
    return keyboard(
        [button("➕ Add an admin", OfAdmins(act=Act.ADD), ButtonStyle.PRIMARY)],
        *(rows if len(statuses) > 1 else []),
        [button("↩️ Back to .env", OfAdmins(act=Act.ASK_RESET))] if chosen else None,
        _TO_SETTINGS,
    )


def places(
    statuses: Sequence[RecipientStatus], absent: Sequence[RecipientStatus], *, chosen: bool, last: bool
) -> InlineKeyboardMarkup:
    """Return a way to add a group or an admin who is `absent`, and one to remove each, unless it is the last."""
    rows = [[_remove(one, OfPlaces(act=Act.ASK, key=key_of(one.recipient)))] for one in statuses[:_MOST]]
    return keyboard(
        [button("➕ Add a group", OfPlaces(act=Act.ADD), ButtonStyle.PRIMARY)],
        *([button(f"➕ {_label(one)}", OfPlaces(act=Act.ADD, key=key_of(one.recipient)))] for one in absent[:_MOST]),
        *([] if last else rows),
        [button("↩️ Back to .env", OfPlaces(act=Act.ASK_RESET))] if chosen else None,
        _TO_SETTINGS,
    )


def sure(label: str, yes: CallbackData, section: Section) -> InlineKeyboardMarkup:
    """Return the second step of a change."""
    return keyboard([button(label, yes, ButtonStyle.DANGER)], [button("Cancel", SettingsButton(section=section))])


def topic_or_group(chat_id: int) -> InlineKeyboardMarkup:
    """Return the two ways into a group that has topics."""
    return keyboard(
        [button("🧵 A topic of its own", InGroup(chat=chat_id, topic=True), ButtonStyle.PRIMARY)],
        [button("👥 The group as it is", InGroup(chat=chat_id, topic=False))],
        [button("Cancel", SettingsButton(section=Section.PLACES))],
    )


def person_picker() -> ReplyKeyboardMarkup:
    """Return the button that opens Telegram's list of people."""
    request = KeyboardButtonRequestUsers(request_id=1, user_is_bot=False, max_quantity=1, request_name=True)
    return _picker(KeyboardButton(text=words.CHOOSE_PERSON, request_users=request))


def group_picker() -> ReplyKeyboardMarkup:
    """Return the button that opens Telegram's list of groups that the bot is in."""
    request = KeyboardButtonRequestChat(request_id=1, chat_is_channel=False, bot_is_member=True, request_title=True)
    return _picker(KeyboardButton(text=words.CHOOSE_GROUP, request_chat=request))


def _picker(choose: KeyboardButton) -> ReplyKeyboardMarkup:
    rows = [[choose], [KeyboardButton(text=words.CANCEL)]]
    return ReplyKeyboardMarkup(keyboard=rows, resize_keyboard=True, one_time_keyboard=True)


def _remove(one: RecipientStatus, data: CallbackData) -> InlineKeyboardButton:
    return button(f"🗑 {_label(one)}", data)


def _label(one: RecipientStatus) -> str:
    return shortened(one.name or one.recipient.called, 30)
