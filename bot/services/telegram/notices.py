"""Sends notices to Telegram: texts that are edited over a day, and messages that are deleted again."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.exceptions import TelegramAPIError

from bot.models import Recipient
from bot.services.contracts.destination import MessageGone, Outcome, Undeletable
from bot.services.telegram.destination import ANSWER_SECONDS, TelegramDestination

AT_ONCE = 100  # https://core.telegram.org/bots/api#deletemessages


class TelegramNotices(TelegramDestination):
    """The chats of one bot, for texts that are edited and messages that are deleted. Raises an `Outcome`."""

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
            except (Undeletable, MessageGone):
                pass
            for message_id in some:
                try:
                    await self._ask(
                        self._bot.delete_message(recipient.chat_id, message_id, request_timeout=ANSWER_SECONDS)
                    )
                except MessageGone:
                    continue
                except Undeletable as outcome:
                    refusal = outcome
        if refusal is not None:
            raise refusal

    def _read_refusal(self, error: TelegramAPIError, upload: object, file_id: str | None) -> Outcome:
        text = str(error.message).casefold()
        if "message can't be deleted" in text or "message_delete_forbidden" in text:
            return Undeletable("message can't be deleted")
        return super()._read_refusal(error, None, file_id)
