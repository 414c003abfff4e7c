"""Opens and closes the service's alarms as troubles begin and end; lets people accept and silence them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import CourierError, NotFoundError
from bot.models import Alarm, BackedUp
from bot.services.alarms.register import AlarmRegister
from bot.services.alarms.shrinking import FURTHER_BACK, Shrinkage, ShrinkBaseline, baseline_of, has_lost, shrinkage_from
from bot.services.catalogue import Catalogue

SHRUNKEN = "shrunken"
SKIPPED = "skipped"
GONE = "gone"
MANY = "*"
"""The kinds of alarms about one database, whose name is their subject; many skipped ones are one alarm together.

GONE are those that a pattern found before.
"""


class Alarms:
    """Every open alarm, and who knows of it. Nothing here raises into a caller or makes it wait for a message.

    What is open is kept in memory and in the catalogue: it survives restarts, and a disk that is too full for the
    catalogue silences nobody. `AlarmLoop` looks for troubles and tells people; without it, alarms are only recorded.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        shrink_percent: int,
        nudge: Callable[[], None] = lambda: None,
        forgets: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        """`nudge` lets the loop look now. The process that tells people also `forgets` what is over."""
        self.shrink_percent, self.nudge = shrink_percent, nudge
        self.register = AlarmRegister(catalogue, forgets=forgets, clock=clock)
        self._catalogue, self._clock = catalogue, clock
        self._lock = asyncio.Lock()

    # --- what anybody may say ----------------------------------------------------------------------------------

    async def raise_(self, key: str, sentence: str, *, title: str = "", base: str = "") -> None:
        """Begin the alarm of a key (`kind:subject`), or let the open one say this from now on. Never raises."""
        async with self._lock:
            await self.register.load()
            alarm = self.register.open(key)
            if alarm is None:
                alarm = Alarm(
                    id=secrets.token_hex(4),
                    key=key,
                    title=title or key.replace(":", ": "),
                    sentence=sentence,
                    began_at=self._clock(),
                    base=base,
                )
                logger.warning("alarm {}: {}", key, sentence)
            else:
                changed = replace(alarm, title=title or alarm.title, sentence=sentence)
                if changed == alarm:
                    return
                alarm = changed
            await self.register.keep(alarm)
        self.nudge()

    async def clear(self, key: str, ending: str = "", *, accepted: bool = False) -> None:
        """End the alarm of a key, if it is open; `ending` says how. Never raises."""
        async with self._lock:
            await self.register.load()
            alarm = self.register.open(key)
            if alarm is None:
                return
            await self.register.keep(replace(alarm, ended_at=self._clock(), ending=ending, accepted=accepted))
            logger.info("alarm {} is over: {}", key, ending)
        self.nudge()

    async def open_alarms(self) -> tuple[Alarm, ...]:
        """Return what is open, oldest first."""
        async with self._lock:
            await self.register.load()
            return self.register.all_open()

    async def accept(self, alarm_id: str, *, actor: str) -> Alarm:
        """End an alarm because a person says that all is as it should be; what is gone is expected no longer.

        Raises `NotFoundError` when it is over, `CatalogueError` and `NoSpaceError` where that can't be remembered.
        """
        alarm = await self._find(alarm_id)
        if alarm.kind == GONE:
            names = await self._catalogue.databases.newest_gone() if alarm.subject == MANY else (alarm.subject,)
            await self._catalogue.databases.let_go(names)
        await self.clear(alarm.key, f"Accepted by {actor}.", accepted=True)
        with suppress(CourierError):  # the audit is no reason to leave an alarm standing
            await self._catalogue.service.audit(actor, "accepted", f"{alarm.title}: {alarm.sentence}")
        return alarm

    async def hush(self, alarm_id: str, address: str, until: datetime, *, actor: str) -> Alarm:
        """Remind a listener of an open alarm not before an instant. Raises `NotFoundError` when it is over."""
        alarm = await self._find(alarm_id)
        notice = self.register.notice(alarm_id, address)
        if notice is not None:
            await self.register.save_notice(replace(notice, quiet_until=until))
        with suppress(CourierError):
            await self._catalogue.service.audit(
                actor, "silenced an alarm for themselves", f"{alarm.title}: {alarm.sentence}"
            )
        return alarm

    async def compare_with_previous(self, backup_id: int, databases: Iterable[BackedUp]) -> tuple[str, ...]:
        """Say of a new backup what it holds much less of than those before, one line per database. Never raises."""
        lines = []
        try:
            for database in databases:
                fall = await self.fall_of(database, backup_id)
                if fall is not None:
                    lines.append(f"{database.name}: {fall.line}")
            if lines:
                await self._catalogue.alarms.set_shrunken(backup_id, lines)
        except Exception as error:
            known = isinstance(error, CourierError)
            logger.opt(exception=not known).error("backup {} is not compared with the last: {}", backup_id, error)
        return tuple(lines)

    async def fall_of(self, database: BackedUp, backup_id: int) -> Shrinkage | None:
        """Return how far a database fell; None where that is not far enough for an alarm, or there is no level.

        It is measured against the level at which its alarm began; without one, against the backup before, and those
        further back, as far as no admin has accepted a lower level since.
        """
        percent, key = self.shrink_percent, f"{SHRUNKEN}:{database.name}"
        alarm = next((a for a in await self.open_alarms() if a.key == key), None)
        if alarm is not None and (kept := baseline_of(alarm.base, database)) is not None:
            return shrinkage_from(database, kept, percent)
        before = await self._catalogue.alarms.predecessor(database.path, backup_id)
        if before is None or not percent or not has_lost(database, before):
            return None
        levels = [ShrinkBaseline(database=before)]
        for ago, over in FURTHER_BACK:
            lowest = await self._catalogue.alarms.lowest_level(database, backup_id, ago=ago, accepted=key)
            levels += [ShrinkBaseline(database=lowest, over=over)] if lowest is not None else []
        return next(filter(None, (shrinkage_from(database, level, percent) for level in levels)), None)

    async def load(self) -> None:
        """Let the register know what was recorded, and record what could not be. Never raises."""
        async with self._lock:
            await self.register.load()
            await self.register.save_again()

    async def _find(self, alarm_id: str) -> Alarm:
        found = next((alarm for alarm in await self.open_alarms() if alarm.id == alarm_id), None)
        if found is None:
            raise NotFoundError("This alarm is over already.")
        return found
