"""Defines the clock and sleep as arguments, for tests to pass their own; and writes moments as people read them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]

# Not strftime: its month names follow the server's locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_UTC = ("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu")


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def clock_time(moment: datetime, timezone: ZoneInfo) -> str:
    """Return the time of day alone: `15:00`; in the hour that comes twice with what tells its passes apart."""
    local = moment.astimezone(timezone)
    return f"{local:%H:%M}{summer_or_winter(local)}"


def summer_or_winter(local: datetime) -> str:
    """Return ` CEST` or ` CET` for a local time that the clock shows twice, at the end of summer time; else nothing."""
    twin = local.replace(fold=1 - local.fold)
    return "" if twin.utcoffset() == local.utcoffset() else f" {local:%Z}"


def wall(minute: int) -> str:
    """Return a minute of the day as a clock shows it: `07:15`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def date_time(moment: datetime, timezone: ZoneInfo) -> str:
    """Return date and time in full: `13 Jul 2026, 05:00`."""
    local = moment.astimezone(timezone)
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}, {clock_time(moment, timezone)}"


def zone_name(timezone: ZoneInfo) -> str:
    """Return the zone's own name, `Europe/Berlin`; `UTC` under whichever of its names."""
    name = timezone.key or str(timezone)
    return "UTC" if name in _UTC else name
