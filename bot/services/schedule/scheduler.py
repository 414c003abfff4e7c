"""Starts runs at the times of a cron expression, by the wall clock, one at a time; alone imports aiocron."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import cast
from zoneinfo import ZoneInfo

import aiocron
from cronsim import CronSim

from bot.clock import Clock
from bot.config.cron import validate_expression
from bot.services.concurrency.nursery import Nursery

# A suspended machine and a stepped clock are noticed within this time.
RECHECK_SECONDS = 30.0
# A timer that ends a hair before its time must not spin until the clock has caught up.
_LEAST_SECONDS = 0.01
# Set back by less, the clock was corrected, and a run that took place stays done; by more, it was wrong before.
BACKWARD_TOLERANCE = timedelta(hours=1)
# Longer than any zone's clock goes back at the end of its summer time.
_OVERLAP = timedelta(hours=2)


Run = Callable[[datetime], Awaitable[object]]


class Scheduler:
    """Calls `run` with each planned instant (aware, UTC) within a second of it, as long as the loop is free.

    One run at a time: a time that comes while a run is under way is skipped and told to `on_skipped(planned, running)`.
    The wall clock is read again at least every 30 s: after a suspension, or a clock set forward over planned times, one
    run follows and not many, with the latest of them; an instant that was honoured is not repeated when the clock goes
    back by less than an hour. What `run` raises is logged, and the schedule goes on.

    Times are the zone's wall clock. Expressions with * as hour or minute go on evenly when the clocks change; a time
    of the day that the change leaves out comes right after it, one that comes twice is taken once (as Debian's cron).
    """

    def __init__(
        self,
        expression: str,
        timezone: ZoneInfo,
        run: Run,
        *,
        clock: Clock,
        on_skipped: Callable[[datetime, datetime], object] = lambda _planned, _running: None,
    ) -> None:
        """Raises ValueError for an expression that is not valid."""
        self.expression = validate_expression(expression)
        self.timezone = timezone
        self._run, self._clock, self._on_skipped = run, clock, on_skipped
        self._last_planned: datetime | None = None
        self._cron: _RecheckingCron | None = None
        self._due: datetime | None = None
        self._paused = False
        self._until: datetime | None = None
        self._tasks = Nursery()
        self.running: datetime | None = None
        """The planned instant of the run under way."""

    def start(self, last_planned: datetime | None = None) -> None:
        """Begin, in the running loop; the first run is at the next planned time. A second call does nothing.

        `last_planned` is the last instant honoured before this start.
        """
        if self._cron is None:
            self._last_planned = last_planned
            self._arm()

    async def stop(self, seconds: float | None = None) -> None:
        """Plan no more runs; wait for the one under way, and cancel it after `seconds` (None waits for its end)."""
        self._disarm()
        await self._tasks.drain(seconds)

    def reschedule(self, expression: str) -> None:
        """Follow another expression from now on. Raises ValueError and changes nothing when it is not valid."""
        self.expression = validate_expression(expression)
        self._rearm()

    def pause(self, until: datetime | None = None) -> None:
        """Plan no run before an instant, or before `resume`; a run under way goes on."""
        self._paused, self._until = True, until
        self._rearm()

    def resume(self) -> None:
        """Plan runs again; what was left out meanwhile is not made up for."""
        self._paused, self._until = False, None
        self._rearm()

    def next_run(self) -> datetime | None:
        """Return the next planned time, None while paused without an end."""
        return next(iter(self.next_runs(1)), None)

    def next_runs(self, count: int) -> tuple[datetime, ...]:
        """Return the next planned times; () while paused without an end."""
        return self._runs_from(self._clock(), count)

    @property
    def lives(self) -> bool:
        """Whether the time that is waited for lies ahead, or nothing is waited for: it is noticed within 30 s."""
        return self._due is None or self._clock() < self._due + timedelta(seconds=2 * RECHECK_SECONDS)

    def previous_run(self, before: datetime) -> datetime | None:
        """Return the latest planned time before an instant, None when there was none in fifty years."""
        # cronsim goes back over the second pass of a repeated hour as if it were the first, so it starts later.
        later = (before + _OVERLAP).astimezone(self.timezone)
        for planned in CronSim(self.expression, later, reverse=True):
            if planned < before:
                return planned.astimezone(UTC)
        return None

    def missed(self, last_planned: datetime | None) -> datetime | None:
        """Return the latest planned time that has passed since the last one honoured: the run to catch up with.

        None when nothing was missed, or nothing was ever planned.
        """
        previous = self._previous_or_now(self._clock())
        if last_planned is None or previous is None or previous <= last_planned:
            return None
        return previous

    def fire(self, planned: datetime) -> bool:
        """Run now for a planned instant, such as a missed one; return False when a run is under way, and tell so."""
        if self.running is not None:
            self._on_skipped(planned, self.running)
            return False
        self.running = planned
        self._tasks.start(self._call(planned), failure=f"the run planned for {planned.isoformat()} failed")
        return True

    async def _call(self, planned: datetime) -> None:
        try:
            await self._run(planned)
        finally:
            self.running = None

    def _check_due(self) -> None:
        now = self._clock()
        if self._cron is None:  # stopped while this check was on its way
            return
        if self._due is not None and now >= self._due:
            planned = max(self._due, self._previous_or_now(now) or self._due)
            self._last_planned = planned
            self.fire(planned)
        # From the instant of this check, not from a later one: a time that comes in between would be lost.
        self._due = next(iter(self._runs_from(now, 1)), None)

    def _runs_from(self, now: datetime, count: int) -> tuple[datetime, ...]:
        base = self._base(now)
        return () if base is None else tuple(islice(planned_times(self.expression, self.timezone, base), count))

    def _previous_or_now(self, now: datetime) -> datetime | None:
        return self.previous_run(now + timedelta(microseconds=1))

    def _base(self, now: datetime) -> datetime | None:
        """Return the instant after which runs are planned, None when never."""
        if self._paused:
            if self._until is None:
                return None
            # A run planned for the very instant at which the pause ends takes place.
            now = max(now, self._until - timedelta(microseconds=1))
        if self._last_planned is not None and now < self._last_planned <= now + BACKWARD_TOLERANCE:
            return self._last_planned
        return now

    def _rearm(self) -> None:
        if self._cron is not None:
            self._check_due()  # a time that has come already is of the old plan
            self._disarm()
            self._arm()

    def _arm(self) -> None:
        self._due = self.next_run()
        self._cron = _RecheckingCron(self.expression, self._check_due, self._clock, self.timezone)
        self._cron.start()

    def _disarm(self) -> None:
        if self._cron is not None:
            self._cron.stop()
            self._cron = None


def planned_times(expression: str, timezone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield the times (aware, UTC) that a valid expression names after an instant, by the zone's wall clock."""
    for planned in CronSim(expression, after.astimezone(timezone)):
        if planned > after:  # in the second pass of a repeated hour, cronsim begins with times of the first
            yield planned.astimezone(UTC)


class _RecheckingCron(aiocron.Cron):  # type: ignore[misc]  # aiocron has no types
    """aiocron, told the time anew before every step, and woken at least every RECHECK_SECONDS.

    By itself it ties the wall clock to the loop's clock once, at its start; where the one moves without the other (a
    suspended machine, a clock that was set), every later run would come at the wrong time.
    """

    def __init__(self, expression: str, check: Callable[[], None], clock: Clock, timezone: ZoneInfo) -> None:
        super().__init__(expression, func=check, tz=timezone, loop=asyncio.get_running_loop())
        self._clock = clock

    def initialize(self) -> None:
        now = self._clock()
        self.time = now.timestamp()
        self.datetime = now.astimezone(self.tz)
        self.loop_time = self.loop.time()
        self.cronsim = CronSim(self.spec, self.datetime)

    def get_next(self) -> float:
        self.initialize()
        delay = float(super().get_next()) - self.loop_time
        if delay <= 0:  # a time of the first pass of a repeated hour
            delay = RECHECK_SECONDS
        return cast("float", self.loop_time + min(max(delay, _LEAST_SECONDS), RECHECK_SECONDS))
