"""The plan of what to prune: its limits, its reasons, and the floors that hold for any history and any clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Backup, BackupState, Cause, Reason, Trigger, Verdict
from bot.services.retention.plan import plan_prune
from tests.world.catalogue import backed_up
from tests.world.retention import NOW, WEEK, dropped, histories, hourly, kept, made


def test_seven_days_and_fifty_backups() -> None:
    """Of ten days of hourly backups the newest fifty stay; without a limit of count, those of seven days."""
    history = hourly(240)
    plan = plan_prune(history, now=NOW, max_age=WEEK, max_count=50)
    assert list(kept(plan)) == list(range(240, 190, -1))
    assert dropped(plan)[190] == "beyond the 50 that are kept"
    assert dropped(plan)[1] == "older than 7 days"
    assert min(kept(plan_prune(history, now=NOW, max_age=WEEK, max_count=None))) == 240 - 7 * 24
    assert not dropped(plan_prune(history, now=NOW, max_age=None, max_count=None))
    assert plan_prune((), now=NOW, max_age=WEEK, max_count=50) == ()


def test_a_safety_copy_is_no_last_good_backup() -> None:
    """It stays until its day or by its pin, takes no place, and then only where it is all there is of a database."""
    year, later, over = timedelta(days=365), {"keep_until": NOW + timedelta(minutes=1)}, {"keep_until": NOW}
    safety: dict[str, object] = {"trigger": Trigger.SAFETY}
    history = [
        made(1, 2 * year),
        made(2, year, **safety),
        made(3, year, "shop.db", "odd.db", **safety),
        made(4, year, pinned=True, **safety),
        made(5, timedelta(hours=1), **safety),
        made(6, timedelta(days=20), **safety, **later),
        made(7, timedelta(hours=1), **safety, **over),
        made(8, timedelta(hours=1), "only.db", **safety, **over),
        made(9, year, pinned=True, **safety, **over),
        made(10, timedelta(days=20), fault=Reason(Cause.ARCHIVE_CUT), **safety, **later),
        made(11, timedelta(hours=1), fault=Reason(Cause.ARCHIVE_CUT), **safety, **over),
    ]
    plan = plan_prune(history, now=NOW, max_age=WEEK, max_count=4)  # 1, 3 and 8 take three places
    assert kept(plan) == {
        10: "damaged, and a safety copy",
        9: "pinned",
        8: "the only backup of only.db",
        6: "a safety copy",
        5: "within the limits",
        4: "pinned",
        3: "the only backup of odd.db",
        1: "the newest backup",
    }
    over_words = "a safety copy whose time is over"
    assert dropped(plan) == {11: over_words, 7: over_words, 2: "older than 7 days"}


def test_the_last_good_backup_of_a_database_stays() -> None:
    """A database that was skipped for weeks keeps its last copy; pinned ones, and ones being sent, stay as well."""
    history = [
        made(1, timedelta(days=40), "shop.db", "old.db"),
        made(2, timedelta(days=30), "shop.db", "OLD.db"),
        made(3, timedelta(days=20), pinned=True),
        made(4, timedelta(days=10)),
        made(5, timedelta(days=9)),
        made(6, timedelta(days=8)),
    ]
    plan = plan_prune(history, now=NOW, max_age=WEEK, max_count=50, in_use={5})
    assert kept(plan) == {6: "the newest backup", 5: "in use", 3: "pinned", 2: "the last good backup of OLD.db"}
    assert dropped(plan) == {4: "older than 7 days", 1: "older than 7 days"}


def test_a_name_in_another_form_is_no_other_database() -> None:
    """An archive from a Mac names it with letters and marks apart: it is not kept as the last of some other one."""
    history = [made(1, timedelta(days=40), "u\u0308.db"), made(2, timedelta(days=30), "\u00fc.db")]
    assert dropped(plan_prune(history, now=NOW, max_age=WEEK, max_count=50)) == {1: "older than 7 days"}


def test_a_copy_that_could_not_be_checked_does_not_push_out_one_that_was() -> None:
    """Where the newest copy has no verdict, the newest copy found whole stays too."""
    unchecked = (backed_up(verdict=Verdict.UNCHECKED),)
    history = [
        made(1, timedelta(days=30)),
        made(2, timedelta(days=29)),
        made(3, timedelta(days=28), databases=unchecked),
        made(4, timedelta(days=27), databases=unchecked),
    ]
    assert list(kept(plan_prune(history, now=NOW, max_age=WEEK, max_count=1))) == [4, 2]


def test_what_is_not_proven_neither_counts_nor_goes() -> None:
    """Failed and running ones take no place, and a file we can't vouch for is left alone."""
    history = [
        made(1, timedelta(days=30)),
        made(2, timedelta(days=20), archive_sha256=""),
        made(3, timedelta(hours=3)),
        made(4, timedelta(hours=2), state=BackupState.FAILED, on_disk=False, archive_sha256="", archive_name=""),
        made(5, timedelta(hours=1), state=BackupState.RUNNING),
    ]
    plan = plan_prune(history, now=NOW, max_age=WEEK, max_count=1)
    assert kept(plan) == {5: "not proven: left alone", 3: "the newest backup", 2: "not proven: left alone"}
    assert list(dropped(plan)) == [1]


def test_floors_take_the_places_and_pins_do_not() -> None:
    """Fifty stay, the last copy of a lost database among them; pinned ones come on top."""
    history = [made(1, timedelta(days=6), "old.db"), *hourly(120)[1:]]
    history = [*history, *(made(1000 + number, timedelta(days=5), pinned=True) for number in range(60))]
    plan = plan_prune(history, now=NOW, max_age=WEEK, max_count=50)
    assert sum(1 for decision in plan if decision.keep and not decision.backup.pinned) <= 51
    assert 1 in kept(plan)
    assert not any(decision.backup.pinned for decision in plan if not decision.keep)


@pytest.mark.parametrize("limits", [(timedelta(), 50), (WEEK, 0), (timedelta(days=-1), None)])
def test_a_limit_of_nothing_is_refused(limits: tuple[timedelta, int | None]) -> None:
    """Zero is a slip of the pen, and never means: delete everything."""
    with pytest.raises(ValueError, match="None is no limit"):
        plan_prune(hourly(3), now=NOW, max_age=limits[0], max_count=limits[1])


def test_a_backup_dated_in_the_future_ages_like_the_run_after_it() -> None:
    """Made under a clock six years ahead, it neither stays for six years nor counts as the newest."""
    history = [
        made(1, timedelta(days=9)),
        made(2, timedelta(days=-2000)),
        made(3, timedelta(days=8)),
        made(4, WEEK / 7),
    ]
    plan = plan_prune(history, now=NOW, max_age=WEEK, max_count=50)
    assert list(kept(plan)) == [4]


def test_a_clock_in_the_past_deletes_nothing_new() -> None:
    """At a start without a clock everything seems to lie ahead: the limits of age wait, and the newest stay."""
    plan = plan_prune(hourly(60), now=NOW - timedelta(days=20000), max_age=WEEK, max_count=50)
    assert list(kept(plan)) == list(range(60, 10, -1))


@given(
    history=histories(),
    age=st.none() | st.integers(1, 30000),
    count=st.none() | st.integers(1, 5),
    in_use=st.sets(st.integers(1, 12)),
)
def test_the_floors_hold_for_any_history_and_any_clock(
    history: list[Backup], age: int | None, count: int | None, in_use: set[int]
) -> None:
    """Whatever the dates say, every database keeps its last copy and its last whole one, and nothing foreign goes."""
    max_age = None if age is None else timedelta(hours=age)
    plan = plan_prune(history, now=NOW, max_age=max_age, max_count=count, in_use=in_use)
    on_disk = [backup for backup in history if backup.on_disk]
    assert sorted(decision.backup.id for decision in plan) == [backup.id for backup in on_disk]
    assert all(decision.why for decision in plan)
    stay = [decision.backup for decision in plan if decision.keep]
    proven = [backup for backup in on_disk if backup.proven]
    for gone in (decision.backup for decision in plan if not decision.keep):
        assert gone.proven
        assert not gone.pinned
        assert gone.id not in in_use
    if proven:
        past = [backup for backup in proven if backup.started_at <= NOW]
        assert max(proven, key=lambda backup: backup.id) in stay
        assert not past or max(past, key=lambda backup: backup.started_at).started_at in {b.started_at for b in stay}
    for name in ("a.db", "b.db", "c.db"):
        for wanted in ({Verdict.OK, Verdict.UNCHECKED}, {Verdict.OK}):
            holding = [b for b in proven if any(d.name == name and d.verdict in wanted for d in b.databases)]
            if holding:
                assert max(holding, key=lambda backup: backup.id) in stay
    again = plan_prune(stay, now=NOW, max_age=max_age, max_count=count, in_use=in_use)
    assert all(decision.keep for decision in again if decision.backup.proven)
