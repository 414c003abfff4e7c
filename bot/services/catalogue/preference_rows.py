"""Stores the message preferences of admins, the messages edited over a day, and those that were tidied away."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.models import Backup, BackupState, Delivery, DeliveryState, MessageChoice, MessageMode, QuietHours, Recipient
from bot.services.catalogue.backup_rows import BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.delivery_rows import DeliveryRows
from bot.services.catalogue.newest import NEWEST_FIRST_SQL
from bot.services.catalogue.values import as_text, as_text_or_none, as_time_or_none

FORGET_AFTER = timedelta(days=4)
"""Messages written longer ago are not edited any more."""

WHOLE = """deliveries.state = 'sent' AND NOT EXISTS (
    SELECT 1 FROM sent_volumes AS gone WHERE gone.backup_id = deliveries.backup_id
    AND gone.address = deliveries.address AND gone.deleted_at IS NOT NULL
)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message that is edited in place. `shown` is the hash of what stands there."""

    recipient: Recipient
    kind: str
    subject: str
    message_id: int
    shown: str


class PreferenceRows(DeliveryRows, BackupRows):
    """The rows of preferences and kept_messages, and deliveries seen from the chat."""

    @reading
    async def choice(self, admin_id: int) -> MessageChoice:
        """Return what an admin chose; the default where nothing was."""
        row = await self.row("SELECT * FROM preferences WHERE admin_id = ?", (admin_id,))
        if row is None:
            return MessageChoice()
        quiet = None
        if row["quiet_start"] is not None:
            quiet = QuietHours(start=row["quiet_start"], end=row["quiet_end"], alarms=bool(row["quiet_alarms"]))
        return MessageChoice(
            mode=MessageMode(row["mode"]),
            quiet=quiet,
            databases=None if row["databases"] is None else frozenset(json.loads(row["databases"])),
            since=as_time_or_none(row["since"]),
        )

    @writing
    async def set_choice(self, admin_id: int, choice: MessageChoice) -> None:
        quiet, names = choice.quiet, choice.databases
        await self.execute(
            "INSERT OR REPLACE INTO preferences"
            " (admin_id, mode, since, quiet_start, quiet_end, quiet_alarms, databases) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                admin_id,
                str(choice.mode),
                as_text_or_none(choice.since),
                quiet.start if quiet else None,
                quiet.end if quiet else None,
                int(quiet.alarms) if quiet else 0,
                None if names is None else json.dumps(sorted(names), ensure_ascii=False),
            ),
        )

    # --- what is due ---------------------------------------------------------------------------------------------

    @writing
    async def apportion(
        self, backup_id: int, due: Iterable[Recipient], spared: Iterable[tuple[Recipient, str]], same_as: int | None
    ) -> None:
        """Owe a backup to some recipients and record for the others, in a sentence, why it is not due to them.

        What is recorded already stays as it is. Raises NotFoundError.
        """
        await self._require(backup_id)
        for recipient in due:
            await self._ensure(backup_id, recipient, DeliveryState.PENDING)
        for recipient, reason in spared:
            await self._ensure(backup_id, recipient, DeliveryState.NOT_DUE)
            await self.execute(
                "UPDATE deliveries SET reason = ? WHERE backup_id = ? AND address = ? AND state = 'not due'",
                (reason, backup_id, recipient.address),
            )
        await self._change(backup_id, "same_as", same_as)

    @reading
    async def last_delivered(self, recipients: Iterable[Recipient]) -> dict[Recipient, Backup]:
        """Return the newest backup that each recipient has whole, none of it deleted from the chat since."""
        found: dict[Recipient, int] = {}
        for recipient in recipients:
            backup_id = await self.value(
                f"SELECT id FROM deliveries JOIN backups ON id = backup_id WHERE address = ? AND {WHOLE}"
                f" ORDER BY {NEWEST_FIRST_SQL} LIMIT 1",
                (recipient.address, self._soon()),
            )
            if backup_id is not None:
                found[recipient] = int(backup_id)
        backups = {backup.id: backup for backup in await self._backups(list(found.values()))}
        return {recipient: backups[backup_id] for recipient, backup_id in found.items()}

    @reading
    async def unchanged_since(self, recipient: Recipient, backup: Backup) -> tuple[Backup, ...]:
        """Return the backups after this one that were not due to the recipient as nothing had changed, oldest first."""
        rows = await self.rows(
            "SELECT id FROM backups JOIN deliveries ON backup_id = id WHERE address = ?"
            " AND deliveries.state = 'not due' AND same_as IS NOT NULL AND started_at > ?",
            (recipient.address, as_text(backup.started_at)),
        )
        return (await self._backups([row["id"] for row in rows]))[::-1]

    # --- digests and notes ---------------------------------------------------------------------------------------

    @reading
    async def runs_between(self, start: datetime, end: datetime) -> tuple[Backup, ...]:
        """Return the runs that began from `start` until before `end` and have ended, newest first."""
        rows = await self.rows(
            "SELECT id FROM backups WHERE started_at >= ? AND started_at < ? AND state <> ?",
            (as_text(start), as_text(end), str(BackupState.RUNNING)),
        )
        return await self._backups([row["id"] for row in rows])

    @reading
    async def delivered_among(self, recipient: Recipient, backup_ids: Collection[int]) -> frozenset[int]:
        """Return which of these backups the recipient has received."""
        rows = await self.rows(
            "SELECT backup_id FROM deliveries WHERE address = ? AND state = 'sent'"
            " AND backup_id IN (SELECT value FROM json_each(?))",
            (recipient.address, json.dumps(list(backup_ids))),
        )
        return frozenset(row["backup_id"] for row in rows)

    @reading
    async def kept_message(self, recipient: Recipient, kind: str, subject: str) -> KeptMessage | None:
        row = await self.row(
            "SELECT * FROM kept_messages WHERE address = ? AND kind = ? AND subject = ?",
            (recipient.address, kind, subject),
        )
        if row is None:
            return None
        return KeptMessage(
            recipient=recipient, kind=kind, subject=subject, message_id=row["message_id"], shown=row["shown"]
        )

    @writing
    async def keep_message(self, kept: KeptMessage) -> None:
        """Remember a message in the place of the one before, and forget those nobody edits any more."""
        now = self.clock()
        await self.execute(
            "INSERT OR REPLACE INTO kept_messages (address, kind, subject, message_id, shown, written_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (kept.recipient.address, kept.kind, kept.subject, kept.message_id, kept.shown, as_text(now)),
        )
        await self.execute("DELETE FROM kept_messages WHERE written_at < ?", (as_text(now - FORGET_AFTER),))

    # --- the tidying of chats ------------------------------------------------------------------------------------

    @reading
    async def delivered_since(self, since: datetime) -> tuple[tuple[Delivery, ...], dict[int, Backup]]:
        """Return the complete deliveries of backups begun since then, and those backups by id."""
        deliveries = await self._deliveries(
            "WHERE state = 'sent' AND backup_id IN (SELECT id FROM backups WHERE started_at >= ?)", (as_text(since),)
        )
        backups = await self._backups([delivery.backup_id for delivery in deliveries])
        return deliveries, {backup.id: backup for backup in backups}

    @writing
    async def mark_tidied(self, delivery: Delivery, numbers: Collection[int], undeletable: str = "") -> None:
        """Record that the messages of these volumes are gone from the chat, or why Telegram does not delete them."""
        column, value = ("undeletable", undeletable) if undeletable else ("deleted_at", as_text(self.clock()))
        await self.execute(
            f"UPDATE sent_volumes SET {column} = ? WHERE backup_id = ? AND address = ?"
            " AND number IN (SELECT value FROM json_each(?))",
            (value, delivery.backup_id, delivery.recipient.address, json.dumps(list(numbers))),
        )
