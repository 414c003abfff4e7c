"""Checks whom backups do not reach: who has to do something about it, and where one try after the other fails."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.clock import Clock
from bot.models import Alarm, AlarmEnding, AlarmKind, Delivery, DeliveryState, Facts, Reason, Recipient
from bot.services.alarms.alarms import Alarms
from bot.services.catalogue import Catalogue
from bot.services.people.people import People

OWED_FOR = timedelta(hours=3)
"""Where one try after the other fails for so long, it is told; what passes by itself is over before."""


class ReachCheck:
    """Begins and ends the alarms about recipients.

    Where Telegram keeps all chats waiting, that is none: it could not be told there, and all are served with it.
    """

    def __init__(self, alarms: Alarms, catalogue: Catalogue, people: People, *, clock: Clock) -> None:
        self._alarms, self._catalogue, self._people, self._clock = alarms, catalogue, people, clock
        self._owed_since: dict[Recipient, datetime] = {}

    async def check(self) -> None:
        """Begin and end the alarms."""
        current = await self._catalogue.recipients.all_current(self._people.everybody)
        opened = {a.subject: a for a in await self._alarms.open_alarms() if a.kind == AlarmKind.UNREACHABLE}
        parked = {r for r in await self._catalogue.recipients.parked() if r in current}
        stuck = {r: why for r, why in (await self._stuck(opened)).items() if r in current and r not in parked}
        for status in await self._people.statuses([*parked, *stuck]):
            if status.invited:
                continue  # they have yet to press Start for the first time
            recipient, why = status.recipient, stuck.get(status.recipient, status.parked_reason)
            facts: Facts = (("name", status.name or recipient.called), ("cause", why.code), *why.facts)
            if recipient in stuck:
                facts += (("since", self._owed_since[recipient].isoformat()),)
            await self._alarms.raise_(f"{AlarmKind.UNREACHABLE}:{recipient.address}", facts)
        here = {one.address for one in (*self._people.everybody, *current)}
        for subject in opened.keys() - {one.address for one in (*parked, *stuck)}:
            ending = AlarmEnding.MENDED if subject in here else AlarmEnding.NOT_NAMED
            await self._alarms.clear(opened[subject].key, ending)

    async def _stuck(self, opened: dict[str, Alarm]) -> dict[Recipient, Reason]:
        """Return who is owed something that is not tried again by itself, or for long, with what stands in the way."""
        now, stuck, owed = self._clock(), dict[Recipient, Reason](), await self._catalogue.deliveries.owed()
        self._owed_since = {row.recipient: self._owed_since.get(row.recipient, now) for row in owed}
        for row in (row for row in owed if row.reason):
            recipient, alarm = row.recipient, opened.get(row.recipient.address)
            since = alarm.fact("since") if alarm is not None else ""
            if since:
                self._owed_since[recipient] = datetime.fromisoformat(since)
            told = alarm is not None and (not recipient.is_chat or bool(since))
            long = now - self._owed_since[recipient] >= OWED_FOR and await self._is_alone(row)
            if told or long or row.state is DeliveryState.PARKED:
                stuck.setdefault(recipient, row.reason)
        return stuck

    async def _is_alone(self, row: Delivery) -> bool:
        """Whether it is the place itself: no chat, or one of several of which another one has that backup."""
        if not row.recipient.is_chat:
            return True
        others = await self._catalogue.deliveries.of(row.backup_id)
        return any(other.recipient.is_chat and other.received for other in others)
