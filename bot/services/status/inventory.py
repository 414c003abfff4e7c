"""Answers what is asked of the store and the catalogue: the status, the history, one backup."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import Clock
from bot.config.settings import Settings
from bot.errors import ArchiveError
from bot.models import NO_REASON, OTHER, BackupDay, BackupDetails, BackupPage, Reason, Status, WarningCode, because
from bot.services.alarms.alarms import Alarms
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Files
from bot.services.contracts.polling import PollingState
from bot.services.fetch.choice import is_restorable
from bot.services.files.store import Store
from bot.services.files.under_way import RunsUnderWay
from bot.services.messages.timers import timer_warnings
from bot.services.people.people import People
from bot.services.restore.cut_off import CutOffRestores
from bot.services.retention.housekeeping import Housekeeping
from bot.services.retention.inventory import archive_warnings
from bot.services.schedule.missed import read_missed, with_missed
from bot.services.schedule.plan import read_plan
from bot.services.snapshot.databases import Discovery
from bot.services.status.status import read_status


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is stored and recorded, and what answers from that alone: all that a command needs that runs nothing.

    `files` is where archives that left the disk are fetched back from; None where Telegram is not asked.
    """

    settings: Settings
    people: People
    catalogue: Catalogue
    store: Store
    alarms: Alarms
    housekeeping: Housekeeping
    under_way: RunsUnderWay
    cut_off: CutOffRestores
    polling: PollingState
    files: Files | None
    discover: Callable[[], Awaitable[Discovery]]
    clock: Clock

    @property
    def timezone(self) -> ZoneInfo:
        """That of the times which people read."""
        return self.settings.timezone

    async def status(self) -> Status:
        """Everything `Backup Status` shows."""
        settings, unseen = self.settings, NO_REASON
        try:
            await self.housekeeping.take_stock()
        except ArchiveError as error:
            unseen = error.cause or Reason(OTHER, (("said", error.sentence),))
        plan = await read_plan(settings.schedule, self.catalogue)
        status = await read_status(
            self.catalogue,
            settings,
            self.people,
            plan,
            discovery=await self.discover(),
            now=self.clock(),
            running=await self.under_way.anywhere(),
            warnings=(
                *(because(WarningCode.SETTING, said=sentence) for sentence in settings.warnings),
                *filter(None, [unseen, plan.fault, self.polling.trouble]),
                *await archive_warnings(self.catalogue),
                *await timer_warnings(self.catalogue, self.people.everybody),
                *await self._without_a_name(),
            ),
        )
        alarms = await self.alarms.open_alarms()  # also those that a full disk can't take
        return replace(status, alarms=alarms, cut_off=await self.cut_off.said())

    async def backup_days(self, since: datetime) -> tuple[BackupDay, ...]:
        """The local days since an instant on which runs ended or did not take place, oldest first."""
        timezone = self.settings.timezone
        plan = await read_plan(self.settings.schedule, self.catalogue)
        missed = await read_missed(self.catalogue, plan, timezone, since, self.clock())
        return with_missed(await self.catalogue.charts.days(since, timezone), missed, timezone)

    async def _without_a_name(self) -> tuple[Reason, ...]:
        """Warn where other servers share the bot, and no message says that it is from this one."""
        others = () if self.settings.server_name else await self.catalogue.messages.other_server_names()
        if not others:
            return ()
        return (Reason(WarningCode.SHARED_BOT, tuple(("server", one) for one in others[:3])),)

    async def history(self, page: int, per_page: int = 8) -> BackupPage:
        """Page `page` of all runs, newest first; a page past the end shows the last one."""
        total = await self.catalogue.backups.count()
        pages = max(1, -(-total // per_page))
        page = min(max(0, page), pages - 1)
        decisions = await self.housekeeping.plan_prune() if self.housekeeping.keep_rules.any else ()
        return BackupPage(
            backups=await self.catalogue.backups.select(limit=per_page, offset=page * per_page),
            page=page,
            pages=pages,
            total=total,
            by_rule=frozenset(decision.backup.id for decision in decisions if decision.by_rule),
        )

    async def id_of_backup(self, backup_id: int, mark: str) -> int | None:
        """Return the backup that a button names, by the id it had then and its `Backup.mark`; None where it is unknown.

        A catalogue that was lost has counted otherwise than the one that was made anew.
        """
        backup = await self.catalogue.archives.backup_of(backup_id, mark)
        return backup.id if backup is not None else None

    async def details(self, backup_id: int) -> BackupDetails:
        """One backup with its deliveries and its future. Raises `NotFoundError`."""
        backup = await self.catalogue.backups.get(backup_id)
        decision = next((one for one in await self.housekeeping.plan_prune() if one.backup.id == backup_id), None)
        return BackupDetails(
            backup=backup,
            deliveries=await self.catalogue.deliveries.of(backup_id),
            retention=decision.why if decision else NO_REASON,
            volumes=max(1, -(-backup.archive_bytes // (self.settings.volume_size_mb << 20))),
            drills=await self.catalogue.drills.of(backup_id),
            restorable=await is_restorable(backup, self.catalogue, self.files),
        )
