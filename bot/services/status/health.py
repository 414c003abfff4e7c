"""Measures what System Health shows, at the moment it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from bot.models import Backup, Health, Reachability, Status
from bot.services.contracts.destination import ArchiveDestination, Outcome
from bot.services.delivery.router import Router
from bot.services.files.space import disk_usage
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
    free, total = await asyncio.to_thread(disk_usage, store.folder)
    # What lies elsewhere is asked also while Telegram does not answer; what the ledger remembers is said of the chats.
    known = [
        Reachability(recipient=entry.recipient, name=entry.name, trouble=entry.parked_reason)
        for entry in status.recipients
    ]
    elsewhere = asyncio.gather(*(_probe(destinations, one) for one in known if not one.recipient.is_chat))
    seconds, trouble = await _time(round_trip)
    chats = [one for one in known if one.recipient.is_chat]
    if not trouble:
        chats = await asyncio.gather(*(_probe(destinations, one) for one in chats))
    found = {one.recipient: one for one in (*chats, *await elsewhere)}
    return Health(
        status=status,
        disk_free=free,
        disk_total=total,
        store_bytes=await store.size(),
        store_count=len(archives),
        days_until_full=days_until_full(archives, free=free, now=status.now, max_count=max_count),
        recipients=tuple(found[one.recipient] for one in known),
        round_trip=seconds,
        telegram_trouble=trouble,
    )


async def _probe(destinations: Router[ArchiveDestination], known: Reachability) -> Reachability:
    """Ask whether a recipient takes messages; where that does not become clear, what is known of it stands."""
    with suppress(TimeoutError, Outcome):
        async with asyncio.timeout(ROUND_TRIP_WITHIN):
            found = await destinations.of(known.recipient).probe(known.recipient)
            # Parked by a message that was refused, and only one that arrives ends that.
            return found if found.trouble else replace(found, trouble=known.trouble)
    return known


async def _time(round_trip: Callable[[], Awaitable[float]]) -> tuple[float | None, str]:
    """Return the seconds to Telegram and back, or what stands in the way."""
    try:
        async with asyncio.timeout(ROUND_TRIP_WITHIN):
            return await round_trip(), ""
    except TimeoutError:
        return None, f"Telegram does not answer within {ROUND_TRIP_WITHIN:.0f} s."
    except Outcome as outcome:
        return None, outcome.sentence


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
