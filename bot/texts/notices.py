"""The notices that services send by themselves, in the time zone of the settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.models import Alarm, Backup, Override, Status
from bot.services.messages.digest import Digest
from bot.services.messages.live import TellLeft
from bot.services.messages.week import DrawWeek, ReadDays
from bot.texts import alarms, digest, schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTexts:
    """What alarms and the timetable ask for."""

    timezone: ZoneInfo
    server: str = ""

    def alarm(self, alarm: Alarm, now: datetime, reminder: timedelta, quiet_until: datetime | None) -> str:
        return alarms.alarm(alarm, now, reminder, quiet_until, self.timezone)

    def alarm_over(self, alarm: Alarm) -> str:
        return alarms.alarm_over(alarm, self.timezone)

    def alarm_recovered(self, alarm: Alarm) -> str:
        return alarms.alarm_recovered(alarm, self.timezone)

    def alarm_moved(self, alarm: Alarm) -> str:
        return alarms.alarm_moved(alarm, self.timezone)

    def alarm_on_phone(self, alarm: Alarm, now: datetime) -> tuple[str, str]:
        return alarms.on_phone(alarm, now, self.timezone, server=self.server)

    def schedule_changed(
        self, expression: str, before: str, runs: Sequence[datetime], actor: str, now: datetime
    ) -> str:
        return schedule.schedule_changed(expression, before, runs, actor=actor, now=now, timezone=self.timezone)

    def paused(self, paused: Override, now: datetime) -> str:
        return schedule.paused(paused, now, self.timezone)

    def resumed(self, runs: Sequence[datetime], actor: str, now: datetime) -> str:
        return schedule.resumed(runs, actor, now, self.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTexts:
    """What the messages say that are edited in place; a digest begins with how all stands."""

    status: Callable[[], Awaitable[Status]]
    days: ReadDays
    timezone: ZoneInfo
    left: TellLeft
    draw_week: DrawWeek | None = None

    async def digest(self, day: Digest) -> str:
        begins = datetime.combine(day.day, time(), tzinfo=self.timezone)
        missed = sum(one.missed for one in await self.days(begins) if one.day == day.day)
        return digest.digest(day, None if day.is_over else await self.status(), self.timezone, missed)

    def unchanged_note(self, since: Backup, runs: Sequence[Backup]) -> str:
        return digest.unchanged_note(since, runs, self.timezone)
