"""Runs that did not take place: the schedule, what is on record, and the pauses, whatever gaps there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.models import Action, BackupDay, BackupState, Trigger
from bot.services.catalogue import Catalogue
from bot.services.schedule.missed import missed_times, read_missed, rule_of, with_missed
from bot.services.schedule.plan import resolve
from tests.world.catalogue import stored

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 7, 13, tzinfo=UTC)
HOURLY = resolve("0 * * * *", None)


def at(hour: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hour)


def hours_of(times: tuple[datetime, ...]) -> list[float]:
    return [(one - MIDNIGHT) / timedelta(hours=1) for one in times]


def missed(*runs: tuple[float, float], pauses: tuple[tuple[float, float], ...] = (), until: float) -> list[float]:
    """The planned hours from one o'clock on at which no run took place, of runs and pauses in hours."""
    return hours_of(
        missed_times(
            HOURLY.expression,
            BERLIN,
            at(0.5),
            at(until),
            runs=[(at(began), at(ended)) for began, ended in runs],
            pauses=[(at(begin), at(end)) for begin, end in pauses],
        )
    )


def test_each_gap_counts() -> None:
    """Off from two to nine, and again at noon; the runs that made up for them began before the next planned ones."""
    runs = [(hour, hour + 0.1) for hour in (1, 8.9, 9, 10, 11, 13.5, 14)]
    assert missed(*runs, until=14.6) == [2, 3, 4, 5, 6, 7, 12]


def test_the_last_run_has_half_an_hour() -> None:
    assert missed((1, 1.1), until=2.4) == []
    assert missed((1, 1.1), until=2.5) == [2]


def test_a_run_that_takes_long_leaves_none_out() -> None:
    assert missed((1, 3.5), (4, 4.1), until=5.4) == []


def test_in_a_pause_none_is_due() -> None:
    """Nor at its very beginning; at its very end one is."""
    assert missed((1, 1.1), pauses=((2, 5),), until=6.6) == [5, 6]


async def test_the_catalogue_knows_all_of_it(tmp_path: Path) -> None:
    """Failed and cut-off runs took place; safety copies are none; a pause ends as it was said or by a press."""
    now = at(0.5)
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: now) as catalogue:

        async def hours(until: float) -> list[float]:
            return hours_of(await read_missed(catalogue, HOURLY, BERLIN, at(-48), at(until)))

        assert await hours(4.6) == []  # never followed
        await catalogue.service.follow(rule_of(HOURLY, BERLIN))
        await stored(catalogue, at(1))
        failed = await catalogue.backups.begin(trigger=Trigger.SCHEDULE, requested_by="", started_at=at(2))
        await catalogue.backups.finish(failed, state=BackupState.FAILED, finished_at=at(2.1))
        await stored(catalogue, at(3), trigger=Trigger.SAFETY)
        cut_off = await catalogue.backups.begin(trigger=Trigger.SCHEDULE, requested_by="", started_at=at(4))
        await catalogue.backups.finish(cut_off, state=BackupState.INTERRUPTED, finished_at=at(6.5))
        for hour, action, *facts in (
            (6.5, Action.PAUSED, ("until", at(8.5).isoformat())),
            (10.5, Action.PAUSED),
            (12.5, Action.RESUMED),
            (14.5, Action.PAUSED),
        ):
            now = at(hour)
            await catalogue.service.audit("Ann (11)", action, *facts)
        assert await hours(20) == [3, 5, 6, 9, 10, 13, 14]

        now = at(20)
        await catalogue.service.follow(rule_of(HOURLY, BERLIN))  # the next start
        assert await hours(20) == [3, 5, 6, 9, 10, 13, 14]
        daily = resolve("30 3 * * *", None)
        await catalogue.service.follow(rule_of(daily, BERLIN))
        assert await read_missed(catalogue, daily, BERLIN, at(-48), at(21)) == ()  # it owes nothing of before
        assert await hours(20) == []


def test_days_are_told_with_what_is_missing() -> None:
    """Also those on which nothing else happened; by the local day."""
    known = [BackupDay(day=date(2026, 7, 13), runs=3, proven=3, complete=3)]
    days = with_missed(known, [at(5), at(21.9), at(22.1)], BERLIN)
    assert [(day.day.day, day.runs, day.missed, day.due) for day in days] == [(13, 3, 2, 5), (14, 0, 1, 1)]
