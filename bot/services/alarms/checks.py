"""Checks the catalogue and the disk for troubles, and opens and closes alarms accordingly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from bot.errors import NothingToBackUpError
from bot.models import (
    MANY,
    Actor,
    Alarm,
    AlarmEnding,
    AlarmKind,
    Backup,
    BackupState,
    Facts,
    LostArchive,
    RunInProgress,
    SkippedRecord,
    SkipReason,
    Trigger,
)
from bot.services.alarms.alarms import Alarms
from bot.services.alarms.lifecycle import AlarmCheck
from bot.services.alarms.lost import lost_facts
from bot.services.alarms.reach import ReachCheck
from bot.services.alarms.shrinking import keep_baseline
from bot.services.catalogue import Catalogue
from bot.services.catalogue.newest import is_ahead
from bot.services.files.space import SPARE_BYTES, disk_usage
from bot.services.files.store import Store
from bot.services.people.people import People
from bot.services.schedule.staleness import is_why, too_old_at
from bot.services.schedule.timetable import Timetable

MOST_SINGLE = 5
"""More databases than this are one alarm together: a disk that is not mounted must not ring thirty times."""

JUST_STARTED = timedelta(minutes=10)
"""After a start, the run that catches up gets this long before the last backup is called too old."""

LONGEST_RUN = timedelta(hours=1)
"""A run under way for longer counts as none: it hangs."""

PAUSE_TOLERATED = timedelta(days=1)
"""A pause without an end is forgotten about sooner or later."""

FREE_SHARE = 0.05
FREE_ENOUGH = 5 << 30
"""Bytes: with more free than this no disk is nearly full, however large it is, unless the next backup needs more."""

FIGURES = 2
"""Significant figures of bytes: an alarm is not to change its words at every file that is written."""


class AlarmChecks:
    """Checks everything that the catalogue and the machine tell. Each part may raise a `CourierError`."""

    def __init__(
        self,
        alarms: Alarms,
        catalogue: Catalogue,
        store: Store,
        timetable: Timetable,
        *,
        running: Callable[[], RunInProgress | None],
        stale_after: timedelta | None,
        people: People,
        take_stock: Callable[[], Awaitable[None]],
    ) -> None:
        """`take_stock` records which archives are gone from the disk."""
        self._alarms, self._catalogue, self._store, self._timetable = alarms, catalogue, store, timetable
        self._running, self._stale_after = running, stale_after
        self._people, self._take_stock, self._clock = people, take_stock, timetable.now
        self._reach = ReachCheck(alarms, catalogue, people, clock=timetable.now)
        self._started_at = timetable.now()
        self._mark: tuple[int, str, int] | None = None
        self._latest: Backup | None = None
        self._lost: tuple[LostArchive, ...] = ()
        self._proven: Backup | None = None

    @property
    def all(self) -> tuple[AlarmCheck, ...]:
        """The parts, each of which can fail by itself."""
        return (self.backups, self.runs, self.staleness, self.drills, self.archives, self._reach.check, self.disk)

    async def backups(self) -> None:
        """Read the newest good backup and run, if they are not the same as before: they can be long."""
        await self._take_stock()
        mark = await self._catalogue.backups.newest_mark()
        if mark != self._mark:
            self._latest = await self._catalogue.backups.latest_run(interrupted=False)  # a shutdown is no trouble
            self._proven = await self._catalogue.backups.latest_proven()
            await self.shrinking()
            self._mark = mark

        *_, lost = mark or (0,)
        self._lost = await self._catalogue.archives.lost() if lost else ()

    async def archives(self) -> None:
        """Archives that the disk should have: are they there, and whole? Not one whose test-restore rings already."""
        told = {alarm.number("backup") for alarm in await self._open(AlarmKind.DRILL)}
        facts = await lost_facts(self._lost, told, self._people, none_left=self._proven is None)
        await (self._alarms.raise_(AlarmKind.LOST, facts) if facts else self._alarms.clear(AlarmKind.LOST))

    async def runs(self) -> None:
        """The newest run: did it fail, and what is it without?"""
        latest = self._latest
        if latest is None:
            return
        gone, skipped = await self._missed(latest)
        if latest.state is BackupState.FAILED:
            nothing_left = latest.error_code == NothingToBackUpError.code
            if nothing_left and not gone and not skipped and await self._catalogue.databases.let_go_names():
                await self._alarms.clear(AlarmKind.RUN, AlarmEnding.NOTHING_LEFT)
            else:
                await self._alarms.raise_(AlarmKind.RUN, _failure(latest))
            if nothing_left:
                await self._without(latest, AlarmKind.GONE, gone)
            return
        await self._alarms.clear(AlarmKind.RUN)
        await self._without(latest, AlarmKind.SKIPPED, skipped)
        await self._without(latest, AlarmKind.GONE, gone)

    async def _missed(self, latest: Backup) -> tuple[dict[str, SkippedRecord], dict[str, SkippedRecord]]:
        """Return what the newest run is without: what a glob found before, and the others; not what was let go."""
        gone = {record.name: record for record in latest.skipped if record.reason is SkipReason.GONE}
        skipped = {record.name: record for record in latest.skipped if record.name not in gone}
        for name in await self._catalogue.databases.let_go_names():
            gone.pop(name, None)
        for name in await self._catalogue.databases.let_go_names(named=True):
            if name in skipped and skipped[name].reason is SkipReason.MISSING:
                del skipped[name]
        return gone, skipped

    async def _without(self, latest: Backup, kind: AlarmKind, records: Mapping[str, SkippedRecord]) -> None:
        """Begin and end the alarms of a kind about the databases that the newest run is without."""
        full = {record.reason for record in records.values()} == {SkipReason.NO_SPACE}  # one cause, one alarm
        many = len(records) > (1 if full else MOST_SINGLE)
        opened = {alarm.subject for alarm in await self._open(kind)}
        for name in opened - records.keys() - {MANY}:
            here = any(database.name == name for database in latest.databases)
            there = any(record.name == name for record in latest.skipped)
            ending = AlarmEnding.MENDED if here else AlarmEnding.ELSEWISE if there else AlarmEnding.NOT_NAMED
            await self._alarms.clear(f"{kind}:{name}", ending)
        if many:
            names = tuple(("name", name) for name in records)
            reasons = tuple(("reason", reason) for reason in dict.fromkeys(r.reason for r in records.values()))
            figures = tuple(each for record in records.values() for each in _figures(record))
            await self._alarms.raise_(f"{kind}:{MANY}", names + reasons + figures)
        else:
            await self._alarms.clear(f"{kind}:{MANY}", AlarmEnding.ONE_BY_ONE if records else AlarmEnding.MENDED)
        newest = await self._catalogue.backups.latest_by_database() if records else {}
        for name, record in records.items():
            if not many or name in opened:
                last = newest.get(name)
                await self._alarms.raise_(f"{kind}:{name}", _skip(record, last))

    async def shrinking(self) -> None:
        """Every new backup, compared with the one before: what fell is an alarm, what came back ends it."""
        seen = await self._catalogue.alarms.seen_to()
        # Without a memory (a new or rebuilt catalogue), the newest one alone is looked at.
        newest = await self._catalogue.backups.select(limit=1 if seen is None else 50, proven_only=True)
        new = sorted((b for b in newest if b.id > (seen or 0)), key=lambda backup: backup.id)
        for backup in new:
            if backup.trigger is not Trigger.SAFETY and backup.requested_by != Actor.CHAT:
                await self._compare(backup)
            await self._catalogue.alarms.set_seen_to(backup.id)
        if not self._alarms.shrink_percent:
            for alarm in await self._open(AlarmKind.SHRUNKEN):
                await self._alarms.clear(alarm.key, AlarmEnding.UNWATCHED)

    async def _compare(self, backup: Backup) -> None:
        opened = {alarm.subject: alarm for alarm in await self._open(AlarmKind.SHRUNKEN)}
        for database in backup.databases:
            key, fall = f"{AlarmKind.SHRUNKEN}:{database.name}", await self._alarms.fall_of(database, backup.id)
            if fall is not None:
                # The last one that holds what is missing: the one before the first that lacks it.
                known = opened.get(database.name)
                named = tuple(each for each in known.facts if each[0].startswith("backup")) if known else ()
                if not named:
                    before = await self._catalogue.alarms.predecessor_id(database.path, backup.id)
                    named = _holding(await self._catalogue.backups.get(before) if before else None)
                facts = (*fall.facts, *named)
                await self._alarms.raise_(key, facts, base=keep_baseline(fall.level))
            elif database.name in opened:
                await self._alarms.clear(key)
        gone = opened.keys() - {database.name for database in backup.databases} - {r.name for r in backup.skipped}
        for name in gone:
            await self._alarms.clear(f"{AlarmKind.SHRUNKEN}:{name}", AlarmEnding.NOT_NAMED)

    async def staleness(self) -> None:
        """The newest good backup: is it too old, though runs are planned?"""
        now = self._clock()
        proven = self._proven
        newest = proven or next(iter(self._lost), None)  # that it is lost is another alarm's matter
        good = newest.started_at if newest is not None else await self._catalogue.backups.first_at()
        # A backup dated in the future proves nothing of today.
        since = self._started_at if good is None or is_ahead(good, now) else good
        plan = await self._timetable.plan()
        expression, paused = plan.expression, plan.paused
        at = too_old_at(since, expression, self._timetable.timezone, self._stale_after)
        if now < at:
            await self._alarms.clear(AlarmKind.STALE)
            return
        run = self._running()
        under_way = run is not None and now - run.started_at < LONGEST_RUN
        tolerated = paused is not None and (paused.until is not None or now - paused.set_at < PAUSE_TOLERATED)
        if now < self._started_at + JUST_STARTED or under_way or tolerated:
            return
        facts: Facts = (("schedule", expression),)
        if newest is not None:
            facts += (("good", since.isoformat()) if proven is not None else ("none left", 1),)
        off = await self._catalogue.service.was_off()
        if paused is not None:
            facts += (("paused by", paused.set_by),)
        elif off is not None and is_why(off, since, now, expression, self._timetable.timezone):
            facts += (("off from", off[0].isoformat()), ("off to", off[1].isoformat()))
        await self._alarms.raise_(AlarmKind.STALE, facts)

    async def drills(self) -> None:
        """The newest test-restore: did it fail?"""
        drill = await self._catalogue.drills.last()
        if drill is None:
            return
        if drill.ok:
            await self._alarms.clear(AlarmKind.DRILL)
            return
        facts: Facts = (("backup", drill.backup_id), ("source", drill.source), ("cause", drill.result.code))
        await self._alarms.raise_(AlarmKind.DRILL, (*facts, *drill.result.facts))

    async def disk(self) -> None:
        """Whether the next backup, and the one after it, will find room."""
        work, store = self._store.work, self._store.folder
        need = self._proven.source_bytes + self._proven.archive_bytes if self._proven is not None else 0
        short: list[Facts] = []
        worst_case = False
        for folder in dict.fromkeys((store, work)):
            free, total = await asyncio.to_thread(disk_usage, folder)
            enough = max(2 * need + SPARE_BYTES, min(round(total * FREE_SHARE), FREE_ENOUGH))
            worst_case = worst_case or free < enough * 1.1
            if free < enough:
                figures = (("free", _rounded(free)), ("enough", enough), ("kept", _rounded(await self._store.size())))
                short.append((("folder", str(folder)), *figures))
        if short:
            await self._alarms.raise_(AlarmKind.DISK, short[0])
        elif not worst_case:  # a little above the mark, or it would ring at every file
            await self._alarms.clear(AlarmKind.DISK)

    async def _open(self, kind: AlarmKind) -> list[Alarm]:
        return [alarm for alarm in await self._alarms.open_alarms() if alarm.kind == kind]


def _failure(run: Backup) -> Facts:
    """Return why a run came to nothing: by its code and the databases that it is without, else as it said itself."""
    facts: Facts = (("code", run.error_code),)
    if run.skipped:
        return facts + tuple(
            each for r in run.skipped for each in (("name", r.name), ("reason", r.reason), *_figures(r))
        )
    return (
        facts if run.error_code == NothingToBackUpError.code else (*facts, ("cause", run.error.code), *run.error.facts)
    )


def _skip(record: SkippedRecord, last: Backup | None) -> Facts:
    """Return why a database is not in the newest backup; `last` is the newest one that holds it."""
    facts: Facts = (("reason", record.reason), ("path", record.path), *_holding(last), *_figures(record))
    return (*facts, ("cause", record.why.code), *record.why.facts) if record.reason is SkipReason.FAILED else facts


def _holding(backup: Backup | None) -> Facts:
    """Return which backup holds a database, and of when it is."""
    return (("backup", backup.id), ("backup at", backup.started_at.isoformat())) if backup else (("backup", 0),)


def _figures(record: SkippedRecord) -> Facts:
    known = ((name, value) for name, value in record.why.facts if name in ("needed", "free", "folder"))
    return tuple((name, _rounded(value) if isinstance(value, int) else value) for name, value in known)


def _rounded(size: int) -> int:
    unit = int("1" + "0" * max(0, len(str(size)) - FIGURES))
    return round(size / unit) * unit
