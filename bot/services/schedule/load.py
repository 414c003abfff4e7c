"""Works out what a schedule brings into each chat."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.models import ChatLoad

_DAY = timedelta(days=1)


def chat_load(
    expression: str, timezone: ZoneInfo, now: datetime, *, archive_bytes: int, volume_mb: int, at_most: bool = False
) -> ChatLoad:
    """Return what a valid expression brings when every run sends an archive of that size, in volumes of `volume_mb`."""
    runs = 0
    for planned in CronSim(expression, now.astimezone(timezone)):
        if planned - now > _DAY:
            break
        runs += 1
    volumes = max(1, -(-archive_bytes // (volume_mb << 20)))
    return ChatLoad(archive_bytes=archive_bytes, volumes=volumes, runs_a_day=runs, at_most=at_most)
