"""Keeps the timetable: SCHEDULE or the expression chosen in chat, and pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from loguru import logger

from bot.clock import Clock
from bot.config.cron import validate_expression
from bot.config.settings import Settings
from bot.errors import CourierError
from bot.models import PAUSED, Action, ChatLoad, Override, Recipient
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.delivery.notices import NoticeSender
from bot.services.schedule.load import chat_load
from bot.services.schedule.plan import SCHEDULE, SchedulePlan, read_plan
from bot.services.schedule.scheduler import planned_times

LONGEST = 120
"""Characters of an expression; more is a slip of the clipboard."""

_LOOKED_AT = 300
"""Runs among which the shortest and the longest gap are looked for: all the kinds of gaps that a day or a week has."""

_RECENT = 5
"""Backups whose cost says what the next one takes."""

_PER_VOLUME = timedelta(seconds=3)
"""What one volume takes of a chat: Telegram lets a bot send 20 messages a minute into a group."""


class ScheduleRefusedError(CourierError):
    """The expression can't be the schedule: not valid, never due, or due more often than backups can be made."""

    code = "schedule"
    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePreview:
    """What an expression would mean.

    `shortest` and `longest` are the times between two of its runs (none: it comes once), the longest what may be lost
    at worst; `reach` is how far back the archives on the disk would reach, None where retention by age ends sooner;
    `load` what it brings into each chat, None before the first good backup.
    """

    expression: str
    runs: tuple[datetime, ...]
    shortest: timedelta
    longest: timedelta
    reach: timedelta | None = None
    load: ChatLoad | None = None


class Notices(Protocol):
    """The sentences that the other admins get."""

    def schedule_changed(
        self, expression: str, before: str, runs: Sequence[datetime], actor: str, now: datetime
    ) -> str: ...

    def paused(self, paused: Override, now: datetime) -> str: ...

    def resumed(self, runs: Sequence[datetime], actor: str, now: datetime) -> str: ...


class Timetable:
    """Knows, changes and remembers the schedule; what is changed is followed at once by `listener`, and told."""

    def __init__(
        self,
        catalogue: Catalogue,
        settings: Settings,
        *,
        notifier: NoticeSender,
        notices: Notices,
        listener: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self.setting, self.timezone = settings.schedule, settings.timezone
        self._catalogue, self._notifier, self._notices = catalogue, notifier, notices
        self._listener, self.now = listener, clock
        self._volume_mb = settings.volume_size_mb
        self._max_count = settings.max_backup_count
        self._telling = Nursery()
        self._max_age = timedelta(days=settings.max_backup_age_days)

    async def plan(self) -> SchedulePlan:
        """Return what holds now. A stored choice that this version can't read gives way to SCHEDULE, with a fault."""
        return await read_plan(self.setting, self._catalogue)

    def next_runs(self, expression: str, count: int = 5) -> tuple[datetime, ...]:
        """Return the next times that an expression names, in UTC."""
        return tuple(islice(planned_times(expression, self.timezone, self.now()), count))

    async def preview(self, expression: str) -> SchedulePreview:
        """Say what an expression would mean. Raises `ScheduleRefusedError` with a sentence that names the mend."""
        if len(expression) > LONGEST:
            raise ScheduleRefusedError(
                f"A schedule of {len(expression)} characters is too long.", hint="Write five fields: 30 3 * * *"
            )
        try:
            expression = validate_expression(expression)
        except ValueError as error:
            raise ScheduleRefusedError(str(error)) from None
        seen = await self.effect_of(expression)
        if seen.shortest:
            await self._refuse_haste(expression, seen.shortest)
        return seen

    async def effect_of(self, expression: str) -> SchedulePreview:
        """Say what a valid expression means."""
        runs = await asyncio.to_thread(self.next_runs, expression, _LOOKED_AT)  # a rare one takes a while to look for
        gaps = [later - sooner for sooner, later in pairwise(runs)]
        # By the wall clock, too: a day is a day, though one in the year has 25 hours.
        walls = [at.astimezone(self.timezone).replace(tzinfo=None) for at in runs]
        on_the_wall = [later - sooner for sooner, later in pairwise(walls)]
        return SchedulePreview(
            expression=expression,
            runs=runs[:5],
            shortest=min(gaps, default=timedelta()),
            longest=min(max(gaps, default=timedelta()), max(on_the_wall, default=timedelta())),
            reach=self._reach(runs),
            load=await self._load(expression),
        )

    async def _load(self, expression: str) -> ChatLoad | None:
        proven = await self._catalogue.backups.latest_proven()
        if proven is None:
            return None
        size = proven.archive_bytes
        return chat_load(expression, self.timezone, self.now(), archive_bytes=size, volume_mb=self._volume_mb)

    async def change(self, expression: str, *, actor: str, admin_id: int | None = None) -> SchedulePlan:
        """Follow another expression from now on, over restarts too; tell the other admins silently.

        The expression of `.env` is followed by forgetting what was chosen in chat. Raises `ScheduleRefusedError`.
        """
        preview = await self.preview(expression)
        before = await self.plan()
        if preview.expression == before.expression and not before.fault:
            return before
        if preview.expression == self.setting:
            return await self.reset(actor=actor, admin_id=admin_id)
        await self._catalogue.service.set_override(SCHEDULE, preview.expression, actor)
        return await self._settle(before, Action.SCHEDULE_CHANGED, preview.expression, actor, admin_id)

    async def reset(self, *, actor: str, admin_id: int | None = None) -> SchedulePlan:
        """Follow SCHEDULE again."""
        before = await self.plan()
        await self._catalogue.service.clear_override(SCHEDULE)
        if not before.chosen:
            return before
        return await self._settle(before, Action.SCHEDULE_RESET, self.setting, actor, admin_id)

    async def _settle(
        self, before: SchedulePlan, action: Action, expression: str, actor: str, admin_id: int | None
    ) -> SchedulePlan:
        plan = await self._apply(actor, action, ("before", before.expression), ("after", expression))
        runs = self.next_runs(expression)
        notice = self._notices.schedule_changed(expression, before.expression, runs, actor, self.now())
        self.tell_others(notice, but=admin_id)
        return plan

    async def pause(self, *, actor: str, until: datetime | None = None, admin_id: int | None = None) -> None:
        """Stop scheduled runs until resumed or until an instant, over restarts too; tell the other admins silently."""
        await self._catalogue.service.set_override(PAUSED, "yes", actor, until)
        facts = (("until", until.isoformat()),) if until else ()
        paused = (await self._apply(actor, Action.PAUSED, *facts)).paused
        if paused is not None:
            self.tell_others(self._notices.paused(paused, self.now()), but=admin_id)

    async def resume(self, *, actor: str, admin_id: int | None = None) -> None:
        """Let scheduled runs happen again; one follows at once when any was left out. Tell the other admins silently.

        Where nothing is paused, nothing happens.
        """
        if (await self.plan()).paused is None:
            return
        await self._catalogue.service.clear_override(PAUSED)
        plan = await self._apply(actor, Action.RESUMED)
        self.tell_others(self._notices.resumed(self.next_runs(plan.expression, 1), actor, self.now()), but=admin_id)

    async def _apply(self, actor: str, action: Action, *facts: tuple[str, str]) -> SchedulePlan:
        """Write down what somebody has decided and let it be followed; return what holds now."""
        await self._catalogue.service.audit(actor, action, *facts)
        told = ", ".join(f"{name} {value}" for name, value in facts)
        logger.bind(scheduler=True).warning("scheduled backups: {} {} {}", actor, action, told)
        await self._listener()
        return await self.plan()

    def tell_others(self, html: str, *, but: int | None) -> None:
        """Tell every admin but one, silently and in the background: a slow Telegram holds up no press."""
        recipient = None if but is None else Recipient(chat_id=but)
        telling = self._notifier.notify(html, loud=False, but=recipient)
        self._telling.start(telling, failure="the other admins could not be told")

    async def close(self) -> None:
        """Tell nobody any more; returns when nothing is under way."""
        await self._telling.drain()

    async def _refuse_haste(self, expression: str, gap: timedelta) -> None:
        """Raise when runs would come faster than the recent ones could be made and sent."""
        recent = await self._catalogue.backups.select(limit=_RECENT, proven_only=True)
        needed = max(
            (
                (backup.finished_at or backup.started_at) - backup.started_at
                + _PER_VOLUME * max(1, -(-backup.archive_bytes // (self._volume_mb << 20)))
                for backup in recent
            ),
            default=timedelta(),
        )  # fmt: skip
        if gap >= 2 * needed:
            return
        minutes = -(-2 * needed // timedelta(minutes=1))
        raise ScheduleRefusedError(
            f"“{expression}” is too often for the size of these databases: a backup takes about "
            f"{needed.total_seconds():.0f} s to make and send, and runs would come {gap.total_seconds():.0f} s apart.",
            hint=f"Leave at least {minutes} minutes between two runs.",
        )

    def _reach(self, runs: tuple[datetime, ...]) -> timedelta | None:
        """Return how far back MAX_BACKUP_COUNT archives reach, where that is less than MAX_BACKUP_AGE_DAYS."""
        if len(runs) <= self._max_count:
            return None
        reach = runs[self._max_count] - runs[0]
        return reach if reach < self._max_age else None


def next_at(hour: int, now: datetime, timezone: ZoneInfo) -> datetime:
    """Return when the zone's wall clock next shows that hour, aware."""
    local = now.astimezone(timezone)
    day = local.date() + timedelta(days=1 if local.hour >= hour else 0)
    return datetime(day.year, day.month, day.day, hour, tzinfo=timezone)
