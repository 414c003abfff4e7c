"""Keeps the register of alarms, in memory and in the catalogue: what is open, and who was notified of it."""

from __future__ import annotations

import sqlite3

from loguru import logger

from bot.clock import Clock
from bot.errors import CourierError
from bot.models import KEEP_ENDED, Alarm, AlarmNotice
from bot.services.catalogue import Catalogue


class AlarmRegister:
    """Alarms, open ones and those whose end somebody has yet to hear of.

    What the catalogue can't take, on a full disk, is kept in memory and written down as soon as it can.
    """

    def __init__(self, catalogue: Catalogue, *, forgets: bool, clock: Clock) -> None:
        self._catalogue, self._forgets, self._clock = catalogue, forgets, clock
        self._alarms: dict[str, Alarm] = {}
        self._notices: dict[tuple[str, str], AlarmNotice] = {}
        self._unsaved: dict[object, Alarm | AlarmNotice] = {}  # alarms by id, notices by id and address
        self._loaded, self._fault = False, ""

    # --- what is in it -----------------------------------------------------------------------------------------

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all alarms, oldest first."""
        return tuple(self._alarms)

    def alarm(self, alarm_id: str) -> Alarm | None:
        return self._alarms.get(alarm_id)

    def all_open(self) -> tuple[Alarm, ...]:
        """Return what is open, oldest first."""
        return tuple(alarm for alarm in self._alarms.values() if alarm.ended_at is None)

    def open(self, key: str) -> Alarm | None:
        """Return the open alarm of a key."""
        return next((a for a in self._alarms.values() if a.key == key and a.ended_at is None), None)

    def open_by_id(self, alarm_id: str) -> Alarm | None:
        """Return an alarm that is still open."""
        alarm = self._alarms.get(alarm_id)
        return alarm if alarm is not None and alarm.ended_at is None else None

    def notice(self, alarm_id: str, address: str) -> AlarmNotice | None:
        """Return how far somebody knows of an alarm; None where they have not begun to."""
        return self._notices.get((alarm_id, address))

    # --- what is written down ----------------------------------------------------------------------------------

    async def load(self) -> None:
        """Take in what the catalogue knows, once; one that `forgets` drops what ended long ago. Never raises."""
        if self._loaded:
            return
        try:
            known = await self._catalogue.alarms.active()
            self._loaded = True
            if self._forgets:
                await self._catalogue.alarms.forget_ended(self._clock() - KEEP_ENDED)
        except CourierError as error:
            logger.error("the alarms of before can't be read: {}", error.sentence)
            return
        for alarm, notices in known:
            self._alarms.setdefault(alarm.id, alarm)
            for one in notices:
                self._notices.setdefault((one.alarm_id, one.address), one)

    async def keep(self, alarm: Alarm) -> None:
        """Take in an alarm as it is now. Never raises."""
        self._alarms[alarm.id] = self._unsaved[alarm.id] = alarm
        await self.save_again()

    async def save_notice(self, notice: AlarmNotice) -> None:
        """Take in how far somebody knows of an alarm now. Never raises."""
        key = notice.alarm_id, notice.address
        self._notices[key] = self._unsaved[key] = notice
        await self.save_again()

    async def save_again(self) -> None:
        """Write down what is not yet; where the catalogue can't be written, it is tried again at every round.

        What stands against it is logged once, until it is another or was over.
        """
        try:
            for key, one in tuple(self._unsaved.items()):
                if isinstance(one, Alarm):
                    await self._catalogue.alarms.save(one)
                else:
                    await self._catalogue.alarms.save_notice(one)
                if self._unsaved.get(key) is one:  # nothing newer has come meanwhile
                    del self._unsaved[key]
        except (CourierError, sqlite3.Error) as error:
            if str(error) != self._fault:
                logger.error("an alarm could not be written down: {}", error)
            self._fault = str(error)
        else:
            self._fault = ""

    def let_go(self) -> None:
        """Forget ended alarms that everybody knows to be over.

        Who can't be reached now (an admin who blocked the bot) is told when they are back, however long that takes, up
        to `KEEP_ENDED`.
        """
        long_ago = self._clock() - KEEP_ENDED
        for alarm in tuple(self._alarms.values()):
            if alarm.ended_at is None or alarm.id in self._unsaved:
                continue
            known = [notice for (alarm_id, _), notice in self._notices.items() if alarm_id == alarm.id]
            if all(notice.done for notice in known) or alarm.ended_at < long_ago:
                for notice in known:
                    self._notices.pop((notice.alarm_id, notice.address))
                    self._unsaved.pop((notice.alarm_id, notice.address), None)
                del self._alarms[alarm.id]
