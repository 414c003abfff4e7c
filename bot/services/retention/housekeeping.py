"""Carries out retention in the store and the catalogue, and the pins, notes and deletions of admins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from loguru import logger

from bot.clock import Clock
from bot.config.settings import Settings
from bot.errors import ArchiveError, CourierError, NotFoundError
from bot.models import KEEP_ENDED, RECENT, Action, Backup, DeliveryState, Reason, RetentionCode
from bot.services.catalogue import ALL, Catalogue
from bot.services.files.store import Store
from bot.services.retention.inventory import take_stock
from bot.services.retention.plan import Decision, plan_prune
from bot.services.retention.rules import KeepRules
from bot.words.retention import retention_words

NOTE_LONGEST = 200
"""Characters of a note."""

KEPT_FOR = timedelta(days=400)
"""How long a run whose archive is gone, and an admin's action, stay on record: a year, and some time to look at it."""

MOST_RUNS = 10_000
"""More runs than that are kept for `AT_LEAST` alone: thirteen months of hourly ones, and not thirty years of rows."""

MOST_ACTIONS = 10_000

AT_LEAST = timedelta(days=31)
"""What the status, the alarms and the digests look back on is never forgotten."""

READ_AT_A_LOOK = 256 << 20
"""Bytes of archives that were put back, which a look reads; somebody may wait for it, and a run reads all."""

_EVERY = timedelta(days=1)
_AT_ONCE = 500
"""Runs forgotten in one transaction: others wait for it."""


class Housekeeping:
    """Keeps the archives that are to be kept, deletes the others, and writes down which is gone and who wanted it."""

    def __init__(self, settings: Settings, catalogue: Catalogue, store: Store, *, clock: Clock) -> None:
        self._settings, self._catalogue, self._store, self._clock = settings, catalogue, store, clock
        self._trimmed_at: datetime | None = None
        self._deleting = asyncio.Lock()

    async def take_stock(self) -> None:
        """Record which archives are gone from the disk, cut short, or put back. Raises as `take_stock` does.

        One that is just being removed here is not missed.
        """
        async with self._deleting:
            await take_stock(self._store, self._catalogue, most=READ_AT_A_LOOK)

    # --- by the settings ---------------------------------------------------------------------------------------

    async def plan_prune(self) -> tuple[Decision, ...]:
        """Say for every archive on the disk whether it stays, and why; deletes nothing.

        What is believed of them is compared with the disk first.
        """
        await take_stock(self._store, self._catalogue)
        backups = await self._catalogue.backups.select(limit=ALL, on_disk_only=True)
        sending = {
            delivery.backup_id
            for delivery in await self._catalogue.deliveries.owed()
            if delivery.state is DeliveryState.SENDING
        }
        decisions = plan_prune(
            backups,
            now=self._clock(),
            max_age=timedelta(days=self._settings.max_backup_age_days),
            max_count=self._settings.max_backup_count,
            in_use=sending,
            rules=self.keep_rules,
        )
        if await self._catalogue.service.clock_leapt():
            doubted = Reason(RetentionCode.CLOCK_DOUBTED)
            decisions = tuple(one if one.keep else replace(one, keep=True, why=doubted) for one in decisions)
        return decisions

    @property
    def keep_rules(self) -> KeepRules:
        """What is kept beyond age and count, as the settings say."""
        settings = self._settings
        return KeepRules(
            hourly=settings.keep_hourly,
            daily=settings.keep_daily,
            weekly=settings.keep_weekly,
            monthly=settings.keep_monthly,
            timezone=settings.timezone,
        )

    async def prune(self) -> tuple[Decision, ...]:
        """Delete what the plan drops, and return what was dropped. A file that can't be deleted stays catalogued."""
        dropped = []
        for decision in await self.plan_prune():
            if decision.keep:
                continue
            try:
                await self.remove(decision.backup)
            except ArchiveError as error:
                logger.error("{} could not be pruned: {}", decision.backup.archive_name, error.sentence)
                continue
            except NotFoundError:
                logger.warning("{} was already gone from the disk", decision.backup.archive_name)
                await self._catalogue.backups.mark_deleted(decision.backup.id)
            logger.info("pruned {}: {}", decision.backup.archive_name, retention_words(decision.why))
            dropped.append(decision)
        if not await self._catalogue.service.clock_leapt():
            await self._forget_gone()
            await self.trim()
        return tuple(dropped)

    async def remove(self, backup: Backup) -> None:
        """Delete an archive, and record that. Raises `NotFoundError` where it is not there, `ArchiveError`."""
        async with self._deleting:
            with suppress(CourierError):  # a full disk, which deleting makes room on
                await self._catalogue.archives.mark_deleting(backup.id)
            await self._store.delete(backup.archive_name)
            await self._catalogue.backups.mark_deleted(backup.id)

    async def prune_after_run(self) -> None:
        """Prune; what keeps that from being done is logged, and keeps no new backup from going out."""
        try:
            await self.prune()
        except Exception as error:
            logger.opt(exception=not isinstance(error, CourierError)).error("old backups can't be pruned: {}", error)

    async def _forget_gone(self) -> None:
        """Speak no more of archives that are gone, once retention would have let them go."""
        for backup in await self._catalogue.archives.faulty():
            old = self._clock() - backup.started_at > timedelta(days=self._settings.max_backup_age_days)
            if backup.gone and old and not (backup.pinned or backup.kept_for_now(self._clock())):
                await self._catalogue.backups.mark_deleted(backup.id)

    async def trim(self) -> int:
        """Forget what may be forgotten, at most once a day; return how many runs. Never raises: it can wait.

        Runs, actions and ended alarms go by `KEPT_FOR` and `MOST_…`; never what `TrimTable.forgettable` keeps.
        """
        now = self._clock()
        if self._trimmed_at is not None and timedelta() <= now - self._trimmed_at < _EVERY:
            return 0
        self._trimmed_at, before, forgotten = now, now - KEPT_FOR, 0
        try:
            place = await self._catalogue.trimming.time_of_run(MOST_RUNS)
            if place is not None:
                before = max(before, min(place, now - AT_LEAST))
            ids = await self._catalogue.trimming.forgettable(before, recent=RECENT)
            for at in range(0, len(ids), _AT_ONCE):
                forgotten += await self._catalogue.trimming.forget_backups(ids[at : at + _AT_ONCE])
            actions = await self._catalogue.trimming.forget_audits(now - KEPT_FOR, most=MOST_ACTIONS)
            await self._catalogue.alarms.forget_ended(now - KEEP_ENDED)
        except CourierError as error:
            logger.warning("the catalogue could not be trimmed: {}", error.sentence)
            return forgotten
        if forgotten or actions:
            logger.info("forgotten, from before {}: {} runs without an archive, {} actions", before, forgotten, actions)
        return forgotten

    # --- by the admins -----------------------------------------------------------------------------------------

    async def pin(self, backup_id: int, pinned: bool, *, actor: str) -> Backup:
        """Keep a backup for good, or give it back to retention; a safety copy to the day until which it is kept."""
        backup = await self._catalogue.backups.get(backup_id)
        if pinned and not backup.on_disk:
            raise NotFoundError(f"The archive of backup {backup_id} is {where_gone(backup)}; nothing to keep.")
        await self._catalogue.backups.set_pinned(backup_id, pinned)
        await self._catalogue.service.audit(actor, Action.PINNED if pinned else Action.UNPINNED, ("backup", backup_id))
        return replace(backup, pinned=pinned)

    async def note(self, backup_id: int, words: str, *, actor: str) -> Backup:
        """Write a note on a backup, in one line of at most `NOTE_LONGEST`; an empty one removes it."""
        note = " ".join("".join(ch for ch in words if ch.isprintable() or ch.isspace()).split())[:NOTE_LONGEST]
        await self._catalogue.backups.set_note(backup_id, note)
        noted = (("note", note),) if note else ()
        action = Action.NOTED if note else Action.NOTE_REMOVED
        await self._catalogue.service.audit(actor, action, ("backup", backup_id), *noted)
        return await self._catalogue.backups.get(backup_id)

    async def let_go(self, backup_ids: Iterable[int], *, actor: str) -> None:
        """Miss archives that somebody took from the disk no longer; what lies elsewhere stays known."""
        facts = []
        for backup_id in backup_ids:
            await self._catalogue.archives.let_go(backup_id)
            facts.append(("backup", backup_id))
        await self._catalogue.service.audit(actor, Action.ARCHIVES_FORGOTTEN, *facts)

    async def delete(self, backup_id: int, *, actor: str) -> None:
        """Delete one archive from the disk. Refused for a pinned one and for the last good backup of a database."""
        await take_stock(self._store, self._catalogue)
        backup = await self._catalogue.backups.get(backup_id)
        if not backup.on_disk:
            raise NotFoundError(f"The archive of backup {backup_id} is {where_gone(backup)}.")
        if backup.pinned:
            raise CourierError(f"Backup {backup_id} is pinned.", hint="Unpin it first.")
        latest = await self._catalogue.backups.latest_by_database()
        last_of = sorted(name for name, newest in latest.items() if newest.id == backup_id and not backup.fault)
        if last_of:
            shown = ", ".join([_shortened(name) for name in last_of[:3]])  # sixty long names would fill the screen
            more = f" and {len(last_of) - 3} more" if len(last_of) > 3 else ""
            raise CourierError(
                f"Backup {backup_id} is the last good backup of {shown}{more}; it is never deleted.",
                hint="Make a new backup first.",
            )
        await self.remove(backup)
        await self._catalogue.service.audit(
            actor, Action.DELETED, ("backup", backup_id), ("archive", backup.archive_name)
        )
        logger.warning("backup {} ({}) deleted by {}", backup_id, backup.archive_name, actor)


def where_gone(backup: Backup) -> str:
    """Complete "the archive is …" for one that is not there."""
    return "gone from the disk" if backup.gone else "no longer on the disk"


def _shortened(name: str) -> str:
    """Return a database's name for a sentence; a long one keeps its beginning and its end, where names differ."""
    return name if len(name) <= 40 else f"{name[:27]}…{name[-12:]}"
