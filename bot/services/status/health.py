"""Measures what System Health shows, at the moment it is asked for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from bot.models import Backup, Health, Reachability, Status
from bot.services.contracts.destination import ArchiveDestination, Outcome
from bot.services.delivery.router import Router
from bot.services.files.store import Store

ROUND_TRIP_WITHIN = 10.0
"""Seconds after which a Telegram that does not answer is called unreachable on the screen."""

GROWTH_OVER = timedelta(days=7)


async def measure_health(
    status: Status,
    store: Store,
    destinations: Router[ArchiveDestination],
    round_trip: Callable[[], Awaitable[float]],
    *,
    archives: Sequence[Backup],
    max_count: int,
) -> Health:
    """Measure the disk, Telegram and every recipient, side by side; a slow one never takes longer than ten seconds.

    `round_trip` gives the seconds to Telegram and back.
    """
    disk = await asyncio.to_thread(shutil.disk_usage, store.folder)
    seconds, trouble, recipients = await _telegram(status, destinations, round_trip)
    return Health(
        status=status,
        disk_free=disk.free,
        disk_total=disk.total,
        store_bytes=await store.size(),
        store_count=len(archives),
        days_until_full=days_until_full(archives, free=disk.free, now=status.now, max_count=max_count),
        recipients=recipients,
        round_trip=seconds,
        telegram_trouble=trouble,
    )


async def _telegram(
    status: Status, destinations: Router[ArchiveDestination], round_trip: Callable[[], Awaitable[float]]
) -> tuple[float | None, str, tuple[Reachability, ...]]:
    """Ask Telegram; where it does not answer, what the ledger remembers of each recipient has to do."""
    remembered = tuple(
        Reachability(recipient=entry.recipient, name=entry.name, trouble=entry.parked_reason)
        for entry in status.recipients
    )
    probed = list(remembered)

    async def probe(index: int) -> None:
        with suppress(TimeoutError, Outcome):
            async with asyncio.timeout(ROUND_TRIP_WITHIN):
                recipient = remembered[index].recipient
                seen = await destinations.of(recipient).probe(recipient)
                # Parked by a message that was refused, and only one that arrives ends that.
                probed[index] = seen if seen.trouble else replace(seen, trouble=remembered[index].trouble)

    async def ask_telegram() -> tuple[float | None, str]:
        try:
            async with asyncio.timeout(ROUND_TRIP_WITHIN):
                return await round_trip(), ""
        except TimeoutError:
            return None, f"Telegram does not answer within {ROUND_TRIP_WITHIN:.0f} s."
        except Outcome as outcome:
            return None, outcome.sentence

    # What lies elsewhere is asked also while Telegram does not answer.
    elsewhere = [index for index, one in enumerate(remembered) if not one.recipient.is_chat]
    asking = asyncio.gather(*(probe(index) for index in elsewhere))
    seconds, trouble = await ask_telegram()
    await asking
    if not trouble:
        await asyncio.gather(*(probe(index) for index in range(len(remembered)) if index not in elsewhere))
    return seconds, trouble, tuple(probed)


def days_until_full(archives: Sequence[Backup], *, free: int, now: datetime, max_count: int) -> float | None:
    """Estimate in how many days the archives fill the disk; None when they will not.

    Retention bounds the folder: once `max_count` archives are there, each new one replaces an old one, and only the
    growth of the archives themselves counts.
    """
    recent = sorted(
        (backup for backup in archives if now - backup.started_at <= GROWTH_OVER), key=lambda backup: backup.started_at
    )
    if len(recent) < 2:
        return None
    days = (recent[-1].started_at - recent[0].started_at).total_seconds() / 86_400
    if days < 1:  # a rate of minutes says nothing about days
        return None
    newest = recent[-1].archive_bytes
    to_come = max(0, max_count - len(archives)) * newest
    growth_per_day = (newest - recent[0].archive_bytes) / days * len(archives)
    if free <= to_come:
        return free / (newest * (len(recent) - 1) / days) if newest else None
    return (free - to_come) / growth_per_day if growth_per_day > 0 else None
