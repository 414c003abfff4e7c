"""Stores which bot the catalogue's message numbers and file_ids belong to, and that its token was once accepted.

Both mean nothing to another bot: "our" message number is somebody else's message in its chats.
"""

from __future__ import annotations

import hashlib

from bot.services.catalogue.connection import CatalogueTable, reading, writing

ANOTHER_BOT = "another bot sent it"

_BOT = "SELECT bot_id FROM telegram_bot"
_CHATS = "(address NOT LIKE '%:%' AND (address GLOB '[0-9]*' OR address GLOB '-[0-9]*'))"


class BotTable(CatalogueTable):
    """The row of telegram_bot, and what is forgotten of a bot that no longer serves here."""

    @reading
    async def served_by(self) -> int | None:
        """Return the id of the bot whose numbers are recorded here; None where that was never written down."""
        return await self._db.value(int, _BOT)

    @writing
    async def serve(self, bot_id: int) -> int | None:
        """Record which bot serves here from now on; return the id of the one before, if that was another one.

        What belonged to that one alone is forgotten in the same transaction: pins, digests and notes, the messages of
        alarms, file_ids, half deliveries, and whom it could reach. What it has delivered stays delivered, and is never
        deleted from the chats by the new one.
        """
        found = await self._db.value(int, _BOT)
        if found == bot_id:
            return None
        await self._db.upsert("telegram_bot", "id", id=1, bot_id=bot_id, good_token="")
        if found is None:  # of a catalogue that is new, or from before this was recorded
            return None
        await self._db.execute("DELETE FROM pinned_messages")
        await self._db.execute("DELETE FROM kept_messages")
        # An open alarm is told anew; the end of one that is over was owed to a message of the old bot's.
        await self._db.execute(
            f"DELETE FROM alarm_messages WHERE {_CHATS} AND alarm_id IN (SELECT id FROM alarms WHERE ended_at IS NULL)"
        )
        await self._db.execute(f"UPDATE alarm_messages SET done = 1, message_id = NULL WHERE {_CHATS}")
        await self._db.execute("UPDATE volumes SET file_id = NULL")
        await self._db.execute(
            f"DELETE FROM sent_volumes WHERE {_CHATS} AND (backup_id, address) IN"
            " (SELECT backup_id, address FROM deliveries WHERE state IN ('pending', 'sending', 'parked'))"
        )
        await self._db.execute(
            f"UPDATE sent_volumes SET undeletable = ? WHERE {_CHATS} AND deleted_at IS NULL", ANOTHER_BOT
        )
        await self._db.execute(
            f"UPDATE deliveries SET state = 'pending', reason = '', next_try_at = NULL, attempts = 0"
            f" WHERE {_CHATS} AND state IN ('sending', 'parked')"
        )
        await self._db.execute(
            f"UPDATE recipients SET parked_reason = '', last_sent_at = NULL, auto_delete = 0 WHERE {_CHATS}"
        )
        return found

    @reading
    async def token_was_good(self, token: str) -> bool:
        """Tell whether Telegram has ever accepted this very token for the bot that serves here."""
        return bool(await self._db.value(int, "SELECT good_token = ? FROM telegram_bot", _fingerprint(token)))

    @writing
    async def remember_good_token(self, token: str) -> None:
        """Record that Telegram accepts this token; of it only a fingerprint is kept."""
        await self._db.execute("UPDATE telegram_bot SET good_token = ?", _fingerprint(token))


def _fingerprint(token: str) -> str:
    # 210 random bits are in a token: nobody finds it by trying.
    return hashlib.sha256(token.encode()).hexdigest()[:32]
