"""Opens and closes the service's alarms as troubles begin and end; lets people accept and silence them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import CourierError, NotFoundError
from bot.models import Action, Alarm, AlarmAct, AlarmEnding, AlarmKind, BackedUp, Facts, Loss, SkipReason
from bot.services.alarms.lost import let_go
from bot.services.alarms.register import AlarmRegister
from bot.services.alarms.shrinking import (
    FURTHER_BACK,
    MOST_NAMED,
    Shrinkage,
    ShrinkBaseline,
    baseline_of,
    has_lost,
    shrinkage_from,
)
from bot.services.catalogue import Catalogue

TWICE_WITHIN = timedelta(minutes=1)
"""The same act about the same alarm is done once in this time, however often and by whomever it is pressed."""


class AlarmOverError(NotFoundError):
    """The alarm that a button is about has ended."""


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
        self._acts: dict[tuple[str, AlarmAct], tuple[str, datetime]] = {}  # by whom, and when

    # --- what anybody may say ----------------------------------------------------------------------------------

    async def raise_(self, key: str, facts: Facts = (), *, base: str = "") -> None:
        """Begin the alarm of a key (`kind:subject`), or let the open one say this from now on. Never raises."""
        async with self._lock:
            await self.register.load()
            alarm = self.register.open(key)
            if alarm is None:
                alarm = Alarm(id=secrets.token_hex(4), key=key, facts=facts, began_at=self._clock(), base=base)
                logger.warning("alarm {} begins: {}", key, _listed(facts))
            elif alarm.facts == facts:
                return
            else:
                alarm = replace(alarm, facts=facts)
            await self.register.keep(alarm)
        self.nudge()

    async def clear(self, key: str, ending: AlarmEnding = AlarmEnding.MENDED, *, accepted_by: str = "") -> None:
        """End the alarm of a key, if it is open; `ending` says how, and who says so if a person did. Never raises."""
        async with self._lock:
            await self.register.load()
            alarm = self.register.open(key)
            if alarm is None:
                return
            over = replace(alarm, ended_at=self._clock(), ending=ending, accepted=bool(accepted_by))
            if accepted_by:
                over = replace(over, acted=(("act", AlarmAct.ACCEPT), ("by", accepted_by)))
            await self.register.keep(over)
            logger.info("alarm {} is over {}", key, f"by {accepted_by}" if accepted_by else ending)
        self.nudge()

    async def open_alarms(self) -> tuple[Alarm, ...]:
        """Return what is open, oldest first."""
        async with self._lock:
            await self.register.load()
            return self.register.all_open()

    async def find(self, alarm_id: str) -> Alarm:
        """Return an open alarm. Raises `AlarmOverError` when it is over."""
        found = next((alarm for alarm in await self.open_alarms() if alarm.id == alarm_id), None)
        if found is None:
            raise AlarmOverError("This alarm is over already.")
        return found

    async def accept(self, alarm_id: str, *, actor: str) -> Alarm:
        """End an alarm because a person says that all is as it should be; what is gone is expected no longer.

        Raises `AlarmOverError` when it is over, `CatalogueError` and `NoSpaceError` where that can't be remembered.
        """
        alarm = await self.find(alarm_id)
        if alarm.kind in (AlarmKind.GONE, AlarmKind.SKIPPED):
            reasons = (SkipReason.GONE,) if alarm.kind == AlarmKind.GONE else (SkipReason.MISSING,)
            names: tuple[str, ...] = (alarm.subject,)
            if alarm.is_of_many:
                names = await self._catalogue.databases.newest_skipped(reasons)
            await self._catalogue.databases.let_go(names, named=alarm.kind == AlarmKind.SKIPPED)
        if alarm.kind == AlarmKind.LOST:
            await let_go(alarm, self._catalogue)
        await self.clear(alarm.key, accepted_by=actor)
        with suppress(CourierError):  # the audit is no reason to leave an alarm standing
            await self._catalogue.service.audit(actor, Action.ALARM_ACCEPTED, ("alarm", alarm.key))
        return alarm

    async def act(self, alarm_id: str, act: AlarmAct, *, actor: str) -> str:
        """Write down that an admin does something about an open alarm, for its messages to say.

        Returns who did the same a moment ago, in which case nothing is to be done again; empty otherwise. Raises
        `AlarmOverError`.
        """
        now = self._clock()
        async with self._lock:
            alarm = self.register.open_by_id(alarm_id)
            if alarm is None:
                raise AlarmOverError("This alarm is over already.")
            before = self._acts.get((alarm_id, act))
            if before is not None and now - before[1] < TWICE_WITHIN:
                return before[0]
            self._acts[alarm_id, act] = (actor, now)
            await self.register.keep(replace(alarm, acted=(("act", act), ("by", actor), ("at", now.isoformat()))))
        self.nudge()
        return ""

    async def hush(self, alarm_id: str, address: str, until: datetime, *, actor: str) -> Alarm:
        """Remind a listener of an open alarm not before an instant. Raises `AlarmOverError` when it is over."""
        alarm = await self.find(alarm_id)
        notice = self.register.notice(alarm_id, address)
        if notice is not None:
            await self.register.save_notice(replace(notice, quiet_until=until))
        with suppress(CourierError):
            await self._catalogue.service.audit(actor, Action.ALARM_HUSHED, ("alarm", alarm.key))
        self.nudge()
        return alarm

    async def compare_with_previous(self, backup_id: int, databases: Iterable[BackedUp]) -> tuple[Loss, ...]:
        """Say of a new backup what it holds much less of than those before, a few of each database. Never raises."""
        losses: list[Loss] = []
        try:
            for database in databases:
                fall = await self.fall_of(database, backup_id)
                losses += fall.losses[:MOST_NAMED] if fall is not None else ()
            if losses:
                await self._catalogue.alarms.set_shrunken(backup_id, losses)
        except Exception as error:
            known = isinstance(error, CourierError)
            logger.opt(exception=not known).error("backup {} is not compared with the last: {}", backup_id, error)
        return tuple(losses)

    async def fall_of(self, database: BackedUp, backup_id: int) -> Shrinkage | None:
        """Return how far a database fell; None where that is not far enough for an alarm, or there is no level.

        It is measured against the level at which its alarm began; without one, against the backup before, and those
        further back, as far as no admin has accepted a lower level since.
        """
        percent, key = self.shrink_percent, f"{AlarmKind.SHRUNKEN}:{database.name}"
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


def _listed(facts: Facts) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts) or "see the dashboard"
