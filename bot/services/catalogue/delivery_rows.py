"""Stores deliveries in the catalogue: what is owed, what was confirmed, and the file_ids that save an upload."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from bot.errors import NotFoundError
from bot.models import Delivery, DeliveryState, Recipient, SentVolume
from bot.services.catalogue.connection import CatalogueRows, reading, writing
from bot.services.catalogue.newest import NEWEST_FIRST_SQL, ahead_from
from bot.services.catalogue.values import as_text, as_text_or_none, as_time, as_time_or_none

OWED = "state IN ('pending', 'sending', 'parked')"


class DeliveryRows(CatalogueRows):
    """The rows of deliveries, sent_volumes and volumes."""

    @writing
    async def owe(self, backup_id: int, recipients: Iterable[Recipient]) -> tuple[Delivery, ...]:
        """Owe a backup to recipients; return all deliveries of it.

        One that is recorded already stays as it is, whatever its state. Raises NotFoundError.
        """
        await self._require(backup_id)
        for recipient in recipients:
            await self._ensure(backup_id, recipient, DeliveryState.PENDING)
        return await self._deliveries("WHERE backup_id = ?", (backup_id,))

    @reading
    async def deliveries(self, backup_id: int) -> tuple[Delivery, ...]:
        """Return the deliveries of a backup in the order they were first owed; () for an unknown backup."""
        return await self._deliveries("WHERE backup_id = ?", (backup_id,))

    @reading
    async def owed(self, *, recipient: Recipient | None = None) -> tuple[Delivery, ...]:
        """Return what is pending, sending or parked, newest backup first."""
        if recipient is None:
            return await self._deliveries(f"WHERE {OWED}")
        return await self._deliveries(f"WHERE {OWED} AND address = ?", (recipient.address,))

    @writing
    async def save_delivery(self, delivery: Delivery) -> None:
        """Record a delivery's state, attempts, next try, reason and time; its volumes stay. Raises NotFoundError."""
        await self._require(delivery.backup_id)
        await self._ensure(delivery.backup_id, delivery.recipient, delivery.state)
        await self.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, next_try_at = ?, reason = ?, sent_at = ?"
            " WHERE backup_id = ? AND address = ?",
            (
                str(delivery.state),
                delivery.attempts,
                as_text_or_none(delivery.next_try_at),
                delivery.reason,
                as_text_or_none(delivery.sent_at),
                delivery.backup_id,
                delivery.recipient.address,
            ),
        )

    @writing
    async def record_sent(self, backup_id: int, recipient: Recipient, sent: SentVolume) -> None:
        """Record a volume that Telegram confirmed; the same number again replaces it. Raises NotFoundError."""
        await self._require(backup_id)
        await self._ensure(backup_id, recipient, DeliveryState.SENDING)
        await self.execute(
            "INSERT INTO sent_volumes (backup_id, address, number, message_id, sent_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET message_id = excluded.message_id, sent_at = excluded.sent_at,"
            " deleted_at = NULL, undeletable = ''",
            (backup_id, recipient.address, sent.number, sent.message_id, as_text(sent.sent_at)),
        )
        await self.execute(
            "INSERT INTO recipients (address, last_sent_at) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET last_sent_at ="
            " max(coalesce(last_sent_at, excluded.last_sent_at), excluded.last_sent_at)",
            (recipient.address, as_text(sent.sent_at)),
        )

    @reading
    async def file_id(self, backup_id: int, number: int) -> str | None:
        """Return Telegram's id of a volume that was uploaded before, None when there is none."""
        found = await self.value("SELECT file_id FROM volumes WHERE backup_id = ? AND number = ?", (backup_id, number))
        return None if found is None else str(found)

    @writing
    async def set_file_id(self, backup_id: int, number: int, file_id: str | None, bytes: int, sha256: str = "") -> None:
        """Record a volume's file id, or with None that it has none any more. Raises NotFoundError."""
        await self._require(backup_id)
        await self.execute(
            "INSERT INTO volumes (backup_id, number, file_id, bytes, sha256) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (backup_id, number) DO UPDATE"
            " SET file_id = excluded.file_id, bytes = excluded.bytes, sha256 = excluded.sha256",
            (backup_id, number, file_id, bytes, sha256),
        )

    @reading
    async def file_ids(self, backup_id: int) -> dict[int, str]:
        """Return the file ids of a backup's volumes by number; a volume without one is left out."""
        rows = await self.rows(
            "SELECT number, file_id FROM volumes WHERE backup_id = ? AND file_id IS NOT NULL ORDER BY number",
            (backup_id,),
        )
        return {row["number"]: row["file_id"] for row in rows}

    async def _require(self, backup_id: int) -> None:
        if await self.value("SELECT 1 FROM backups WHERE id = ?", (backup_id,)) is None:
            message = f"There is no backup {backup_id}."
            raise NotFoundError(message)

    async def _ensure(self, backup_id: int, recipient: Recipient, state: DeliveryState) -> None:
        await self.execute(
            "INSERT INTO deliveries (backup_id, address, state) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (backup_id, recipient.address, str(state)),
        )

    async def _deliveries(self, where: str, parameters: Sequence[object] = ()) -> tuple[Delivery, ...]:
        volumes: dict[tuple[int, str], list[SentVolume]] = {}
        for row in await self.rows(
            "SELECT * FROM sent_volumes WHERE (backup_id, address) IN"
            f" (SELECT backup_id, address FROM deliveries {where}) ORDER BY number",
            parameters,
        ):
            volumes.setdefault((row["backup_id"], row["address"]), []).append(
                SentVolume(
                    number=row["number"],
                    message_id=row["message_id"],
                    sent_at=as_time(row["sent_at"]),
                    deleted_at=as_time_or_none(row["deleted_at"]),
                    undeletable=row["undeletable"],
                )
            )
        rows = await self.rows(
            "SELECT deliveries.* FROM deliveries"
            f" JOIN (SELECT id, started_at FROM backups) ON id = backup_id {where}"
            f" ORDER BY {NEWEST_FIRST_SQL}, deliveries.rowid",
            (*parameters, as_text(ahead_from(self.clock()))),
        )
        return tuple(_as_delivery(row, tuple(volumes.get((row["backup_id"], row["address"]), ()))) for row in rows)


def as_recipient(address: str) -> Recipient:
    chat, _, thread = address.partition("/")
    if not chat.removeprefix("-").isdecimal():
        return Recipient(place=address)
    return Recipient(chat_id=int(chat), thread_id=int(thread) if thread else None)


def _as_delivery(row: sqlite3.Row, volumes: tuple[SentVolume, ...]) -> Delivery:
    return Delivery(
        backup_id=row["backup_id"],
        recipient=as_recipient(row["address"]),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        next_try_at=as_time_or_none(row["next_try_at"]),
        reason=row["reason"],
        sent_at=as_time_or_none(row["sent_at"]),
        volumes=volumes,
    )
