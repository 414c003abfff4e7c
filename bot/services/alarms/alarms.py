"""The alarms of the service: begun and ended by whoever sees a trouble, told by a task of their own."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import CourierError, NotFoundError
from bot.models import Alarm, BackedUp
from bot.services.alarms.lifecycle import Act, Told, due
from bot.services.alarms.shrinking import FURTHER_BACK, Fall, Level, fall_from, has_lost, level_of
from bot.services.catalogue import Catalogue

LOOK_EVERY = 30.0
"""Seconds between two looks at everything, if nothing happens before."""

KEEP_ENDED = timedelta(days=90)
ENDS_WITHIN = 2.0
"""Seconds a shutdown gives a message under way, so that its id is not lost and it is not sent again."""

SHRUNKEN = "shrunken"
SKIPPED = "skipped"
MANY = "*"
"""The kinds of alarms about one database, whose name is their subject; many skipped ones are one alarm together."""

Sentry = Callable[[], Awaitable[None]]


class CanNotTellError(Exception):
    """A listener could not be told; `seconds` is when to try again at the earliest, None as usual."""

    def __init__(self, sentence: str, *, seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class Listener(Protocol):
    """Somebody who is told of alarms; `address` names them over restarts."""

    @property
    def address(self) -> str: ...

    async def concerned(self, alarm: Alarm) -> bool:
        """Say whether they are to hear of an alarm that begins."""
        ...

    async def tell(self, act: Act, alarm: Alarm, told: Told) -> Told:
        """Do what is due, and return how the alarm is known now. Raises `CanNotTellError`."""
        ...


Loudness = Callable[[int, datetime], Awaitable[bool]]
"""Whether an alarm may sound in an admin's chat now."""

Audience = Callable[[], Awaitable[Iterable[Listener]]]


class Alarms:
    """Every open alarm, and who knows of it. Nothing here raises into a caller or makes it wait for a message.

    What is open is kept in memory and in the catalogue: it survives restarts, and a disk that is too full for the
    catalogue silences nobody. Where nobody listens (`audience`), alarms are only recorded.
    """

    def __init__(
        self, catalogue: Catalogue, *, reminder: timedelta, shrink_percent: int, clock: Clock = utc_now
    ) -> None:
        self.sentries: tuple[Sentry, ...] = ()
        """Who looks whether something is wrong, at every round; each begins and ends alarms."""
        self.audience: Audience = _nobody
        self.loudness: Loudness = _always_loud
        """Where the admins' own choices of quiet hours plug in."""
        self.reminder = reminder
        self.shrink_percent = shrink_percent
        self._catalogue, self._clock = catalogue, clock
        self._alarms: dict[str, Alarm] = {}
        self._told: dict[tuple[str, str], Told] = {}
        self._unsaved: set[str] = set()
        self._unsaved_told: set[tuple[str, str]] = set()
        self._loaded = False
        self._lock = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, tuple[datetime, float]] = {}

    # --- what anybody may say ----------------------------------------------------------------------------------

    async def raise_(self, key: str, sentence: str, *, title: str = "", base: str = "") -> None:
        """Begin the alarm of a key (`kind:subject`), or let the open one say this from now on. Never raises."""
        async with self._lock:
            await self._load()
            alarm = self._open(key)
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
            await self._keep(alarm)
        self.nudge()

    async def clear(self, key: str, ending: str = "", *, accepted: bool = False) -> None:
        """End the alarm of a key, if it is open; `ending` says how. Never raises."""
        async with self._lock:
            await self._load()
            alarm = self._open(key)
            if alarm is None:
                return
            await self._keep(replace(alarm, ended_at=self._clock(), ending=ending, accepted=accepted))
            logger.info("alarm {} is over: {}", key, ending)
        self.nudge()

    async def open_alarms(self) -> tuple[Alarm, ...]:
        """Return what is open, oldest first."""
        async with self._lock:
            await self._load()
            return tuple(alarm for alarm in self._alarms.values() if alarm.ended_at is None)

    async def accept(self, alarm_id: str, *, actor: str) -> Alarm:
        """End an alarm because a person says that all is as it should be. Raises `NotFoundError` when it is over."""
        alarm = await self._find(alarm_id)
        await self.clear(alarm.key, f"Accepted by {actor}.", accepted=True)
        with suppress(CourierError):  # the audit is no reason to leave an alarm standing
            await self._catalogue.audit(actor, "accepted", f"{alarm.title}: {alarm.sentence}")
        return alarm

    async def hush(self, alarm_id: str, address: str, until: datetime) -> Alarm:
        """Remind a listener of an open alarm not before an instant. Raises `NotFoundError` when it is over."""
        alarm = await self._find(alarm_id)
        told = self._told.get((alarm_id, address))
        if told is not None:
            await self._keep_told(replace(told, quiet_until=until))
        return alarm

    async def weigh(self, backup_id: int, databases: Iterable[BackedUp]) -> tuple[str, ...]:
        """Say of a new backup what it holds much less of than those before, one line per database. Never raises."""
        lines = []
        try:
            for database in databases:
                fall = await self.fall_of(database, backup_id)
                if fall is not None:
                    lines.append(f"{database.name}: {fall.line}")
            if lines:
                await self._catalogue.set_shrunken(backup_id, lines)
        except CourierError as error:
            logger.error("backup {} could not be compared with the one before: {}", backup_id, error.sentence)
        return tuple(lines)

    async def fall_of(self, database: BackedUp, backup_id: int) -> Fall | None:
        """Return how far a database fell; None where that is not far enough for an alarm, or there is no level.

        It is measured against the level at which its alarm began; without one, against the backup before, and those
        further back, as far as no admin has accepted a lower level since.
        """
        percent, key = self.shrink_percent, f"{SHRUNKEN}:{database.name}"
        alarm = next((a for a in await self.open_alarms() if a.key == key), None)
        if alarm is not None and (kept := level_of(alarm.base, database)) is not None:
            return fall_from(database, kept, percent)
        before = await self._catalogue.predecessor(database.path, backup_id)
        if before is None or not percent or not has_lost(database, before):
            return None
        fall = fall_from(database, Level(database=before), percent)
        for ago, over in FURTHER_BACK if fall is None else ():
            lowest = await self._catalogue.lowest_level(database, backup_id, ago=ago, accepted=key)
            level = Level(database=lowest, over=over) if lowest is not None else None
            fall = fall or fall_from(database, level, percent)
        return fall

    # --- telling -----------------------------------------------------------------------------------------------

    def nudge(self) -> None:
        """Look now."""
        self._nudged.set()

    def returned(self, chat_id: int) -> None:
        """Somebody can be reached again: what they have yet to be told of does not wait any longer."""
        for address in tuple(self._not_before):
            if address.partition("/")[0] == str(chat_id):
                del self._not_before[address]
        self.nudge()

    async def run(self) -> None:
        """Look and tell until cancelled; whatever goes wrong, it goes on."""
        try:
            while True:
                self._nudged.clear()
                await self.look()
                await self.tell()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._nudged.wait(), LOOK_EVERY)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Let the messages under way arrive, for a short while; what was not told is told at the next start."""
        tasks = set(self._telling.values())
        if tasks:
            await asyncio.wait(tasks, timeout=ENDS_WITHIN)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> None:
        """Let every sentry look; one that fails is logged and keeps no other from looking."""
        for sentry in self.sentries:
            try:
                await sentry()
            except CourierError as error:
                logger.error("something could not be watched: {}", error.sentence)
            except Exception:
                logger.exception("something could not be watched")

    async def tell(self) -> None:
        """Begin to tell everybody what is due to them, each in a task of their own."""
        async with self._lock:
            await self._load()
            await self._save_again()
        try:
            listeners = tuple(await self.audience())
        except CourierError as error:
            logger.error("nobody can be told: {}", error.sentence)
            return
        self._let_go()
        for listener in listeners:
            if listener.address not in self._telling:
                task = asyncio.create_task(self._tell(listener), name=f"alarms to {listener.address}")
                self._telling[listener.address] = task
                task.add_done_callback(lambda _, address=listener.address: self._telling.pop(address, None))  # type: ignore[misc]

    async def told(self) -> None:
        """Look, tell, and wait until everybody who can be told now was."""
        await self.look()
        await self.tell()
        while self._telling:
            await asyncio.wait(set(self._telling.values()))

    async def _tell(self, listener: Listener) -> None:
        """Do what is due to one listener, oldest alarm first; a trouble leaves the rest for later."""
        wait_until, pause = self._not_before.get(listener.address, (None, LOOK_EVERY))
        if wait_until is not None and self._clock() < wait_until:
            return
        for alarm_id in tuple(self._alarms):
            alarm = self._alarms.get(alarm_id)
            if alarm is None:
                continue
            told = self._told.get((alarm_id, listener.address))
            if told is None:
                if alarm.ended_at is not None or not await listener.concerned(alarm):
                    continue  # whoever came in later need not hear of what is over
                told = Told(alarm_id=alarm_id, address=listener.address)
                await self._keep_told(told)
            try:
                await self._do(listener, alarm, told)
            except CanNotTellError as error:
                seconds = pause if error.seconds is None else error.seconds
                self._not_before[listener.address] = (
                    self._clock() + timedelta(seconds=seconds),
                    min(pause * 2, 600),
                )
                logger.warning("{} could not be told of the alarm {}: {}", listener.address, alarm.key, error)
                return
            except Exception:
                logger.exception("{} could not be told of the alarm {}", listener.address, alarm.key)
                return
        self._not_before.pop(listener.address, None)

    async def _do(self, listener: Listener, alarm: Alarm, told: Told) -> None:
        act = due(alarm, told, now=self._clock(), reminder=self.reminder)
        if act is Act.NOTHING:
            return
        after = replace(told, done=True) if act is Act.FORGET else await listener.tell(act, alarm, told)
        # What was asked for meanwhile (not to be reminded) stays.
        newer = self._told.get((alarm.id, listener.address), told)
        if newer.quiet_until != told.quiet_until:
            after = replace(after, quiet_until=newer.quiet_until)
        await self._keep_told(after)

    # --- keeping -----------------------------------------------------------------------------------------------

    def _open(self, key: str) -> Alarm | None:
        return next((a for a in self._alarms.values() if a.key == key and a.ended_at is None), None)

    async def _find(self, alarm_id: str) -> Alarm:
        found = next((alarm for alarm in await self.open_alarms() if alarm.id == alarm_id), None)
        if found is None:
            raise NotFoundError("This alarm is over already.")
        return found

    async def _load(self) -> None:
        """Take in what the catalogue knows, once; called with the lock held."""
        if self._loaded:
            return
        try:
            known = await self._catalogue.active_alarms()
            self._loaded = True
            if self.audience is not _nobody:
                await self._catalogue.forget_alarms(self._clock() - KEEP_ENDED)
        except CourierError as error:
            logger.error("the alarms of before can't be read: {}", error.sentence)
            return
        for alarm, told in known:
            self._alarms.setdefault(alarm.id, alarm)
            for one in told:
                self._told.setdefault((one.alarm_id, one.address), one)

    async def _keep(self, alarm: Alarm) -> None:
        self._alarms[alarm.id] = alarm
        self._unsaved.add(alarm.id)
        await self._save_again()

    async def _keep_told(self, told: Told) -> None:
        self._told[told.alarm_id, told.address] = told
        self._unsaved_told.add((told.alarm_id, told.address))
        await self._save_again()

    async def _save_again(self) -> None:
        """Write down what is not yet; where the catalogue can't be written, it is tried again at every round."""
        try:
            for alarm_id in tuple(self._unsaved):
                await self._catalogue.save_alarm(self._alarms[alarm_id])
                self._unsaved.discard(alarm_id)
            for key in tuple(self._unsaved_told):
                if key in self._told:
                    await self._catalogue.save_told(self._told[key])
                self._unsaved_told.discard(key)
        except (CourierError, sqlite3.Error) as error:
            logger.error("an alarm could not be written down: {}", error)

    def _let_go(self) -> None:
        """Forget ended alarms that everybody knows to be over.

        Who can't be reached now (an admin who blocked the bot) is told when they are back, however long that takes, up
        to `KEEP_ENDED`.
        """
        long_ago = self._clock() - KEEP_ENDED
        for alarm in tuple(self._alarms.values()):
            if alarm.ended_at is None or alarm.id in self._unsaved:
                continue
            known = [told for (alarm_id, _), told in self._told.items() if alarm_id == alarm.id]
            if all(told.done for told in known) or alarm.ended_at < long_ago:
                for told in known:
                    self._told.pop((told.alarm_id, told.address))
                    self._unsaved_told.discard((told.alarm_id, told.address))
                del self._alarms[alarm.id]


async def _always_loud(_admin_id: int, _now: datetime) -> bool:
    return True


async def _nobody() -> tuple[Listener, ...]:
    return ()
