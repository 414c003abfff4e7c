"""Stores recipients in the catalogue: their names, what keeps them from being reached, and where groups moved to."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

from collections.abc import Iterable

from bot.models import Recipient, RecipientStatus
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.deliveries import OWED, as_recipient
from bot.services.catalogue.values import as_text, as_time_or_none

AUTO_DELETING = "SELECT address, name, auto_delete FROM recipients WHERE auto_delete > 0"
BEFORE_THE_MOVE = "it was sent before the group became a supergroup"


class RecipientTable(CatalogueTable):
    """The rows of recipients and migrations."""

    @reading
    async def statuses(self, recipients: Iterable[Recipient]) -> tuple[RecipientStatus, ...]:
        """Return what is known of each recipient, in the order asked; `owed` counts pending, sending and parked."""
        known = {row["address"]: row for row in await self._db.rows("SELECT * FROM recipients")}
        owed = {
            row["address"]: row["owed"]
            for row in await self._db.rows(
                f"SELECT address, count(*) AS owed FROM deliveries WHERE {OWED} GROUP BY address"
            )
        }
        statuses = []
        for recipient in recipients:
            row = known.get(recipient.address)
            statuses.append(
                RecipientStatus(
                    recipient=recipient,
                    name=row["name"] if row else "",
                    parked_reason=row["parked_reason"] if row else "",
                    last_sent_at=as_time_or_none(row["last_sent_at"]) if row else None,
                    owed=owed.get(recipient.address, 0),
                )
            )
        return tuple(statuses)

    @writing
    async def park(self, recipient: Recipient, reason: str) -> None:
        """Record why a recipient can't be reached, in a sentence for people; what it is owed is parked with it."""
        await self._db.execute(
            "INSERT INTO recipients (address, parked_reason) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET parked_reason = excluded.parked_reason",
            (recipient.address, reason),
        )
        await self._db.execute(
            f"UPDATE deliveries SET state = 'parked', reason = ?, next_try_at = NULL WHERE address = ? AND {OWED}",
            (reason, recipient.address),
        )

    @writing
    async def unpark(self, recipient: Recipient) -> None:
        """Record that a recipient can be reached again; its parked deliveries are pending, their attempts forgotten."""
        await self._db.execute("UPDATE recipients SET parked_reason = '' WHERE address = ?", (recipient.address,))
        await self._db.execute(
            "UPDATE deliveries SET state = 'pending', reason = '', next_try_at = NULL, attempts = 0"
            " WHERE address = ? AND state = 'parked'",
            (recipient.address,),
        )

    @reading
    async def parked(self) -> dict[Recipient, str]:
        """Return who can't be reached, and why."""
        rows = await self._db.rows(
            "SELECT address, parked_reason FROM recipients WHERE parked_reason <> '' ORDER BY address"
        )
        return {as_recipient(row["address"]): row["parked_reason"] for row in rows}

    @writing
    async def set_name(self, recipient: Recipient, name: str) -> None:
        await self._db.execute(
            "INSERT INTO recipients (address, name) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET name = excluded.name",
            (recipient.address, name),
        )

    @writing
    async def set_auto_delete(self, recipient: Recipient, seconds: int) -> None:
        """Record after how many seconds a chat deletes its messages by itself; 0: it does not."""
        await self._db.execute(
            "INSERT INTO recipients (address, auto_delete) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET auto_delete = excluded.auto_delete",
            (recipient.address, seconds),
        )

    @reading
    async def auto_deleting(self) -> tuple[tuple[Recipient, str, int], ...]:
        """Return the chats that delete their messages by themselves, with their names and the seconds."""
        rows = await self._db.rows(AUTO_DELETING)
        return tuple((as_recipient(row["address"]), row["name"], row["auto_delete"]) for row in rows)

    @writing
    async def migrate(self, old_chat_id: int, new_chat_id: int) -> None:
        """Remember that a group became a supergroup, and move what is recorded of it, topics too, to its new id.

        The Bot API names the new id in `migrate_to_chat_id` (https://core.telegram.org/bots/api#responseparameters).
        """
        if old_chat_id == new_chat_id:
            return
        await self._db.execute(
            "DELETE FROM migrations WHERE old_chat_id = ?", (new_chat_id,)
        )  # no way round in a circle
        await self._db.execute(
            "INSERT INTO migrations (old_chat_id, new_chat_id, at) VALUES (?, ?, ?) ON CONFLICT (old_chat_id)"
            " DO UPDATE SET new_chat_id = excluded.new_chat_id, at = excluded.at",
            (old_chat_id, new_chat_id, as_text(self._db.clock())),
        )
        old, new = str(old_chat_id), str(new_chat_id)
        theirs = "(address = ? OR substr(address, 1, ?) = ?)"
        # Message numbers begin anew in a supergroup: one from before the move means another message there.
        await self._db.execute(
            f"UPDATE sent_volumes SET undeletable = ? WHERE {theirs} AND deleted_at IS NULL",
            (BEFORE_THE_MOVE, old, len(old) + 1, f"{old}/"),
        )
        await self._db.execute(f"DELETE FROM kept_messages WHERE {theirs}", (old, len(old) + 1, f"{old}/"))
        await self._db.execute(f"UPDATE alarm_messages SET done = 1 WHERE {theirs}", (old, len(old) + 1, f"{old}/"))
        for table in ("recipients", "deliveries"):
            # OR IGNORE: where the new id has a row of its own, that one is the truth.
            await self._db.execute(
                f"UPDATE OR IGNORE {table} SET address = ? || substr(address, ?) WHERE {theirs}",
                (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
            )
        await self._db.execute(
            "UPDATE deliveries SET state = 'superseded', next_try_at = NULL, reason = 'the chat has a new id'"
            f" WHERE {OWED} AND {theirs}",
            (old, len(old) + 1, f"{old}/"),
        )
        await self._db.execute(f"DELETE FROM recipients WHERE {theirs}", (old, len(old) + 1, f"{old}/"))

    @reading
    async def current(self, recipient: Recipient) -> Recipient:
        """Return the recipient under its present id, over every move remembered; itself when it never moved."""
        if not recipient.is_chat:
            return recipient
        moves = dict(tuple(row) for row in await self._db.rows("SELECT old_chat_id, new_chat_id FROM migrations"))
        chat_id = recipient.chat_id
        for _ in moves:  # no more steps than moves, whatever the rows say
            if chat_id not in moves:
                break
            chat_id = moves[chat_id]
        return Recipient(chat_id=chat_id, thread_id=recipient.thread_id)
