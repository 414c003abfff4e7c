"""Charts: what pictures are drawn of. Sizes and rows over time, days, and how far back one can go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, IntEnum


class Span(IntEnum):
    """How much time a picture shows, in hours."""

    DAY = 24
    WEEK = 7 * 24
    MONTH = 30 * 24

    @property
    def length(self) -> timedelta:
        return timedelta(hours=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """A database in one proven backup. `rows` is None where not every table was counted."""

    at: datetime
    bytes: int
    rows: int | None


class MarkKind(Enum):
    """What is marked in a picture."""

    ALARM = "alarm"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened to a database, or to all of them (`name` is empty)."""

    at: datetime
    kind: MarkKind
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One database over some time, oldest point first; there is at least one."""

    name: str
    points: tuple[TrendPoint, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """All databases that were backed up between two instants, by name."""

    since: datetime
    until: datetime
    databases: tuple[Trend, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupDay:
    """A local day: how many runs ended, of them proven ones, and of these complete ones; and how many are missing."""

    day: date
    runs: int = 0
    proven: int = 0
    complete: int = 0
    missed: int = 0

    @property
    def due(self) -> int:
        """How many there should have been."""
        return self.runs + self.missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The backups that one place holds, oldest first. `place` is an address; empty for the disk."""

    place: str
    name: str
    times: tuple[datetime, ...]
