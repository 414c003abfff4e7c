"""Examines everything, side by side where something has to be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from bot.config.cron import DRILLS_OFF
from bot.config.settings import Settings
from bot.models import Examination, Examined, Reason, Status
from bot.services.contracts.asked import Asked
from bot.services.contracts.destination import ArchiveDestination
from bot.services.delivery.router import Router
from bot.services.doctor import chats, service, sources, surroundings
from bot.services.doctor.parts import look
from bot.services.host.accounts import me
from bot.services.host.planning import writable_folders
from bot.services.people.people import People
from bot.services.snapshot.databases import Discovery
from bot.words.warnings import warning_words


async def examine(
    settings: Settings,
    people: People,
    status: Status,
    discovery: Discovery,
    *,
    destinations: Router[ArchiveDestination],
    asked: Asked,
    polled_here: bool,
    polling_trouble: Reason,
) -> Examination:
    """Examine the installation; a service that runs is not disturbed, and nothing is sent.

    `polled_here` tells that a service of this BACKUP_DIR lives, in this process or another: then nobody is listened
    for, since that would cut its connection. `polling_trouble` is what it has met with, where it is this process.
    """
    zone, user = settings.timezone, me()
    listens = settings.receive and not polled_here
    report, found = await asyncio.gather(asked.token(listens), sources.databases(discovery))
    if report.account is not None:
        reached = await chats.recipients(people, report.account.username, destinations)
    else:
        reached = (look("recipient", "Recipients", "not asked: see the token"),)
    sizes = [one.bytes for one in status.databases if one.bytes is not None and not one.retired]
    archive = status.latest_proven.archive_bytes if status.latest_proven else sum(sizes)
    room = await asyncio.to_thread(_all, surroundings.folders(settings, database_bytes=sizes, archive_bytes=archive))
    return Examination(
        user=user,
        alarms=status.alarms,
        parts=(
            surroundings.versions(),
            *await asyncio.to_thread(_all, surroundings.settings_read(settings)),
            *await asyncio.to_thread(_all, service.as_whom(settings, user)),
            chats.token(report),
            chats.poller(report, receives=settings.receive, listened=listens, trouble=warning_words(polling_trouble)),
            chats.clock(asked.ahead()),
            surroundings.time_zone(settings, status.now),
            *reached,
            *found,
            *room,
            await asyncio.to_thread(_installed, settings, status, discovery),
            *_state(status, settings, zone),
            await asyncio.to_thread(service.seal, settings),
        ),
    )


def _installed(settings: Settings, status: Status, discovery: Discovery) -> Examined:
    lives = status.state.is_running or status.is_paused
    return service.installed(
        settings.given.env_file,
        pid=status.heartbeat.pid if lives and status.heartbeat else None,
        writable=writable_folders(settings, discovery.databases),
    )


def _state(status: Status, settings: Settings, zone: ZoneInfo) -> Iterable[Examined]:
    yield service.alive(status, zone)
    yield from service.results(status, zone, drills_planned=settings.drill_schedule != DRILLS_OFF)


def _all(parts: Iterable[Examined]) -> tuple[Examined, ...]:
    """Run a generator to its end, in a thread."""
    return tuple(parts)
