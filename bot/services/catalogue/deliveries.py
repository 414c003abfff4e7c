"""Stores deliveries in the catalogue: what is owed, what was confirmed, and what was tidied away since."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import itemgetter

from bot.models import Backup, Delivery, DeliveryState, Reason, Recipient, SentVolume
from bot.services.catalogue.backup_rows import AMONG, OWED, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.newest import NEWEST_FIRST_SQL
from bot.services.catalogue.values import columns_of, from_row

WHOLE = """deliveries.state = 'sent' AND NOT EXISTS (
    SELECT 1 FROM sent_volumes AS gone WHERE gone.backup_id = deliveries.backup_id
    AND gone.address = deliveries.address AND gone.deleted_at IS NOT NULL
)"""


class DeliveryTable(BackupRows):
    """The rows of deliveries and sent_volumes."""

    @writing
    async def owe(self, backup_id: int, recipients: Iterable[Recipient]) -> tuple[Delivery, ...]:
        """Owe a backup to recipients; return all deliveries of it.

        One that is recorded already stays as it is, whatever its state. Raises NotFoundError.
        """
        await self._require(backup_id)
        for recipient in recipients:
            await self._ensure(backup_id, recipient, DeliveryState.PENDING)
        return await self._deliveries("WHERE backup_id = ?", backup_id)

    @reading
    async def of(self, backup_id: int) -> tuple[Delivery, ...]:
        """Return the deliveries of a backup in the order they were first owed; () for an unknown backup."""
        return await self._deliveries("WHERE backup_id = ?", backup_id)

    @reading
    async def owed(self, *, recipient: Recipient | None = None) -> tuple[Delivery, ...]:
        """Return what is pending, sending or parked, newest backup first."""
        if recipient is None:
            return await self._deliveries(f"WHERE {OWED}")
        return await self._deliveries(f"WHERE {OWED} AND address = ?", recipient)

    @writing
    async def save(self, delivery: Delivery) -> None:
        """Record a delivery's state, attempts, next try, reason and time; its volumes stay. Raises NotFoundError."""
        await self._require(delivery.backup_id)
        await self._db.upsert("deliveries", "backup_id, address", **columns_of(delivery, "volumes"))

    @writing
    async def record_sent(self, backup_id: int, recipient: Recipient, sent: SentVolume) -> None:
        """Record a volume that Telegram confirmed; the same number again replaces it. Raises NotFoundError."""
        await self._require(backup_id)
        await self._ensure(backup_id, recipient, DeliveryState.SENDING)
        await self._db.upsert(
            "sent_volumes", "backup_id, address, number", backup_id=backup_id, address=recipient, **columns_of(sent)
        )
        await self._db.execute(
            "INSERT INTO recipients (address, last_sent_at) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET last_sent_at ="
            " max(coalesce(last_sent_at, excluded.last_sent_at), excluded.last_sent_at)",
            recipient,
            sent.sent_at,
        )

    @writing
    async def assign(
        self, backup_id: int, due: Iterable[Recipient], spared: Iterable[tuple[Recipient, Reason]], same_as: int | None
    ) -> None:
        """Owe a backup to some recipients and record for the others why it is not due to them.

        What is recorded already stays as it is. Raises NotFoundError.
        """
        await self._change(backup_id, same_as=same_as)
        for recipient in due:
            await self._ensure(backup_id, recipient, DeliveryState.PENDING)
        for recipient, reason in spared:
            await self._ensure(backup_id, recipient, DeliveryState.NOT_DUE)
            await self._db.execute(
                "UPDATE deliveries SET reason = ? WHERE backup_id = ? AND address = ? AND state = 'not due'",
                reason,
                backup_id,
                recipient,
            )

    @reading
    async def last_delivered(self, recipients: Iterable[Recipient]) -> dict[Recipient, Backup]:
        """Return the newest backup that each recipient has whole, none of it deleted from the chat since."""
        found: dict[Recipient, int] = {}
        for recipient in recipients:
            backup_id = await self._db.value(
                int,
                f"SELECT id FROM deliveries JOIN backups ON id = backup_id WHERE address = ? AND {WHOLE}"
                f" ORDER BY {NEWEST_FIRST_SQL} LIMIT 1",
                recipient,
                self._soon,
            )
            if backup_id is not None:
                found[recipient] = backup_id
        backups = await self._backups_by_id(found.values())
        return {recipient: backups[backup_id] for recipient, backup_id in found.items()}

    @reading
    async def unchanged_since(self, recipient: Recipient, backup: Backup) -> tuple[Backup, ...]:
        """Return the backups after this one that were not due to the recipient as nothing had changed, oldest first."""
        found = await self._select(
            "SELECT id FROM backups JOIN deliveries ON backup_id = id WHERE address = ?"
            " AND deliveries.state = 'not due' AND same_as IS NOT NULL AND started_at > ?",
            recipient,
            backup.started_at,
        )
        return found[::-1]

    @reading
    async def delivered_among(self, recipient: Recipient, backup_ids: Collection[int]) -> frozenset[int]:
        """Return which of these backups the recipient has received."""
        sent = f"SELECT backup_id FROM deliveries WHERE address = ? AND state = 'sent' AND backup_id {AMONG}"
        return frozenset(await self._db.column(sent, recipient, set(backup_ids)))

    @reading
    async def delivered_since(self, since: datetime) -> tuple[tuple[Delivery, ...], dict[int, Backup]]:
        """Return the complete deliveries of backups begun since then, and those backups by id."""
        deliveries = await self._deliveries(
            "WHERE state = 'sent' AND backup_id IN (SELECT id FROM backups WHERE started_at >= ?)", since
        )
        return deliveries, await self._backups_by_id([delivery.backup_id for delivery in deliveries])

    @writing
    async def mark_tidied(self, delivery: Delivery, numbers: Collection[int], undeletable: str = "") -> None:
        """Record that the messages of these volumes are gone from the chat, or why Telegram does not delete them."""
        await self._db.execute(
            f"UPDATE sent_volumes SET {'undeletable' if undeletable else 'deleted_at'} = ?"
            f" WHERE backup_id = ? AND address = ? AND number {AMONG}",
            undeletable or self._db.clock(),
            delivery.backup_id,
            delivery.recipient,
            set(numbers),
        )

    async def _ensure(self, backup_id: int, recipient: Recipient, state: DeliveryState) -> None:
        await self._db.execute(
            "INSERT INTO deliveries (backup_id, address, state) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            backup_id,
            recipient,
            state,
        )

    async def _deliveries(self, where: str, *parameters: object) -> tuple[Delivery, ...]:
        volumes = await self._db.grouped(
            SentVolume,
            itemgetter("backup_id", "address"),
            "SELECT * FROM sent_volumes WHERE (backup_id, address) IN"
            f" (SELECT backup_id, address FROM deliveries {where}) ORDER BY number",
            *parameters,
        )
        rows = await self._db.rows(
            "SELECT deliveries.* FROM deliveries"
            f" JOIN (SELECT id, started_at FROM backups) ON id = backup_id {where}"
            f" ORDER BY {NEWEST_FIRST_SQL}, deliveries.rowid",
            *parameters,
            self._soon,
        )
        return tuple(from_row(Delivery, row, volumes=volumes[row["backup_id"], row["address"]]) for row in rows)
