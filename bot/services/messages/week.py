"""Sends the picture of the week: once, silently, on Monday morning, to every admin who wants more than trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from bot.clock import Clock
from bot.models import BackupDay, Recipient, Trends
from bot.services.catalogue import Catalogue, KeptMessage

HOUR = 9
"""Of Monday, local time."""

LATE = timedelta(days=2)
"""Later than this a service that was off leaves the week alone: nobody waits for it any more."""

WEEK = "week"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture with its words, HTML."""

    png: bytes
    caption: str


ReadDays = Callable[[datetime], Awaitable[Sequence[BackupDay]]]
"""Reads the local days since an instant, with the runs that did not take place on them."""

DrawWeek = Callable[[Sequence[BackupDay], Trends, date], Picture]
"""Draws seven local days, of which the date is the last; blocking."""


class PictureChannel(Protocol):
    """Where pictures are shown. Raises an `Outcome` when it fails."""

    async def send_picture(self, recipient: Recipient, png: bytes, caption: str) -> int:
        """Send a picture silently and return its message id."""
        ...


class WeeklyPicture:
    """Knows by the catalogue whom it has told of which week."""

    def __init__(
        self,
        catalogue: Catalogue,
        channel: PictureChannel,
        draw: DrawWeek,
        days: ReadDays,
        *,
        timezone: ZoneInfo,
        clock: Clock,
    ) -> None:
        self._catalogue, self._channel, self._draw, self._days = catalogue, channel, draw, days
        self._timezone, self._clock = timezone, clock

    async def tell(self, recipient: Recipient) -> None:
        """Send the last week, if it is time and was not done yet. Raises an `Outcome`, `CatalogueError`."""
        monday = self._due()
        if monday is None or await self._catalogue.messages.kept(recipient, WEEK, monday.isoformat()):
            return
        end = datetime.combine(monday, time(), tzinfo=self._timezone)
        start = datetime.combine(monday - timedelta(days=7), time(), tzinfo=self._timezone)
        days = [day for day in await self._days(start) if day.day < monday]
        if not days:
            return
        trends = await self._catalogue.charts.trends(start, end)
        picture = await asyncio.to_thread(self._draw, days, trends, monday - timedelta(days=1))
        message_id = await self._channel.send_picture(recipient, picture.png, picture.caption)
        await self._catalogue.messages.keep(
            KeptMessage(recipient=recipient, kind=WEEK, subject=monday.isoformat(), message_id=message_id, shown="")
        )

    def _due(self) -> date | None:
        """Return the Monday whose morning it is, or was not long ago."""
        now = self._clock().astimezone(self._timezone)
        monday = now.date() - timedelta(days=now.weekday())
        late = now - datetime.combine(monday, time(HOUR), tzinfo=self._timezone)
        return monday if timedelta() <= late < LATE else None
