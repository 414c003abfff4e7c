"""Alarms: one trouble from its beginning to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One trouble from its beginning to its end. While it is open, no other one has its key (`skipped:users.db`).

    `title` is a few words, `sentence` and `ending` (how it ended) whole sentences: plain text. `accepted` tells that a
    person ended it. `base` is whatever the alarm is measured against, in the words of who raised it.
    """

    id: str
    key: str
    title: str
    sentence: str
    began_at: datetime
    ended_at: datetime | None = None
    ending: str = ""
    accepted: bool = False
    base: str = ""

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]

    @property
    def subject(self) -> str:
        return self.key.partition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmNotice:
    """How one listener knows of an alarm: a recipient by its address, or a phone by the fingerprint of its URL.

    `message_id` is None until it was told. `reminded_at` is when it was last told aloud, `quiet_until` when the
    listener wants to be reminded next at the earliest, `shown` the fingerprint of what the message says. With `done`
    nothing more is to be told.
    """

    alarm_id: str
    address: str
    message_id: int | None = None
    sent_at: datetime | None = None
    reminded_at: datetime | None = None
    quiet_until: datetime | None = None
    shown: str = ""
    done: bool = False


KEEP_ENDED = timedelta(days=90)
"""How long the catalogue keeps alarms that are over."""
