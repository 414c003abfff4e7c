"""One verdict, whatever it comes from: a screen and the exit code never say two things."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.models import Alarm, BackupState, Condition, Drill, DrillSource, Override, ServiceState, Status, Verdict
from bot.services.status.verdict import condition_of
from bot.texts import health as health_texts
from bot.texts import restore_points as point_texts
from bot.texts import status as status_texts
from bot.texts.markup import plain
from tests.world import samples

ZONE = samples.BERLIN
NOW = samples.NOW
PAUSED = {
    "state": ServiceState.STOPPED,
    "paused": Override(name="paused", value="", set_by="Ben", set_at=NOW, until=NOW + timedelta(hours=2)),
}
FAILED = samples.backup(2, state=BackupState.FAILED, archive_sha256="", error="The disk is full.")
LESS = samples.backup(skipped=(samples.skipped(),))
ALARM = Alarm(id="a", key="disk", began_at=NOW)
DRILL = Drill(backup_id=1, at=NOW, source=DrillSource.DISK, ok=False, detail="It is damaged.")


def good(**fields: Any) -> Status:
    """All is well, but for the fields given."""
    people = {"latest_deliveries": (samples.delivery(11), samples.delivery(22)), "recipients": ()}
    return samples.status(**people | fields)


@pytest.mark.parametrize(
    ("seen", "condition", "says"),
    [
        (good(), Condition.GOOD, "✅ Running"),
        (good(**PAUSED), Condition.LOOK, "⏸ Paused until today 16:37"),
        (good(**PAUSED, stale=True), Condition.LOOK, "⏸ Paused until today 16:37, something needs a look"),
        (good(**PAUSED, alarms=(ALARM,)), Condition.WRONG, "❌ Paused until today 16:37, something is wrong"),
        (good(state=ServiceState.STOPPED), Condition.WRONG, "❌ Stopped"),
        (good(state=ServiceState.UNKNOWN), Condition.WRONG, "❓ Unknown"),
        (good(stale=True), Condition.WRONG, "❌ Running, but something is wrong"),
        (good(latest=FAILED), Condition.WRONG, "❌ Running, but something is wrong"),
        (good(latest=LESS, latest_proven=LESS), Condition.WRONG, "❌ Running, but something is wrong"),
        (good(latest=None, latest_proven=None), Condition.LOOK, "⚠️ Running, something needs a look"),
        (good(latest_deliveries=(samples.MUST_START,)), Condition.LOOK, "⚠️ Running, something needs a look"),
        (good(cut_off=("A restore was cut off.",)), Condition.LOOK, "⚠️ Running, something needs a look"),
        (good(last_drill=DRILL), Condition.WRONG, "❌ Running, but something is wrong"),
        (good(alarms=(ALARM,)), Condition.WRONG, "❌ Running, but something is wrong"),
    ],
)
def test_every_screen_is_headed_by_the_worst(seen: Status, condition: Condition, says: str) -> None:
    """Status, menu, pinned message and health agree."""
    assert condition_of(seen) is condition
    assert plain(status_texts.status(seen, ZONE)).startswith(f"📊 {says}")
    assert plain(status_texts.backup_menu(seen, ZONE)).splitlines()[0].endswith(says)
    assert plain(point_texts.pinned_caption(seen, (), ZONE)).startswith(f"📌 {says.replace('today', '13 Jul 2026,')}")
    health = plain(health_texts.health(samples.health(status=seen, recipients=()), ZONE))
    head = {Condition.GOOD: "✅ All is well", Condition.LOOK: "⚠️ Something", Condition.WRONG: "❌ Something is wrong"}
    assert (says if says.startswith("⏸") and "look" not in says else head[condition]) in health.splitlines()[0]


@pytest.mark.parametrize("source", DrillSource)
def test_a_proof_says_where_the_archive_came_from(source: DrillSource) -> None:
    """From Telegram, from the disk and from an object store, on every screen that tells of it."""
    drill = replace(DRILL, source=source, ok=True)
    seen = good(last_drill=drill, restore_proven=drill)
    assert source.words in plain(status_texts.status(seen, ZONE))
    assert source.words in plain(health_texts.health(samples.health(status=seen, recipients=()), ZONE))
    assert source.words in plain(health_texts.drilled(drill, ZONE))


def test_what_could_not_be_checked_is_not_good() -> None:
    """A database that is retired is nobody's concern."""
    seen = good()
    first, *others = seen.databases
    unchecked = replace(first, verdict=Verdict.UNCHECKED)
    assert condition_of(replace(seen, databases=(unchecked, *others))) is Condition.LOOK
    assert condition_of(replace(seen, databases=(replace(unchecked, retired=True), *others))) is Condition.GOOD


def test_health_marks_each_part_as_the_verdict_does() -> None:
    """Too old is no tick, nor is a disk about which an alarm is open."""
    told = plain(health_texts.health(samples.health(status=good(stale=True, alarms=(ALARM,))), ZONE))
    assert "❌ Last good backup: 37 min ago, too old" in told
    assert "❌ Disk: 12 GB free of 40 GB, nearly full" in told
    told = plain(health_texts.health(samples.health(status=good(latest=LESS, latest_proven=LESS)), ZONE))
    assert "❌ Last good backup: 37 min ago, without 1 database" in told
