"""Draws screens one after another in the one message of the bot."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum, auto

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, LinkPreviewOptions, Message, User

from bot.clock import Clock
from bot.services.concurrency.tickets import Tickets
from bot.services.telegram.refusals import GONE_MESSAGES
from bot.texts.answers import UP_TO_DATE
from bot.texts.markup import ANSWER_LIMIT, cut

EDITABLE_FOR = timedelta(hours=48)
"""A message older than this lies far up in the chat: its button is answered at the bottom, in a new message."""

_GONE = (*GONE_MESSAGES, "there is no text in the message to edit")
_TOO_OLD = ("query is too old", "query id is invalid")
_REMEMBERED = 1000
# Names like shop.app would otherwise be taken for addresses and previewed.
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True, slots=True)
class Screen:
    """What a message shows: HTML within Telegram's limits, and the buttons under it."""

    text: str
    keyboard: InlineKeyboardMarkup | None = None


class MessageOwners:
    """Knows, for every message with buttons, who drew there last.

    Handlers run at the same time, and a slow one must not paint over what a later press has opened: only the holder of
    a message's newest ticket may draw in it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest = Tickets[str](clock, most=_REMEMBERED)
        self._tickets = itertools.count(1)

    def new(self, bot: Bot, chat_id: int) -> MessageSlot:
        """Return a place for a new message in a chat."""
        return MessageSlot(self, bot, chat_id, f"message {next(self._tickets)}")

    def press(self, bot: Bot, callback: CallbackQuery, *, claim: bool = True) -> ButtonPress:
        """Return the press with the place its answer is drawn in: its own message where that can still be edited.

        `claim` makes it the newest on its message; without it, it draws only as long as nobody came after it.
        """
        slot = MessageSlot(self, bot, callback.from_user.id, callback.id)
        if callback.message is not None:
            slot.chat_id = callback.message.chat.id
            slot.origin = (slot.chat_id, callback.message.message_id)
            former = self._newest.find(slot.origin)
            slot.former = former.value if former is not None else ""
            if claim:
                self.claim(slot.origin, callback.id)
        if isinstance(callback.message, Message) and self._clock() - callback.message.date < EDITABLE_FOR:
            slot.message_id = callback.message.message_id
        return ButtonPress(callback, slot)

    def claim(self, place: tuple[int, int], ticket: str) -> None:
        """Give a message to a new holder."""
        self._newest.issue(ticket, under=place)

    def holds(self, place: tuple[int, int] | None, ticket: str) -> bool:
        """Tell whether nobody has claimed the message since."""
        newest = self._newest.find(place)
        return newest is None or newest.value == ticket


def actor_of(person: User) -> str:
    """Return a person by name and id, for the record."""
    return f"{person.full_name} ({person.id})"


class Albums:
    """Remembers which albums were answered: each arrives as one message per item, and gets one answer."""

    def __init__(self) -> None:
        self._answered: deque[str] = deque(maxlen=32)

    def is_new(self, message: Message) -> bool:
        """Tell whether a message is to be answered: it is in no album, or the first of its album to ask."""
        album = message.media_group_id
        if album is not None and album in self._answered:
            return False
        if album is not None:
            self._answered.append(album)
        return True


class Edited(Enum):
    """What became of an edit; GONE where the message was deleted or can't be edited any more."""

    CHANGED = auto()
    AS_BEFORE = auto()
    GONE = auto()


@dataclass(slots=True)
class MessageSlot:
    """One message of the bot, or the place for one that is yet to be sent."""

    owners: MessageOwners
    bot: Bot
    chat_id: int
    ticket: str
    message_id: int | None = None
    origin: tuple[int, int] | None = None
    former: str = ""

    @property
    def current(self) -> bool:
        """Whether this is still what the person looks at: no later press has opened something else here."""
        return self.owners.holds(self.origin, self.ticket)

    def anew(self) -> MessageSlot:
        """Return a place for a new message in the same chat."""
        return self.owners.new(self.bot, self.chat_id)

    async def draw(self, screen: Screen) -> bool:
        """Show the screen: in place, or in a new message where the old one is gone. Nothing once it is not current.

        Returns whether anything is to be seen that was not there before.
        """
        if not self.current:
            return True  # by whatever was pressed later
        if self.message_id is not None and (edited := await self.edit(screen)) is not Edited.GONE:
            return edited is Edited.CHANGED
        sent = await self.bot.send_message(
            self.chat_id, screen.text, parse_mode="HTML", reply_markup=screen.keyboard, link_preview_options=_NO_PREVIEW
        )
        self.message_id = sent.message_id
        self.origin = (self.chat_id, sent.message_id)
        self.owners.claim(self.origin, self.ticket)
        return True

    async def edit(self, screen: Screen) -> Edited:
        """Show the screen in place, if the message is still there and can be edited."""
        if self.message_id is None:
            return Edited.GONE
        try:
            await self.bot.edit_message_text(
                screen.text,
                chat_id=self.chat_id,
                message_id=self.message_id,
                parse_mode="HTML",
                reply_markup=screen.keyboard,
                link_preview_options=_NO_PREVIEW,
            )
        except TelegramBadRequest as error:
            said = error.message.lower()
            if "message is not modified" in said:
                return Edited.AS_BEFORE
            if any(text in said for text in _GONE):
                return Edited.GONE
            raise
        return Edited.CHANGED


@dataclass(slots=True)
class ButtonPress:
    """A pressed button: it is owed an answer, and draws where it was pressed."""

    callback: CallbackQuery
    slot: MessageSlot
    _answered: bool = field(default=False)

    @property
    def admin_id(self) -> int:
        """Who pressed."""
        return self.callback.from_user.id

    @property
    def chat_id(self) -> int:
        """Where it was pressed."""
        return self.slot.chat_id

    @property
    def person(self) -> str:
        """Who pressed, by name."""
        return self.callback.from_user.full_name

    @property
    def actor(self) -> str:
        """Who pressed, by name and id, for the record."""
        return actor_of(self.callback.from_user)

    def below(self) -> ButtonPress:
        """Leave the message as it is and answer in a new one: this one tells something that is to stay."""
        self.give_back()
        return replace(self, slot=self.slot.anew())

    def give_back(self) -> None:
        """Leave the message to whoever drew in it before: this press changes nothing there."""
        slot = self.slot
        if slot.origin is not None and slot.former and slot.current:
            slot.owners.claim(slot.origin, slot.former)

    async def draw(self, screen: Screen, toast: str = "", *, unchanged: str = "") -> None:
        """Show the screen, and answer the press if nothing has yet: with `unchanged` where it changed nothing.

        No press ends without anything to be seen or read.
        """
        changed = await self.slot.draw(screen)
        if not self._answered:
            await self.answer(toast if changed else unchanged or toast or UP_TO_DATE)

    async def answer(self, toast: str = "", *, alert: bool = False) -> None:
        """Stop the button's spinner, with a short plain text or without; a press too old for an answer is no error."""
        self._answered = True
        try:
            await self.callback.answer(cut(toast, ANSWER_LIMIT) or None, show_alert=alert)
        except TelegramBadRequest as error:
            if not any(text in error.message.lower() for text in _TOO_OLD):
                raise
