"""Preferences: what an admin chooses for their own chat, and its quiet hours."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 24 * 60


class MessageMode(StrEnum):
    """Which messages come."""

    EVERY = "every backup"
    DIGEST = "daily digest"
    TROUBLE = "trouble only"


class WhenUnchanged(StrEnum):
    """What happens to a planned backup that is byte for byte what a chat has: the setting WHEN_UNCHANGED."""

    SEND = "send"
    NOTE = "note"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From `start` until before `end`, in minutes of the local day, perhaps over midnight; never the same minute twice.

    With `alarms` trouble makes no sound either.
    """

    start: int
    end: int
    alarms: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.start < MINUTES_A_DAY and 0 <= self.end < MINUTES_A_DAY) or self.start == self.end:
            message = f"no hours: {self.start} to {self.end}"
            raise ValueError(message)

    def hold(self, now: datetime, timezone: ZoneInfo) -> bool:
        """Tell whether it is quiet now, by the clock on the wall: also on the days when that clock is changed."""
        local = now.astimezone(timezone)
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChoice:
    """What one admin chose, or the default. `databases` is None for all of them, those to come included.

    `since` is when the mode was chosen; None where nothing was.
    """

    mode: MessageMode = MessageMode.EVERY
    quiet: QuietHours | None = None
    databases: frozenset[str] | None = None
    since: datetime | None = None

    def follows(self, names: Collection[str]) -> bool:
        """Tell whether one of these databases is among the chosen ones."""
        return self.databases is None or not self.databases.isdisjoint(names)


DEFAULT_CHOICE = MessageChoice()
