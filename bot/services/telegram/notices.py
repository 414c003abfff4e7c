"""Sends notices to Telegram: texts with buttons that are edited later, and messages that are deleted again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from aiogram import Bot
from aiogram.enums import ParseMode
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup, ReplyParameters

from bot.models import Recipient
from bot.services.contracts.destination import MessageGone, Notice, NotModified, Undeletable
from bot.services.telegram.buttons import keyboard_of
from bot.services.telegram.requests import ANSWER_SECONDS, TelegramRequests, thread_of

AT_ONCE = 100  # https://core.telegram.org/bots/api#deletemessages


class TelegramNotices(TelegramRequests):
    """The chats of one bot, for texts that are edited and messages that are deleted. Raises an `Outcome`."""

    def __init__(self, bot: Bot, *, sign: Callable[[str], str] = str, buttons: bool = True) -> None:
        """`sign` says in every text which server it comes from; without `buttons` none is shown: nobody hears them."""
        super().__init__(bot)
        self._sign, self._buttons = sign, buttons

    async def send(self, recipient: Recipient, notice: Notice) -> int:
        """Send a text with buttons, in answer to an older message where that is still there; raises an `Outcome`."""
        answers = ReplyParameters(message_id=notice.answers, allow_sending_without_reply=True)
        message = await self._ask(
            self._bot.send_message(
                recipient.chat_id,
                self._sign(notice.html),
                parse_mode=ParseMode.HTML,
                disable_notification=notice.silent,
                message_thread_id=thread_of(recipient),
                reply_markup=self._keyboard(notice),
                reply_parameters=answers if notice.answers is not None else None,
                request_timeout=ANSWER_SECONDS,
            )
        )
        return message.message_id

    async def send_picture(self, recipient: Recipient, png: bytes, caption: str) -> int:
        """Send a picture silently; raises an `Outcome`."""
        message = await self._ask(
            self._bot.send_photo(
                recipient.chat_id,
                BufferedInputFile(png, "picture.png"),
                caption=self._sign(caption),
                parse_mode=ParseMode.HTML,
                disable_notification=True,
                message_thread_id=thread_of(recipient),
                request_timeout=ANSWER_SECONDS,
            )
        )
        return message.message_id

    async def edit(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        """Replace text and buttons of a message; one that is so already is no error. Raises an `Outcome`."""
        with suppress(NotModified):
            await self._ask(
                self._bot.edit_message_text(
                    self._sign(notice.html),
                    chat_id=recipient.chat_id,
                    message_id=message_id,
                    parse_mode=ParseMode.HTML,
                    reply_markup=self._keyboard(notice),
                    request_timeout=ANSWER_SECONDS,
                )
            )

    async def delete(self, recipient: Recipient, message_id: int) -> None:
        """Delete a message, which Telegram allows for 48 hours; raises an `Outcome`."""
        await self._ask(self._bot.delete_message(recipient.chat_id, message_id, request_timeout=ANSWER_SECONDS))

    async def delete_messages(self, recipient: Recipient, message_ids: Sequence[int]) -> None:
        """Delete messages together, so that a shutdown leaves no half of them; one that is gone already is no error.

        Telegram refuses a whole call for one message that can't be deleted: they are then taken one by one. Raises
        `Undeletable` in the end where it refused one for good.
        """
        refusal: Undeletable | None = None
        for start in range(0, len(message_ids), AT_ONCE):
            some = list(message_ids[start : start + AT_ONCE])
            try:
                if len(some) > 1:
                    await self._ask(self._bot.delete_messages(recipient.chat_id, some, request_timeout=ANSWER_SECONDS))
                    continue
            except MessageGone:
                pass
            for message_id in some:
                try:
                    await self._ask(
                        self._bot.delete_message(recipient.chat_id, message_id, request_timeout=ANSWER_SECONDS)
                    )
                except Undeletable as outcome:
                    refusal = outcome
                except MessageGone:
                    continue
        if refusal is not None:
            raise refusal

    def _keyboard(self, notice: Notice) -> InlineKeyboardMarkup | None:
        return keyboard_of(notice.buttons) if self._buttons else None
