"""Keep rules: the newest of each period by the zone's clock, on top of which every floor still holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bot.models import Backup, RetentionCode
from bot.services.retention.plan import plan_prune
from bot.services.retention.rules import KeepRules
from bot.words.retention import retention_words
from tests.world.retention import NOW, WEEK, dropped, histories, hourly, kept, made

BERLIN = ZoneInfo("Europe/Berlin")
OFF = KeepRules(timezone=BERLIN)


def test_a_day_a_week_and_a_month_keep_their_newest() -> None:
    """Of 100 days of backups every six hours: 7 days, 4 weeks and 3 months beyond the newest ten."""
    history = [made(number, timedelta(hours=6 * (400 - number))) for number in range(1, 401)]
    rules = KeepRules(daily=7, weekly=4, monthly=3, timezone=BERLIN)
    plan = plan_prune(history, now=NOW, max_age=WEEK / 7, max_count=10, rules=rules)
    stay = {decision.backup.id: decision for decision in plan if decision.keep}
    # NOW is Saturday, 1 March 2025, 13:00 in Berlin; the newest of a day is made at 19:00, save today's.
    months = [stay[number].backup.started_at.date().isoformat() for number in sorted(stay)][:2]
    assert months == ["2025-01-31", "2025-02-09"]
    by_rule = {number: retention_words(decision.why) for number, decision in stay.items() if decision.by_rule}
    assert sorted(by_rule.values()) == sorted(
        ["the newest of its day"] * 4
        + ["the newest of its day and month", "the newest of its day and week"]
        + ["the newest of its week"] * 2
        + ["the newest of its month"]
    )
    # Nine kept by rules and the newest one, which is a floor, are the ten places.
    assert len(stay) == 10
    assert stay[400].why.code == RetentionCode.NEWEST


def test_rules_win_over_the_count_only_where_they_keep_more() -> None:
    """Places left over by the rules go to the newest others; rules that keep more than the count are obeyed."""
    history = hourly(240)
    few = plan_prune(history, now=NOW, max_age=WEEK, max_count=50, rules=KeepRules(daily=10, timezone=BERLIN))
    assert len(kept(few)) == 50
    assert dropped(few)[190] == "beyond the 50 that are kept"
    many = plan_prune(history, now=NOW, max_age=WEEK, max_count=5, rules=KeepRules(hourly=60, timezone=BERLIN))
    assert sorted(kept(many)) == list(range(181, 241))


def test_no_rule_changes_nothing() -> None:
    """Without rules the plan is the one of age and count, to the last word."""
    history = hourly(240)
    limits = {"now": NOW, "max_age": WEEK, "max_count": 50}
    assert plan_prune(history, **limits, rules=OFF) == plan_prune(history, **limits)  # type: ignore[arg-type]
    assert not OFF.any


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """At the end of summer time 02:30 comes twice: two hours, one day. The day that lacks an hour is one day."""
    first, second = datetime(2025, 10, 26, 0, 30, tzinfo=UTC), datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    assert set(KeepRules(hourly=2, timezone=BERLIN).reasons({1: first, 2: second})) == {1, 2}
    assert set(KeepRules(daily=2, timezone=BERLIN).reasons({1: first, 2: second})) == {2}


def test_a_week_begins_on_monday_and_a_year_splits_none() -> None:
    """30 December 2024 and 1 January 2025 are of one ISO week, and of two months."""
    dates = {1: datetime(2024, 12, 30, 12, tzinfo=UTC), 2: datetime(2025, 1, 1, 12, tzinfo=UTC)}
    assert set(KeepRules(weekly=5, timezone=BERLIN).reasons(dates)) == {2}
    assert set(KeepRules(monthly=5, timezone=BERLIN).reasons(dates)) == {1, 2}


RULES = st.builds(
    KeepRules,
    hourly=st.integers(0, 4),
    daily=st.integers(0, 4),
    weekly=st.integers(0, 4),
    monthly=st.integers(0, 4),
    timezone=st.sampled_from([BERLIN, ZoneInfo("UTC"), ZoneInfo("Pacific/Chatham")]),
)


@given(history=histories(), age=st.none() | st.integers(1, 30000), count=st.none() | st.integers(1, 5), rules=RULES)
def test_a_rule_only_ever_adds_and_holds_its_periods(
    history: list[Backup], age: int | None, count: int | None, rules: KeepRules
) -> None:
    """Whatever the dates say: every floor of the plan without rules stays, and so does each period's newest."""
    max_age = None if age is None else timedelta(hours=age)
    plan = plan_prune(history, now=NOW, max_age=max_age, max_count=count, rules=rules)
    bare = plan_prune(history, now=NOW, max_age=max_age, max_count=count)
    stay = {decision.backup.id for decision in plan if decision.keep}
    for decision in bare:
        if decision.keep and decision.why.code != RetentionCode.WITHIN_LIMITS:
            assert decision.backup.id in stay
    for decision in plan:
        if decision.why.code == RetentionCode.WITHIN_LIMITS:  # a rule may take a place, and never gives one
            assert any(other.backup.id == decision.backup.id and other.keep for other in bare)
    proven = [b for b in history if b.on_disk and b.proven and b.started_at <= NOW]
    for name, number in (("day", rules.daily), ("month", rules.monthly)):
        periods: Mapping[object, Backup] = _newest(proven, rules.timezone, month=name == "month")
        if all(b.started_at <= NOW for b in history):
            for period in sorted(periods, reverse=True)[:number]:  # type: ignore[type-var]
                assert periods[period].id in stay


def _newest(backups: list[Backup], timezone: ZoneInfo, *, month: bool) -> dict[object, Backup]:
    newest: dict[object, Backup] = {}
    for backup in sorted(backups, key=lambda b: (b.started_at, b.id)):
        at = backup.started_at.astimezone(timezone)
        newest[(at.year, at.month) if month else at.date()] = backup
    return newest
