"""What is to be told of an alarm, to whom it was told how: decisions only."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

from bot.models import Alarm, Told

EDITABLE_FOR = timedelta(hours=48)
"""A message older than this lies far up in the chat, where a change would be seen by nobody."""


class Act(StrEnum):
    """What is due to a listener."""

    NOTHING = "nothing"
    BEGIN = "begin"
    CHANGE = "change"
    REMIND = "remind"
    END = "end"
    END_UNHEARD = "end unheard"  # it began and ended while this listener could not be told
    FORGET = "forget"  # it ended, and this listener need not know


def fingerprint(alarm: Alarm) -> str:
    """Return what changes exactly when the message of an open alarm has to."""
    return hashlib.sha256(f"{alarm.title}\n{alarm.sentence}".encode()).hexdigest()[:16]


def due(alarm: Alarm, told: Told, *, now: datetime, reminder: timedelta) -> Act:
    """Decide what a listener is to be told now. A `reminder` of no length means that nobody is reminded."""
    if told.done:
        return Act.NOTHING
    if alarm.ended_at is not None:
        if told.message_id is not None:
            return Act.END
        return Act.FORGET if alarm.accepted else Act.END_UNHEARD
    if told.message_id is None:
        return Act.BEGIN
    if reminder and now >= next_reminder(told, reminder):
        return Act.REMIND
    return Act.CHANGE if told.shown != fingerprint(alarm) else Act.NOTHING


def next_reminder(told: Told, reminder: timedelta) -> datetime:
    """Return when a listener is reminded, unless the alarm ends before."""
    since = told.reminded_at or told.sent_at
    if since is None:
        raise ValueError("nobody is reminded of what they were never told")
    return max(since + reminder, told.quiet_until or since)
