"""Troubles that are heard of in passing: a wrong clock, and another process that polls with our token."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.clock import Clock
from bot.services.alarms.alarms import Alarms

TOLERANCE = timedelta(minutes=2)
"""Telegram's Date header is of a second's precision, and a slow answer may be some seconds old."""

TIMES_IN_A_ROW = 3
"""A machine that wakes up reads answers from before it slept; its clock is right all the same."""

CONFLICTS = 2
"""One 409 is left over from a process that was killed a moment ago."""

CONFLICT_WINDOW = timedelta(minutes=10)
"""Two pollers take turns in being refused: for this long none may have been for it to be over."""


class ClockCheck:
    """Compares the clock of this machine with the Date that Telegram's server puts on every answer."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._wrong = 0
        self._ahead = timedelta()
        self._heard = False

    def note(self, server: datetime, here: datetime) -> None:
        """Hear the server's time and our own at the moment of an answer."""
        self._heard = True
        self._ahead = here - server
        was_wrong = self._wrong
        self._wrong = self._wrong + 1 if abs(self._ahead) > TOLERANCE else 0
        if self._wrong == TIMES_IN_A_ROW or (was_wrong >= TIMES_IN_A_ROW and not self._wrong):
            self._alarms.nudge()

    async def look(self) -> None:
        """Begin or end the alarm."""
        if self._wrong >= TIMES_IN_A_ROW:
            minutes = round(abs(self._ahead).total_seconds() / 60)
            way = "fast" if self._ahead > timedelta() else "slow"
            await self._alarms.raise_(
                "clock",
                f"This server's clock is {minutes:,} minutes {way} by Telegram's. Backups get wrong names and come at "
                "wrong times: turn on time synchronisation (timedatectl set-ntp true).",
                title="The clock is wrong",
            )
        elif self._heard and not self._wrong:
            await self._alarms.clear("clock", "The clock is right again.")


class ConflictCheck:
    """Counts how often Telegram said that somebody else polls with our token."""

    def __init__(self, alarms: Alarms, *, clock: Clock) -> None:
        self._alarms, self._clock = alarms, clock
        self._noted: list[datetime] = []

    def note(self) -> None:
        """Hear a 409."""
        self._noted = [*self._noted[-(CONFLICTS - 1) :], self._clock()]
        if len(self._noted) >= CONFLICTS:
            self._alarms.nudge()

    async def look(self) -> None:
        """Begin or end the alarm."""
        recent = [at for at in self._noted if self._clock() - at < CONFLICT_WINDOW]
        if len(recent) >= CONFLICTS:
            await self._alarms.raise_(
                "conflict",
                "Another process polls Telegram with this bot's token: presses of buttons may be answered there "
                "instead of here. Stop it, or give one of the two a bot of its own.",
                title="Another process uses this bot",
            )
        elif not recent:
            await self._alarms.clear("conflict", "Nobody else polls with this token any more.")
