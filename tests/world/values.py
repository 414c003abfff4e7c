"""Values of the vocabulary with everything filled in that a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.models import BackedUp, CheckMethod, Verdict

NOON = datetime(2026, 7, 13, 12, 0, tzinfo=UTC)


def backed_up(name: str = "shop.db", taken_at: datetime = NOON, **changes: Any) -> BackedUp:
    """A database of one page as a backup has it."""
    facts: dict[str, Any] = {
        "name": name,
        "path": f"/srv/{name}",
        "sha256": "0" * 64,
        "bytes": 4096,
        "compressed_bytes": 900,
        "page_size": 4096,
        "page_count": 1,
        "journal_mode": "wal",
        "application_id": 0,
        "user_version": 0,
        "sqlite_version": "3.45.0",
        "taken_at": taken_at,
        "verdict": Verdict.OK,
        "method": CheckMethod.FULL,
    }
    return BackedUp(**facts | changes)
