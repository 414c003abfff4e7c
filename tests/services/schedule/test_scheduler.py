"""The scheduler on a loop whose two clocks are moved by the test: nothing sleeps, every second of a day is exact."""

from __future__ import annotations

import asyncio
import functools
import itertools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from loguru import logger

from bot.clock import utc_now
from bot.config.cron import validate_expression
from bot.services.schedule.scheduler import Scheduler

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
START = datetime(2025, 3, 1, 11, 59, 30, tzinfo=UTC)


class _Jump(selectors.SelectSelector):
    """Where a loop would wait for a timer, its clock jumps to that timer's time."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.seconds += timeout
        return ready


class Machine(asyncio.SelectorEventLoop):
    """A loop with a clock of its own and a wall clock beside it that can be set."""

    def __init__(self) -> None:
        self.jump = _Jump()
        self.wall = START
        super().__init__(self.jump)

    def time(self) -> float:
        return self.jump.seconds

    def now(self) -> datetime:
        return self.wall + timedelta(seconds=self.jump.seconds)

    def set_wall_clock(self, by: timedelta) -> None:
        """Move the wall clock alone: somebody sets it, or the machine was suspended meanwhile."""
        self.wall += by


class Runs:
    """A run that notes when it was called and for which time, and takes `seconds`."""

    def __init__(self, machine: Machine, seconds: float = 0) -> None:
        self.machine = machine
        self.seconds = seconds
        self.planned: list[datetime] = []
        self.late: list[float] = []

    async def __call__(self, planned: datetime) -> None:
        self.planned.append(planned)
        self.late.append((self.machine.now() - planned).total_seconds())
        await asyncio.sleep(self.seconds)


def hourly(machine: Machine, seconds: float = 0, **options: Any) -> tuple[Runs, Scheduler]:
    runs = Runs(machine, seconds)
    return runs, Scheduler("0 * * * *", BERLIN, runs, clock=machine.now, **options)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def live(scenario: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on the loop of its machine, by whose clocks it lives."""

    @functools.wraps(scenario)
    def run(*, machine: Machine, **values: Any) -> None:
        with asyncio.Runner(loop_factory=lambda: machine) as runner:
            runner.run(scenario(machine=machine, **values))

    return run


def hours(*of_day: int) -> list[datetime]:
    return [datetime(2025, 3, 1, hour, tzinfo=UTC) for hour in of_day]


@live
async def test_runs_come_on_the_hour_to_the_second(machine: Machine) -> None:
    """Over a day there is one run an hour, none early and none a second late."""
    runs, scheduler = hourly(machine, seconds=700)
    assert scheduler.next_run() == hours(12)[0]
    scheduler.start()
    scheduler.start()
    await asyncio.sleep(24 * 3600)
    await scheduler.stop()
    assert runs.planned == [hours(12)[0] + timedelta(hours=number) for number in range(24)]
    assert all(0 <= late < 1 for late in runs.late)
    await asyncio.sleep(24 * 3600)
    assert len(runs.planned) == 24


@pytest.mark.parametrize("drift", [-0.0005, 0.0005])
@live
async def test_a_drifting_wall_clock_moves_no_run(drift: float, machine: Machine) -> None:
    """With 0.5 ms a second between the two clocks, every run still comes within a second of its time, and once."""

    def now() -> datetime:
        return machine.now() + timedelta(seconds=machine.time() * drift)

    late = []

    async def run(planned: datetime) -> None:
        late.append((now() - planned).total_seconds())

    scheduler = Scheduler("0 * * * *", BERLIN, run, clock=now)
    scheduler.start()
    await asyncio.sleep(24 * 3600 - 120)
    await scheduler.stop()
    assert len(late) == 24
    assert all(0 <= seconds < 1 for seconds in late)


@live
async def test_a_machine_that_slept_over_planned_times_runs_once(machine: Machine) -> None:
    """After three hours of suspension one run follows within 30 seconds, for the latest of the times slept over."""
    runs, scheduler = hourly(machine)
    scheduler.start()
    await asyncio.sleep(600)
    machine.set_wall_clock(timedelta(hours=3))
    await asyncio.sleep(31)
    assert runs.planned == hours(12, 15)
    await asyncio.sleep(3600)
    assert runs.planned == hours(12, 15, 16)
    assert runs.late[-1] < 1
    await scheduler.stop()


@live
async def test_a_clock_set_back_a_little_repeats_no_run(machine: Machine) -> None:
    """Ten minutes back over a run that took place: it is not made again, and the next comes at its time."""
    runs, scheduler = hourly(machine)
    scheduler.start()
    await asyncio.sleep(60)
    machine.set_wall_clock(timedelta(minutes=-10))
    assert scheduler.next_run() == hours(13)[0]
    await asyncio.sleep(2 * 3600)
    await scheduler.stop()
    assert runs.planned == hours(12, 13)
    assert all(late < 1 for late in runs.late)


@live
async def test_a_clock_set_back_far_does_not_stop_the_schedule(machine: Machine) -> None:
    """A clock that was years ahead and is put right: runs go on at the next hour, not in years."""
    machine.wall = START.replace(year=2031)
    runs, scheduler = hourly(machine)
    scheduler.start()
    await asyncio.sleep(60)
    machine.set_wall_clock(START - machine.now() + timedelta(seconds=60))
    await asyncio.sleep(2 * 3600)
    await scheduler.stop()
    assert runs.planned[0].year == 2031
    assert runs.planned[1:] == hours(13, 14)


@live
async def test_a_restart_after_a_small_correction_repeats_no_run(machine: Machine) -> None:
    """The time honoured before the restart counts as the one honoured in this life."""
    _, scheduler = hourly(machine)
    scheduler.start(hours(12)[0])
    assert scheduler.next_run() == hours(13)[0]
    await scheduler.stop()


@live
async def test_a_time_that_comes_during_a_run_is_skipped_and_told(machine: Machine) -> None:
    """A run of 2.5 hours lets two times pass; no two runs overlap and the next goes on at its hour."""
    skipped: list[tuple[datetime, datetime]] = []
    runs, scheduler = hourly(machine, 2.5 * 3600, on_skipped=lambda *times: skipped.append(times))
    scheduler.start()
    await asyncio.sleep(60)
    assert scheduler.running == hours(12)[0]
    assert not scheduler.fire(hours(11)[0])
    await asyncio.sleep(3 * 3600)
    assert runs.planned == hours(12, 15)
    assert skipped == [(hours(hour)[0], hours(12)[0]) for hour in (11, 13, 14)]
    await scheduler.stop()
    assert scheduler.running is None


@live
async def test_a_failed_run_is_told_and_the_next_one_comes(machine: Machine) -> None:
    """What a run raises is logged; the schedule goes on."""
    lines: list[str] = []

    async def run(planned: datetime) -> None:
        raise RuntimeError(planned.isoformat())

    log = logger.add(lambda line: lines.append(line.record["message"]), level="ERROR")
    scheduler = Scheduler("0 * * * *", BERLIN, run, clock=machine.now)
    scheduler.start()
    await asyncio.sleep(2 * 3600)
    await scheduler.stop()
    logger.remove(log)
    assert lines == [f"the run planned for 2025-03-01T{hour}:00:00+00:00 failed" for hour in (12, 13)]


@live
async def test_stopping_waits_for_the_run_and_then_cancels_it(machine: Machine) -> None:
    """A run gets the time it is given to end, and is cancelled afterwards."""
    ended: list[str] = []

    async def run(planned: datetime) -> None:
        try:
            await asyncio.sleep(600)
            ended.append("done")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    for seconds in (None, 60.0):
        scheduler = Scheduler("0 * * * *", BERLIN, run, clock=machine.now)
        scheduler.start()
        while scheduler.running is None:
            await asyncio.sleep(1)
        await scheduler.stop(seconds)
    assert ended == ["done", "cancelled"]


@live
async def test_a_new_expression_holds_at_once(machine: Machine) -> None:
    """Ten seconds before its first time a new schedule is in force, exactly; a faulty one changes nothing."""
    runs = Runs(machine)
    scheduler = Scheduler("0 3 * * *", ZoneInfo("UTC"), runs, clock=machine.now)
    scheduler.start()
    await asyncio.sleep(20)
    scheduler.reschedule("*/30  * * * *")
    with pytest.raises(ValueError, match="five"):
        scheduler.reschedule("whenever")
    assert scheduler.expression == "*/30 * * * *"
    await asyncio.sleep(3600)
    await scheduler.stop()
    assert runs.planned == [hours(12)[0], hours(12)[0] + timedelta(minutes=30)]
    assert all(late < 1 for late in runs.late)


@live
async def test_a_time_that_has_come_is_not_lost_to_a_change_of_plan(machine: Machine) -> None:
    """A press that arrives just after the hour, before the scheduler has looked, does not swallow the hour."""
    runs, scheduler = hourly(machine)
    scheduler.start()
    machine.set_wall_clock(timedelta(seconds=31))
    scheduler.reschedule("30 * * * *")
    await asyncio.sleep(1)
    await scheduler.stop()
    assert runs.planned == hours(12)


@live
async def test_a_pause_plans_nothing_until_it_ends(machine: Machine) -> None:
    """Paused there is no next run; resumed nothing is made up for; a pause with an end ends by itself."""
    runs, scheduler = hourly(machine)
    scheduler.pause()
    scheduler.start()
    await asyncio.sleep(3 * 3600)
    assert (scheduler.next_run(), runs.planned) == (None, [])
    scheduler.resume()
    await asyncio.sleep(3600)
    assert runs.planned == hours(15)
    scheduler.pause(until=hours(18)[0])
    assert scheduler.next_runs(2) == tuple(hours(18, 19))
    await asyncio.sleep(4 * 3600)
    assert runs.planned == hours(15, 18, 19)
    await scheduler.stop()


@live
async def test_a_missed_run_is_found_at_the_start(machine: Machine) -> None:
    """The latest time passed since the last one honoured is the one to catch up with; a fresh start misses none."""
    runs, scheduler = hourly(machine)
    assert scheduler.missed(None) is None
    assert scheduler.missed(hours(11)[0]) is None
    assert scheduler.missed(hours(12)[0]) is None
    assert scheduler.missed(hours(8)[0]) == hours(11)[0]
    assert scheduler.fire(hours(11)[0])
    await scheduler.stop()
    assert runs.planned == hours(11)


def test_a_time_missed_by_nothing_counts() -> None:
    """A start at the very instant of a planned time finds it missed, and does not plan it a second time."""
    scheduler = Scheduler("0 * * * *", BERLIN, _nothing, clock=lambda: hours(12)[0])
    assert scheduler.missed(hours(11)[0]) == hours(12)[0]
    assert scheduler.next_run() == hours(13)[0]


async def _nothing(planned: datetime) -> None:
    return None


def local(scheduler: Scheduler, count: int) -> list[str]:
    return [f"{run.astimezone(scheduler.timezone):%d %H:%M %z}" for run in scheduler.next_runs(count)]


def at(zone: ZoneInfo, *date: int, fold: int = 0) -> datetime:
    return datetime(*date, tzinfo=zone, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


def test_hourly_runs_go_on_evenly_when_berlin_changes_its_clocks() -> None:
    """An hour lies between any two runs, in the night that skips 02:00 and in the one that has it twice."""
    spring = Scheduler("0 * * * *", BERLIN, _nothing, clock=lambda: at(BERLIN, 2025, 3, 30, 0, 30))
    assert local(spring, 3) == ["30 01:00 +0100", "30 03:00 +0200", "30 04:00 +0200"]
    autumn = Scheduler("0 * * * *", BERLIN, _nothing, clock=lambda: at(BERLIN, 2025, 10, 26, 1, 30))
    assert local(autumn, 3) == ["26 02:00 +0200", "26 02:00 +0100", "26 03:00 +0100"]


def test_a_daily_run_in_the_changed_hour_takes_place_once() -> None:
    """02:30 comes right after a gap, once in an overlap, and a start in its second pass plans none in the past."""
    spring = Scheduler("30 2 * * *", BERLIN, _nothing, clock=lambda: at(BERLIN, 2025, 3, 29, 12))
    assert local(spring, 2) == ["30 03:00 +0200", "31 02:30 +0200"]
    assert spring.previous_run(at(BERLIN, 2025, 3, 30, 3)) == at(BERLIN, 2025, 3, 29, 2, 30)
    assert spring.previous_run(at(BERLIN, 2025, 3, 30, 3, 1)) == at(BERLIN, 2025, 3, 30, 3)
    autumn = Scheduler("30 2 * * *", BERLIN, _nothing, clock=lambda: at(BERLIN, 2025, 10, 25, 12))
    assert local(autumn, 2) == ["26 02:30 +0200", "27 02:30 +0100"]
    second_pass = at(BERLIN, 2025, 10, 26, 2, 15, fold=1)
    again = Scheduler("30 2 * * *", BERLIN, _nothing, clock=lambda: second_pass)
    assert local(again, 1) == ["27 02:30 +0100"]
    assert again.previous_run(second_pass) == at(BERLIN, 2025, 10, 26, 2, 30)


@live
async def test_the_second_pass_of_an_hour_brings_no_second_run(machine: Machine) -> None:
    """Through the whole night of the overlap, the daily run is called once."""
    machine.wall = at(BERLIN, 2025, 10, 26, 0, 0)
    runs = Runs(machine)
    scheduler = Scheduler("30 2 * * *", BERLIN, runs, clock=machine.now)
    scheduler.start()
    await asyncio.sleep(6 * 3600)
    await scheduler.stop()
    assert runs.planned == [at(BERLIN, 2025, 10, 26, 2, 30)]
    assert runs.late[0] < 1


def test_hours_are_the_walls_where_summer_time_is_half_an_hour() -> None:
    """On Lord Howe Island every run shows :00 on the wall; once a year each, an hour is 30 minutes off."""
    spring = Scheduler("0 * * * *", LORD_HOWE, _nothing, clock=lambda: at(LORD_HOWE, 2025, 10, 5, 0, 30))
    assert local(spring, 3) == ["05 01:00 +1030", "05 03:00 +1100", "05 04:00 +1100"]
    autumn = Scheduler("0 * * * *", LORD_HOWE, _nothing, clock=lambda: at(LORD_HOWE, 2025, 4, 6, 0, 30))
    assert local(autumn, 3) == ["06 01:00 +1100", "06 02:00 +1030", "06 03:00 +1030"]
    assert autumn.previous_run(at(LORD_HOWE, 2025, 4, 6, 2, 0)) == at(LORD_HOWE, 2025, 4, 6, 1, 0)


@pytest.mark.parametrize("zone", [ZoneInfo("UTC"), BERLIN, LORD_HOWE])
@pytest.mark.parametrize("expression", ["0 * * * *", "*/20 * * * *", "30 2 * * *", "0 0-23/2 * * *", "15 1-3 * * SUN"])
def test_looking_back_finds_what_looking_ahead_planned(zone: ZoneInfo, expression: str) -> None:
    """Over both changes of the clocks, each planned time's predecessor is the one planned before it."""
    for start in (
        datetime(2025, 3, 29, tzinfo=UTC),
        datetime(2025, 4, 5, tzinfo=UTC),
        datetime(2025, 10, 25, tzinfo=UTC),
    ):
        scheduler = Scheduler(expression, zone, _nothing, clock=lambda start=start: start)
        runs = [run for run in scheduler.next_runs(150) if run < start + timedelta(days=2)]
        assert list(runs) == sorted(set(runs))
        for earlier, later in itertools.pairwise(runs):
            assert scheduler.previous_run(later) == earlier


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("", "has 0 fields"),
        ("whenever", "has 1 field;"),
        ("0 0 * * * *", "has 6 fields"),
        ("60 * * * *", "the minute “60” is not valid (0–59)"),
        ("0 24 * * *", "the hour “24” is not valid"),
        ("0 5-2 * * *", "the hour “5-2” is not valid"),
        ("0 0 0 * *", "the day of the month “0” is not valid"),
        ("0 0 1 HURZ *", "the month “HURZ” is not valid"),
        ("0 0 * * 8", "the day of the week “8” is not valid"),
        ("*/90 * * * *", "the minute “*/90” can't go in steps of 90"),
        ("*/0 * * * *", "the minute “*/0” is not valid"),
        ("0 0 31 2 *", "never comes"),
        ("0 0 31 4,6,9 *", "never comes"),
    ],
)
def test_a_faulty_expression_is_named_with_an_example(expression: str, fault: str) -> None:
    """The sentence says what is wrong and shows a schedule that works."""
    with pytest.raises(ValueError, match="every hour on the hour") as raised:
        validate_expression(expression)
    assert fault in str(raised.value)


def test_a_valid_expression_comes_back_tidy() -> None:
    """Spaces are made single, names and special days are understood."""
    assert validate_expression(" 0  */6 * JAN-mar  mon,FRI ") == "0 */6 * JAN-mar mon,FRI"
    assert validate_expression("0 0 L * *") == "0 0 L * *"
    assert validate_expression("0 0 29 2 *") == "0 0 29 2 *"


async def test_a_run_comes_on_a_real_clock() -> None:
    """Half a second before the hour, on the real loop: the run is called once the hour has come, and not before."""
    ahead = hours(12)[0] - timedelta(seconds=0.5) - utc_now()
    called: asyncio.Future[tuple[datetime, datetime]] = asyncio.get_running_loop().create_future()

    async def run(planned: datetime) -> None:
        called.set_result((planned, utc_now() + ahead))

    scheduler = Scheduler("0 * * * *", BERLIN, run, clock=lambda: utc_now() + ahead)
    scheduler.start()
    planned, at_last = await called
    await scheduler.stop()
    assert planned == hours(12)[0] <= at_last
