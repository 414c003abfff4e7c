"""What System Health measures."""

from __future__ import annotations

from datetime import timedelta

from bot.services.status.health import days_until_full
from tests.world.samples import NOW, backup

MB = 1 << 20


def test_the_disk_is_forecast_from_a_day_of_backups_on() -> None:
    """What grew within minutes of the start says nothing about the days to come."""
    young = [backup(number, started_at=NOW - timedelta(minutes=number), archive_bytes=MB) for number in (1, 2)]
    assert days_until_full(young, free=10 * MB, now=NOW, max_count=50) is None
    old = [backup(number, started_at=NOW - timedelta(hours=number), archive_bytes=MB) for number in range(25)]
    assert days_until_full(old, free=12 * MB, now=NOW, max_count=50) == 0.5
