"""The alarm: one trouble from its beginning to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
