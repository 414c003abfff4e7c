"""Applies the keep rules: the newest backup of each hour, day, week and month stays, by the zone's clock. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import Reason, RetentionCode

Period = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRules:
    """How many hours, days, ISO weeks and months keep their newest backup; 0 is no such rule.

    As restic defines it: periods without a backup don't count, and each rule looks at all backups by itself, so that
    one backup may stand for its hour, its day and its month at once.
    """

    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    timezone: ZoneInfo

    @property
    def any(self) -> bool:
        """Whether there is a rule at all."""
        return bool(self.hourly or self.daily or self.weekly or self.monthly)

    def reasons(self, dates: Mapping[int, datetime]) -> dict[int, Reason]:
        """Return by id why a rule keeps a backup, given when each was made (aware)."""
        newest_first = sorted(dates, key=lambda backup_id: (dates[backup_id], backup_id), reverse=True)
        local = {backup_id: dates[backup_id].astimezone(self.timezone) for backup_id in newest_first}
        rules: tuple[tuple[str, int, Callable[[datetime], Period]], ...] = (
            ("hour", self.hourly, _hour),
            ("day", self.daily, lambda at: (at.date(),)),
            ("week", self.weekly, lambda at: tuple(at.isocalendar()[:2])),
            ("month", self.monthly, lambda at: (at.year, at.month)),
        )
        stands_for: dict[int, list[str]] = {}
        for name, count, period_of in rules:
            seen: set[Period] = set()
            for backup_id in newest_first:
                period = period_of(local[backup_id])
                if len(seen) < count and period not in seen:
                    seen.add(period)
                    stands_for.setdefault(backup_id, []).append(name)
        return {
            backup_id: Reason(RetentionCode.NEWEST_OF, tuple(("period", name) for name in names))
            for backup_id, names in stands_for.items()
        }


def _hour(at: datetime) -> Period:
    # With the offset: the hour that comes twice at the end of summer time is two hours.
    return (at.date(), at.hour, at.utcoffset())
