"""The age at which a backup is called too old follows the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.services.schedule.staleness import too_old_at

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("schedule", "last", "stale"),
    [
        ("0 * * * *", "2025-01-10 09:00:05", "2025-01-10 11:30"),
        ("*/5 * * * *", "2025-01-10 09:00:05", "2025-01-10 09:40"),
        ("30 3 * * *", "2025-01-10 03:30:05", "2025-01-12 04:00"),
        ("0 9 * * 1-5", "2025-01-10 09:00:05", "2025-01-14 09:30"),  # a Friday
        ("30 3 * * *", "2025-03-29 03:30:05", "2025-03-31 04:00"),  # the clocks go forward between
    ],
)
def test_two_planned_runs_and_half_an_hour(schedule: str, last: str, stale: str) -> None:
    """A weekend without a planned run makes nothing stale, and neither does a change of the clocks."""
    found = too_old_at(datetime.fromisoformat(last).replace(tzinfo=BERLIN), schedule, BERLIN)
    assert found == datetime.fromisoformat(stale).replace(tzinfo=BERLIN)


def test_the_setting_wins_over_the_schedule() -> None:
    """STALE_AFTER counts from the backup, whatever is planned."""
    last = datetime(2025, 1, 10, 9, 0, tzinfo=UTC)
    assert too_old_at(last, "0 * * * *", BERLIN, timedelta(hours=6)) == last + timedelta(hours=6)
