"""The age at which a backup is called too old follows the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.models import BackupState, Status
from bot.services.staleness import stale_at
from bot.services.status import is_healthy
from tests.handlers.samples import backup, status

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
    found = stale_at(datetime.fromisoformat(last).replace(tzinfo=BERLIN), schedule, BERLIN)
    assert found == datetime.fromisoformat(stale).replace(tzinfo=BERLIN)


def test_health_follows_the_schedule() -> None:
    """Yesterday's backup is good where there is one a day, and not where there should be one an hour."""
    now = datetime(2025, 1, 10, 12, 0, tzinfo=UTC)
    made = backup(started_at=now - timedelta(hours=20))

    def seen(schedule: str, **changes: object) -> Status:
        facts = {"now": now, "latest": made, "latest_proven": made, "schedule": schedule}
        return status(**(facts | changes))

    zone = ZoneInfo("UTC")
    assert is_healthy(seen("0 16 * * *"), zone)
    assert not is_healthy(seen("0 * * * *"), zone)
    failed = backup(started_at=now, state=BackupState.FAILED, archive_sha256="")
    assert not is_healthy(seen("0 16 * * *", latest=failed), zone)
    assert not is_healthy(seen("0 16 * * *", latest=None, latest_proven=None), zone)
