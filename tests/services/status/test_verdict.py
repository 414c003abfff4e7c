"""One verdict, whatever it comes from: a screen and the exit code never say two things."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.cli.commands.status import print_status
from bot.models import (
    Alarm,
    BackupState,
    Cause,
    Condition,
    DatabaseStatus,
    DeliveryState,
    Drill,
    DrillSource,
    OutcomeCode,
    Override,
    Reachability,
    Reason,
    Recipient,
    RecipientStatus,
    ServiceState,
    Status,
    Verdict,
    because,
)
from bot.services.messages.digest import Digest
from bot.services.status.verdict import condition_of
from bot.texts import digest as digest_texts
from bot.texts import health as health_texts
from bot.texts import restore_points as point_texts
from bot.texts import status as status_texts
from bot.texts.markup import plain
from tests.world import samples

ZONE = samples.BERLIN
NOW = samples.NOW
PAUSED: dict[str, Any] = {
    "state": ServiceState.STOPPED,
    "paused": Override(name="paused", value="", set_by="Ben", set_at=NOW, until=NOW + timedelta(hours=2)),
}
PAUSED_FOR_DAYS = PAUSED | {"paused": replace(PAUSED["paused"], until=NOW + timedelta(days=2))}
PAUSED_FOR_GOOD = PAUSED | {"paused": replace(PAUSED["paused"], until=None)}
INTERRUPTED = samples.backup(2, state=BackupState.INTERRUPTED, archive_sha256="")
BEN = (RecipientStatus(recipient=Recipient(chat_id=22), name="Ben"),)
INVITED = (replace(BEN[0], parked_reason=Reason(OutcomeCode.NOT_STARTED), invited=True),)
FAILED = samples.backup(2, state=BackupState.FAILED, archive_sha256="", error_code="no-space")
LESS = samples.backup(skipped=(samples.skipped(),))
ALARM = Alarm(id="a", key="disk", began_at=NOW)
SHRUNK = replace(ALARM, key="shrunken:users.db")
OTHER = replace(ALARM, key="clock")
DRILL = Drill(backup_id=1, at=NOW, source=DrillSource.DISK, ok=False, result=Reason("damaged"))


def good(**fields: Any) -> Status:
    """All is well, but for the fields given."""
    people = {"latest_deliveries": (samples.delivery(11), samples.delivery(22)), "recipients": ()}
    return samples.status(**people | fields)


OWED = samples.delivery(22, DeliveryState.PENDING, Reason(OutcomeCode.SLOW_DOWN, (("seconds", 30),)))
UNCHECKED = (replace(good().databases[0], verdict=Verdict.UNCHECKED), *good().databases[1:])
NEW = (*good().databases, DatabaseStatus(name="new.db", path="/srv/new.db", bytes=1, last=None, verdict=None))
NEVER = Reason(Cause.NEVER_STARTED)
LOST = tuple(replace(one, trouble=because(Cause.GONE, path="/srv")) for one in good().databases)


@pytest.mark.parametrize(
    ("seen", "condition", "says"),
    [
        (good(), Condition.GOOD, "✅ Running, all is well"),
        (good(**PAUSED), Condition.LOOK, "⏸ Paused by Ben until 16:37"),
        (good(**PAUSED_FOR_DAYS), Condition.LOOK, "⏸ Paused by Ben until 15 Jul, 14:37"),
        (good(**PAUSED_FOR_GOOD), Condition.LOOK, "⏸ Paused by Ben"),
        (good(**PAUSED, stale=True), Condition.LOOK, "⏸ Paused by Ben until 16:37, and no good backup since 14:00"),
        (good(**PAUSED, alarms=(ALARM,)), Condition.WRONG, "🚨 Paused by Ben until 16:37, and disk nearly full"),
        (good(state=ServiceState.STOPPED), Condition.WRONG, "❌ Stopped"),
        (good(state=ServiceState.UNKNOWN, latest=FAILED), Condition.WRONG, "❓ Unknown"),
        (good(state=ServiceState.UNKNOWN, state_reason=NEVER), Condition.WRONG, "⏳ Not started yet"),
        (good(stale=True), Condition.WRONG, "🚨 No good backup since 14:00"),
        (good(latest=FAILED, databases=LOST), Condition.WRONG, "🚨 The last backup failed"),
        (good(latest=INTERRUPTED), Condition.LOOK, "⚠️ The last backup was interrupted"),
        (good(latest=LESS, latest_proven=LESS), Condition.WRONG, "🚨 shop.db is not backed up"),
        (good(databases=LOST), Condition.WRONG, "🚨 users.db and analytics.db are not backed up"),
        (good(databases=LOST * 2), Condition.WRONG, "🚨 4 databases are not backed up"),
        (good(latest=None, latest_proven=None), Condition.LOOK, "⏳ No backup yet"),
        (good(databases=UNCHECKED), Condition.LOOK, "⚠️ users.db could not be checked"),
        (good(databases=NEW), Condition.LOOK, "⚠️ new.db is not backed up yet"),
        (good(latest_deliveries=(OWED,), recipients=BEN), Condition.LOOK, "⚠️ Not delivered to Ben"),
        (good(latest_deliveries=(OWED,), recipients=INVITED), Condition.GOOD, "✅ Running, all is well"),
        (good(latest_deliveries=(samples.MUST_START,)), Condition.LOOK, "⚠️ Not delivered to user 77"),
        (good(cut_off=("A restore was cut off.",)), Condition.LOOK, "⚠️ A restore was cut off"),
        (good(last_drill=DRILL), Condition.WRONG, "🚨 The last test-restore failed"),
        (good(alarms=(ALARM,)), Condition.WRONG, "🚨 Disk nearly full"),
        (good(alarms=(SHRUNK,)), Condition.WRONG, "🚨 users.db has shrunk"),
        (good(alarms=(OTHER,)), Condition.WRONG, "🚨 The clock is wrong"),
    ],
)
def test_the_verdict_is_one_line_everywhere(
    seen: Status, condition: Condition, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worst of service, databases and delivery, in the same words on all six; a red cross for a dead service."""
    assert condition_of(seen) is condition
    print_status(seen, ZONE)
    printed = capsys.readouterr().out
    day = Digest(day=NOW.date(), runs=(), received=frozenset())
    screens = (
        status_texts.status(seen, ZONE),
        status_texts.backup_menu(seen, ZONE),
        health_texts.health(samples.health(status=seen, recipients=()), ZONE),
        digest_texts.digest(day, seen, ZONE),
        printed,
    )
    assert [plain(screen).splitlines()[1] for screen in screens] == [says] * 5
    pinned = plain(point_texts.pinned_caption(seen, (), ZONE))
    assert pinned.splitlines()[0] == f"📌 {says}"  # what the bar over the chat shows


def test_health_adds_what_it_measured() -> None:
    """What nobody could know before is the verdict of that screen, where it is worse."""
    fine = samples.health(status=good(), recipients=())
    lost = Reachability(recipient=Recipient(chat_id=22), name="Ben", trouble=Reason(OutcomeCode.BLOCKED))
    for changes, says in (
        ({}, "✅ Running, all is well"),
        ({"telegram_trouble": "It does not answer."}, "🚨 Telegram can't be reached"),
        ({"round_trip": 3.0}, "⚠️ Telegram answers slowly"),
        ({"days_until_full": 2.5}, "⚠️ The disk will be full soon"),
        ({"drill_trouble": "It took too long."}, "⚠️ The last test-restore could not be made"),
        ({"recipients": (lost,)}, "⚠️ Not delivered to Ben"),
    ):
        assert plain(health_texts.health(replace(fine, **changes), ZONE)).splitlines()[1] == says


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
    assert "🚨 Backups: the last one 37 min ago, too old" in told
    assert "🚨 Disk: 12 GB free of 40 GB" in told
    told = plain(health_texts.health(samples.health(status=good(latest=LESS, latest_proven=LESS)), ZONE))
    assert "⚠️ Backups: the last one 37 min ago, incomplete" in told
