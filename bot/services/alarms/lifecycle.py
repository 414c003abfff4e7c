"""Defines who checks for troubles and who listens to alarms, and decides what is due to a listener."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.models import Alarm, AlarmNotice
from bot.services.catalogue.newest import is_ahead

EDITABLE_FOR = timedelta(hours=48)
"""A message older than this lies far up in the chat, where a change would be seen by nobody."""


class AlarmStep(StrEnum):
    """What is due to a listener."""

    NOTHING = "nothing"
    BEGIN = "begin"
    CHANGE = "change"
    REMIND = "remind"
    END = "end"
    END_UNHEARD = "end unheard"  # it began and ended while this listener could not be told
    FORGET = "forget"  # it ended, and this listener need not know


AlarmCheck = Callable[[], Awaitable[None]]
"""Looks whether something is wrong, and begins or ends alarms."""


class NotNotifiedError(Exception):
    """A listener could not be told; `seconds` is when to try again at the earliest, None as usual."""

    def __init__(self, sentence: str, *, seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class Listener(Protocol):
    """A recipient of alarms; `address` identifies it over restarts."""

    @property
    def address(self) -> str: ...

    async def is_wanted(self, alarm: Alarm) -> bool:
        """Say whether they are to hear of an alarm that begins."""
        ...

    async def notify(self, step: AlarmStep, alarm: Alarm, notice: AlarmNotice) -> AlarmNotice:
        """Do what is due, and return how the alarm is known now. Raises `NotNotifiedError`."""
        ...


Audience = Callable[[], Awaitable[Iterable[Listener]]]
"""Who is there to be told now."""


def fingerprint(alarm: Alarm, quiet_until: datetime | None = None) -> str:
    """Return what changes exactly when the message of an open alarm has to, as one listener reads it."""
    said = (alarm.facts, alarm.acted, quiet_until and quiet_until.isoformat())
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def step_due(alarm: Alarm, notice: AlarmNotice, *, now: datetime, reminder: timedelta) -> AlarmStep:
    """Decide what a listener is to be told now. A `reminder` of no length means that nobody is reminded."""
    if notice.done:
        return AlarmStep.NOTHING
    if alarm.ended_at is not None:
        if notice.message_id is not None:
            return AlarmStep.END
        return AlarmStep.FORGET if alarm.accepted else AlarmStep.END_UNHEARD
    if notice.message_id is None:
        return AlarmStep.BEGIN
    since = notice.reminded_at or notice.sent_at
    # One that was told in the future was told under a clock that was wrong: it would be silent until then.
    due = since is not None and (now >= since + reminder or is_ahead(since, now))
    if reminder and due and now >= (notice.quiet_until or now):
        return AlarmStep.REMIND
    return AlarmStep.CHANGE if notice.shown != fingerprint(alarm, notice.quiet_until) else AlarmStep.NOTHING
