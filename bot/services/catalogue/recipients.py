"""Stores recipients in the catalogue: their names, what keeps them from being reached, and where groups moved to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from bot.models import NO_REASON, DeliveryReason, OutcomeCode, Reason, Recipient, RecipientStatus
from bot.services.catalogue.backup_rows import OWED
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_reason, as_recipient, as_time, from_row

AUTO_DELETING = "SELECT address, name, auto_delete FROM recipients WHERE auto_delete > 0"
_REACHABLE = "UPDATE recipients SET parked_reason = '', parked_since = NULL WHERE address = ?"
_TOPIC, _CLAIM = "topic:", "topic claim:"


class RecipientTable(CatalogueTable):
    """The rows of recipients and migrations."""

    @reading
    async def statuses(self, recipients: Iterable[Recipient]) -> tuple[RecipientStatus, ...]:
        """Return what is known of each recipient, in the order asked; `owed` counts pending, sending and parked."""
        rows = await self._db.rows("SELECT *, 0 AS owed, 0 AS invited FROM recipients")
        known = {row["address"]: from_row(RecipientStatus, row) for row in rows}
        counts = await self._db.rows(f"SELECT address, count(*) FROM deliveries WHERE {OWED} GROUP BY address")
        owed: dict[str, int] = dict(map(tuple, counts))
        return tuple(
            replace(
                known.get(recipient.address, RecipientStatus(recipient=recipient)), owed=owed.get(recipient.address, 0)
            )
            for recipient in recipients
        )

    @writing
    async def park(self, recipient: Recipient, reason: Reason) -> None:
        """Record why a recipient can't be reached; what it is owed is parked with it."""
        await self._park(recipient, reason)

    async def _park(self, recipient: Recipient, reason: Reason | str) -> None:
        await self._db.upsert("recipients", "address", address=recipient, parked_reason=reason)
        await self._db.execute(
            "UPDATE recipients SET parked_since = coalesce(parked_since, ?) WHERE address = ?",
            self._db.clock(),
            recipient,
        )
        await self._db.execute(
            f"UPDATE deliveries SET state = 'parked', reason = ?, next_try_at = NULL WHERE address = ? AND {OWED}",
            reason,
            recipient,
        )

    @writing
    async def still_parked(self, recipient: Recipient, reason: Reason = NO_REASON) -> bool:
        """Tell whether a recipient is parked; if so, all it is owed by now is, and for this reason where it is known.

        One who has come back meanwhile stays reachable, whatever was found out before.
        """
        known = await self._db.rows(
            "SELECT parked_reason FROM recipients WHERE address = ? AND parked_reason <> ''", recipient
        )
        for row in known:
            await self._park(recipient, reason or row["parked_reason"])
        return bool(known)

    @writing
    async def unpark(self, recipient: Recipient) -> None:
        """Record that a recipient can be reached again; its parked deliveries are pending, their attempts forgotten."""
        await self._db.execute(_REACHABLE, recipient)
        await self._db.execute(
            "UPDATE deliveries SET state = 'pending', reason = '', next_try_at = NULL, attempts = 0"
            " WHERE address = ? AND state = 'parked'",
            recipient,
        )

    async def let_go(self, recipients: Iterable[Recipient], reason: Reason, *, keep: Iterable[Recipient] = ()) -> None:
        """Owe nothing more to those who receive backups no longer, for this reason; nobody else's trouble is forgotten.

        Whoever is not among `keep` is no longer parked either: nothing is sent to them.
        """
        gone, kept = await self.all_current(recipients), await self.all_current(keep)
        await self._let_go([one for one in gone if one.is_chat], reason, kept)

    @writing
    async def _let_go(self, gone: Iterable[Recipient], reason: Reason, kept: Iterable[Recipient]) -> None:
        for recipient in gone:
            await self._db.execute(
                "UPDATE deliveries SET state = 'superseded', next_try_at = NULL, reason = ?"
                f" WHERE address = ? AND {OWED}",
                reason,
                recipient,
            )
            if recipient not in kept:
                await self._db.execute(_REACHABLE, recipient)

    @reading
    async def parked(self) -> dict[Recipient, Reason]:
        """Return who can't be reached, and why."""
        rows = await self._db.rows(
            "SELECT address, parked_reason FROM recipients WHERE parked_reason <> '' ORDER BY address"
        )
        return {as_recipient(row["address"]): as_reason(row["parked_reason"]) for row in rows}

    @writing
    async def set_name(self, recipient: Recipient, name: str) -> None:
        await self._db.upsert("recipients", "address", address=recipient, name=name)

    @writing
    async def set_auto_delete(self, recipient: Recipient, seconds: int) -> None:
        """Record after how many seconds a chat deletes its messages by itself; 0: it does not."""
        await self._db.upsert("recipients", "address", address=recipient, auto_delete=seconds)

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
        await self._db.execute("DELETE FROM migrations WHERE old_chat_id = ?", new_chat_id)  # no way round in a circle
        await self._db.upsert(
            "migrations", "old_chat_id", old_chat_id=old_chat_id, new_chat_id=new_chat_id, at=self._db.clock()
        )
        old, new = str(old_chat_id), str(new_chat_id)
        theirs, whose = "(address = ? OR substr(address, 1, ?) = ?)", (old, len(old) + 1, f"{old}/")
        # Message numbers begin anew in a supergroup: one from before the move means another message there.
        await self._db.execute(
            f"UPDATE sent_volumes SET undeletable = ? WHERE {theirs} AND deleted_at IS NULL",
            OutcomeCode.BEFORE_THE_MOVE,
            *whose,
        )
        await self._db.execute(f"DELETE FROM kept_messages WHERE {theirs}", *whose)
        await self._db.execute(f"UPDATE alarm_messages SET done = 1 WHERE {theirs}", *whose)
        for table in ("recipients", "deliveries"):
            # OR IGNORE: where the new id has a row of its own, that one is the truth.
            await self._db.execute(
                f"UPDATE OR IGNORE {table} SET address = ? || substr(address, ?) WHERE {theirs}",
                new,
                len(old) + 1,
                *whose,
            )
        await self._db.execute(
            f"UPDATE deliveries SET state = 'superseded', next_try_at = NULL, reason = ? WHERE {OWED} AND {theirs}",
            Reason(DeliveryReason.NEW_ID),
            *whose,
        )
        await self._db.execute(f"DELETE FROM recipients WHERE {theirs}", *whose)

    @writing
    async def claim_topic(self, chat_id: int, lease: timedelta) -> bool:
        """Take on making the topic of a group; False while somebody else, here or in another process, does so."""
        now, key = self._db.clock(), f"{_CLAIM}{chat_id}"
        claimed = await self._db.meta(as_time, key)
        if claimed is not None and timedelta() <= now - claimed < lease:
            return False
        await self._db.set_meta(key, now)
        return True

    @writing
    async def set_topic(self, recipient: Recipient, thread_id: int | None) -> None:
        """Record the topic that was made in the place of a recipient: its own, or one that is gone; None: none was.

        What is still owed there is owed in the new one, from its first volume on.
        """
        await self._db.execute("DELETE FROM meta WHERE key = ?", f"{_CLAIM}{recipient.chat_id}")
        if thread_id is None:
            return
        await self._db.set_meta(f"{_TOPIC}{recipient.chat_id}", thread_id)
        made = replace(recipient, thread_id=thread_id)
        await self._db.execute(
            "DELETE FROM sent_volumes WHERE address = ? AND backup_id IN"
            f" (SELECT backup_id FROM deliveries WHERE address = ? AND {OWED})",
            recipient,
            recipient,
        )
        await self._db.execute(
            f"UPDATE OR IGNORE deliveries SET address = ? WHERE address = ? AND {OWED}", made, recipient
        )
        await self._db.execute(
            "UPDATE OR IGNORE recipients SET address = ?, parked_reason = '', parked_since = NULL WHERE address = ?",
            made,
            recipient,
        )
        await self._db.execute("DELETE FROM recipients WHERE address = ?", recipient)
        await self._db.execute(f"DELETE FROM deliveries WHERE address = ? AND {OWED}", recipient)

    @writing
    async def learn_topic(self, chat_id: int, thread_id: int) -> None:
        """Take over which topic of ours there is in a group, where none is known here."""
        if await self._db.meta(int, f"{_TOPIC}{chat_id}") is None:
            await self._db.set_meta(f"{_TOPIC}{chat_id}", thread_id)

    @reading
    async def topic(self, chat_id: int) -> int | None:
        """Return the topic of ours that was made in a group last."""
        return await self._db.meta(int, f"{_TOPIC}{chat_id}")

    async def current(self, recipient: Recipient) -> Recipient:
        """Return the recipient under its present id, over every move remembered; itself when it never moved."""
        return (await self.all_current([recipient]))[0]

    @reading
    async def all_current(self, recipients: Iterable[Recipient]) -> tuple[Recipient, ...]:
        """Return recipients under their present ids, each of them once, a topic of our own under its number."""
        moves = dict(tuple(row) for row in await self._db.rows("SELECT old_chat_id, new_chat_id FROM migrations"))

        def moved(chat_id: int) -> int:
            for _ in moves:  # no more steps than moves, whatever the rows say
                chat_id = moves.get(chat_id, chat_id)
            return chat_id

        rows = await self._db.rows(f"SELECT key, value FROM meta WHERE key LIKE '{_TOPIC}%'")
        topics = {int(row["key"].removeprefix(_TOPIC)): int(row["value"]) for row in rows}

        def present(one: Recipient) -> Recipient:
            chat_id = moved(one.chat_id)
            return replace(
                one, chat_id=chat_id, thread_id=topics.get(chat_id, one.thread_id) if one.is_auto else one.thread_id
            )

        return tuple(dict.fromkeys(present(one) if one.is_chat else one for one in recipients))
