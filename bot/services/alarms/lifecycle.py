"""Decides which alarms are to be sent, edited, repeated or closed, and for whom: pure functions."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

from bot.models import Alarm, AlarmNotice

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


def fingerprint(alarm: Alarm) -> str:
    """Return what changes exactly when the message of an open alarm has to."""
    return hashlib.sha256(f"{alarm.title}\n{alarm.sentence}".encode()).hexdigest()[:16]


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
    if reminder and since is not None and now >= max(since + reminder, notice.quiet_until or since):
        return AlarmStep.REMIND
    return AlarmStep.CHANGE if notice.shown != fingerprint(alarm) else AlarmStep.NOTHING
