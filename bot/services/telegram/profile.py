"""Sets what people see of the bot before they have written to it: its name and its two descriptions."""

from __future__ import annotations

from bot.services.telegram.requests import ANSWER_SECONDS, TelegramRequests


class TelegramProfile(TelegramRequests):
    """The public side of one bot."""

    async def describe(self, *, short: str, long: str) -> bool:
        """Set both descriptions where there is none yet; tell whether any was. Raises an `Outcome`.

        `short` (120 characters) stands in the profile, `long` (512) in the empty chat above Start.
        """
        told = False
        about = await self._ask(self._bot.get_my_short_description(request_timeout=ANSWER_SECONDS))
        if not about.short_description:
            await self._ask(self._bot.set_my_short_description(short, request_timeout=ANSWER_SECONDS))
            told = True
        description = await self._ask(self._bot.get_my_description(request_timeout=ANSWER_SECONDS))
        if not description.description:
            await self._ask(self._bot.set_my_description(long, request_timeout=ANSWER_SECONDS))
            told = True
        return told

    async def rename(self, name: str) -> None:
        """Give the bot another name (64 characters). Raises an `Outcome`: Telegram allows few changes a day."""
        await self._ask(self._bot.set_my_name(name, request_timeout=ANSWER_SECONDS))
