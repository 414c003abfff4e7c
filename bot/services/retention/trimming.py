"""Trims the catalogue once a day: deletes old rows that nothing needs any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from loguru import logger

from bot.clock import Clock
from bot.errors import CourierError
from bot.models import KEEP_ENDED, RECENT
from bot.services.catalogue import Catalogue

KEPT_FOR = timedelta(days=400)
"""How long a run whose archive is gone, and an admin's action, stay on record: a year, and some time to look at it."""

MOST_RUNS = 10_000
"""More runs than that are kept for `AT_LEAST` alone: thirteen months of hourly ones, and not thirty years of rows."""

MOST_ACTIONS = 10_000

AT_LEAST = timedelta(days=31)
"""What the status, the alarms and the digests look back on is never forgotten."""

_EVERY = timedelta(days=1)
_AT_ONCE = 500
"""Runs forgotten in one transaction: others wait for it."""


class Trimming:
    """Forgets runs, actions and ended alarms by `KEPT_FOR` and `MOST_…`; never what `TrimTable.forgettable` keeps."""

    def __init__(self, catalogue: Catalogue, *, clock: Clock) -> None:
        self._catalogue, self._clock = catalogue, clock
        self._last: datetime | None = None

    async def trim(self) -> int:
        """Forget what may be forgotten, at most once a day; return how many runs. Never raises: it can wait."""
        now = self._clock()
        if self._last is not None and timedelta() <= now - self._last < _EVERY:
            return 0
        self._last, before, forgotten = now, now - KEPT_FOR, 0
        try:
            place = await self._catalogue.trimming.time_of_run(MOST_RUNS)
            if place is not None:
                before = max(before, min(place, now - AT_LEAST))
            ids = await self._catalogue.trimming.forgettable(before, recent=RECENT)
            for at in range(0, len(ids), _AT_ONCE):
                forgotten += await self._catalogue.trimming.forget_backups(ids[at : at + _AT_ONCE])
            actions = await self._catalogue.trimming.forget_audits(now - KEPT_FOR, most=MOST_ACTIONS)
            await self._catalogue.alarms.forget_ended(now - KEEP_ENDED)
        except CourierError as error:
            logger.warning("the catalogue could not be trimmed: {}", error.sentence)
            return forgotten
        if forgotten or actions:
            logger.info("forgotten, from before {}: {} runs without an archive, {} actions", before, forgotten, actions)
        return forgotten
