"""Histories of backups for the plans of retention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from bot.models import Backup, BackupState, Trigger, Verdict
from bot.services.retention.plan import Decision
from bot.words.retention import retention_words
from tests.world.catalogue import NOW, backed_up

WEEK = timedelta(days=7)
NAMES = st.sets(st.sampled_from(["a.db", "b.db", "c.db"]), min_size=1)


def made(number: int, ago: timedelta, *names: str, **changes: Any) -> Backup:
    facts: dict[str, Any] = {
        "id": number,
        "started_at": NOW - ago,
        "trigger": Trigger.SCHEDULE,
        "requested_by": "schedule",
        "state": BackupState.DELIVERED,
        "archive_name": f"database_backup_{number}.zip",
        "archive_sha256": "ab",
        "databases": tuple(backed_up(name) for name in names or ("shop.db",)),
        "on_disk": True,
    }
    return Backup(**(facts | changes))


def hourly(count: int) -> list[Backup]:
    return [made(number, timedelta(hours=count - number)) for number in range(1, count + 1)]


def dropped(decisions: Sequence[Decision]) -> dict[int, str]:
    return {decision.backup.id: retention_words(decision.why) for decision in decisions if not decision.keep}


def kept(decisions: Sequence[Decision]) -> dict[int, str]:
    return {decision.backup.id: retention_words(decision.why) for decision in decisions if decision.keep}


@st.composite
def histories(draw: st.DrawFn) -> list[Backup]:
    return [
        made(
            number,
            timedelta(hours=draw(st.integers(-20000, 20000))),
            databases=tuple(
                backed_up(name, verdict=draw(st.sampled_from([Verdict.OK, Verdict.UNCHECKED])))
                for name in sorted(draw(NAMES))
            ),
            pinned=draw(st.booleans()) and draw(st.booleans()),
            archive_sha256=draw(st.sampled_from(["", "ab", "ab", "ab"])),
            on_disk=draw(st.sampled_from([True, True, False])),
        )
        for number in range(1, draw(st.integers(1, 12)) + 1)
    ]
