"""Opens alarms for troubles of the surroundings: clock, second poller, refused token, other bot, server's files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.models import AlarmEnding, AlarmKind, StoredVolume
from bot.services.alarms.alarms import Alarms
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.destination import ArchiveGone
from bot.services.contracts.polling import PollingState
from bot.services.people.people import People

TOLERANCE = timedelta(minutes=2)
"""Telegram's Date header is of a second's precision, and a slow answer may be some seconds old."""

TIMES_IN_A_ROW = 3
"""A machine that wakes up reads answers from before it slept; its clock is right all the same."""

CONFLICTS = 2
"""One 409 is left over from a process that was killed a moment ago."""

CONFLICT_WINDOW = timedelta(minutes=10)
"""Two pollers take turns in being refused: for this long none may have been for it to be over."""


REFUSALS = 2
"""A forced log-out on the server's side can be over within a second."""

FILES_UNKNOWN = "whether the Bot API server's files can be read here is not known"
FILES_AGAIN = timedelta(minutes=10)
"""After this a local server's files that could not be read are tried again."""


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

    async def check(self) -> None:
        """Begin or end the alarm."""
        if self._wrong >= TIMES_IN_A_ROW:
            minutes = round(self._ahead.total_seconds() / 60)
            await self._alarms.raise_(AlarmKind.CLOCK, (("minutes", minutes),))
        elif self._heard and not self._wrong:
            await self._alarms.clear(AlarmKind.CLOCK)


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

    async def check(self) -> None:
        """Begin or end the alarm."""
        recent = [at for at in self._noted if self._clock() - at < CONFLICT_WINDOW]
        if len(recent) >= CONFLICTS:
            await self._alarms.raise_(AlarmKind.CONFLICT)
        elif not recent:
            await self._alarms.clear(AlarmKind.CONFLICT)


class TokenCheck:
    """Follows whether Telegram refuses the token that it accepted before."""

    def __init__(self, alarms: Alarms, polling: PollingState) -> None:
        self._alarms, self._polling = alarms, polling

    async def check(self) -> None:
        """Begin or end the alarm."""
        if self._polling.refusals >= REFUSALS:
            await self._alarms.raise_(AlarmKind.TOKEN)
        elif not self._polling.refusals and self._polling.heard:
            await self._alarms.clear(AlarmKind.TOKEN)


async def tell_of_new_bot(alarms: Alarms, old: int, new: int) -> None:
    """Begin the alarm that another bot serves here now."""
    await alarms.raise_(AlarmKind.NEW_BOT, (("new", str(new)), ("old", str(old))))


class NewBotCheck:
    """Ends that alarm when every admin has heard of it from the new bot, which no chat without a Start can."""

    def __init__(self, alarms: Alarms, catalogue: Catalogue, people: People) -> None:
        self._alarms, self._catalogue, self._people = alarms, catalogue, people

    async def check(self) -> None:
        """End the alarm, if it is time."""
        opened = [alarm for alarm in await self._alarms.open_alarms() if alarm.key == AlarmKind.NEW_BOT]
        admins = {admin.address for admin in self._people.admins}
        if opened and admins <= await self._catalogue.alarms.told(opened[0].id):
            await self._alarms.clear(AlarmKind.NEW_BOT)


class LocalFilesCheck:
    """Tries at the start, and after the first delivery, whether a local Bot API server's files can be read here.

    Else that would be found out by the next test-restore, or by a restore.
    """

    def __init__(
        self,
        alarms: Alarms,
        catalogue: Catalogue,
        require_readable: Callable[[StoredVolume], Awaitable[None]] | None,
        *,
        clock: Clock,
    ) -> None:
        """`require_readable` raises `ArchiveGone` for what can't be read; None where the server is not local."""
        self._alarms, self._catalogue, self._require_readable = alarms, catalogue, require_readable
        self._clock = clock
        self._next: datetime | None = clock()
        self._trying = Nursery()

    async def check(self) -> None:
        """Begin to try, if it is time: the answer may take as long as the server takes to fetch the file."""
        if self._next is None or self._clock() < self._next or self._trying.busy:
            return
        if self._require_readable is None:
            self._next = None
            await self._alarms.clear(AlarmKind.LOCAL_FILES, AlarmEnding.UNWATCHED)
            return
        points = await self._catalogue.restore_points.select(limit=1)
        if points:
            self._next = self._clock() + FILES_AGAIN
            self._trying.start(self._try(self._require_readable, points[0].volumes[-1]), failure=FILES_UNKNOWN)

    async def stop(self) -> None:
        """Break off."""
        await self._trying.drain()

    async def _try(self, require_readable: Callable[[StoredVolume], Awaitable[None]], volume: StoredVolume) -> None:
        try:
            await require_readable(volume)
        except ArchiveGone as outcome:
            await self._alarms.raise_(AlarmKind.LOCAL_FILES, (("cause", outcome.code), *outcome.reason.facts))
        else:
            self._next = None
            await self._alarms.clear(AlarmKind.LOCAL_FILES)
