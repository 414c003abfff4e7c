"""Checks the catalogue, the disk and the recipients for troubles, and opens and closes alarms accordingly."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from bot.clock import Clock
from bot.errors import NothingToBackUpError
from bot.models import Alarm, Backup, BackupState, RunInProgress, SkippedRecord, SkipReason, Trigger
from bot.services.alarms.alarms import GONE, MANY, SHRUNKEN, SKIPPED, Alarms
from bot.services.alarms.lifecycle import AlarmCheck
from bot.services.alarms.shrinking import keep_baseline
from bot.services.catalogue import Catalogue
from bot.services.catalogue.newest import is_ahead
from bot.services.files.space import SPARE_BYTES
from bot.services.files.store import Store
from bot.services.people.people import People
from bot.services.schedule.staleness import too_old_at
from bot.services.schedule.timetable import Timetable

MOST_SINGLE = 5
"""More databases than this are one alarm together: a disk that is not mounted must not ring thirty times."""

UNREACHABLE = "unreachable"

JUST_STARTED = timedelta(minutes=10)
"""After a start, the run that catches up gets this long before the last backup is called too old."""

LONGEST_RUN = timedelta(hours=1)
"""A run under way for longer counts as none: it hangs."""

PAUSE_TOLERATED = timedelta(days=1)
"""A pause without an end is forgotten about sooner or later."""

FREE_SHARE = 0.05
FREE_ENOUGH = 5 << 30
"""Bytes: with more free than this no disk is nearly full, however large it is, unless the next backup needs more."""

_TITLES = {
    SKIPPED: ("{} is not backed up", "{} databases are not backed up"),
    GONE: ("{} has disappeared", "{} databases have disappeared"),
}
_MEND = {SKIPPED: "", GONE: " Bring it back (History has its backups), or say that it is right."}
_NOT_NAMED = "is no longer among DATABASES"


def disk_usage(folder: Path) -> tuple[int, int]:
    """Return free and all bytes of the disk that a folder is on; of its parent's, where there is no such folder."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


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
        clock: Clock,
    ) -> None:
        self._alarms, self._catalogue, self._store, self._timetable = alarms, catalogue, store, timetable
        self._running, self._stale_after = running, stale_after
        self._people, self._clock = people, clock
        self._started_at = clock()
        self._mark: object = None
        self._latest: Backup | None = None
        self._proven: Backup | None = None

    @property
    def all(self) -> tuple[AlarmCheck, ...]:
        """The parts, each of which can fail by itself."""
        return (self.backups, self.runs, self.staleness, self.drills, self.recipients, self.disk)

    async def backups(self) -> None:
        """Read the newest backups, if they are not the same as before: they can be long."""
        mark = await self._catalogue.backups.newest_mark()
        if mark != self._mark:
            self._latest = await self._catalogue.backups.latest_run(interrupted=False)  # a shutdown is no trouble
            self._proven = await self._catalogue.backups.latest_proven()
            await self.shrinking()
            self._mark = mark

    async def runs(self) -> None:
        """The newest run: did it fail, and what is it without?"""
        latest = self._latest
        if latest is None:
            return
        let_go = await self._catalogue.databases.let_go_names()
        gone = {record.name: record for record in latest.skipped if record.reason is SkipReason.GONE}
        missed = {name: gone[name] for name in gone if name not in let_go}
        skipped = {record.name: record for record in latest.skipped if record.name not in gone}
        if latest.state is BackupState.FAILED:
            nothing_left = latest.error_code == NothingToBackUpError.code
            if nothing_left and let_go and not missed and not skipped:
                await self._alarms.clear("run", "Nothing is left to back up, and that is right.")
            else:
                why = latest.error or "The reason is not known; see Detailed Logs."
                sentence = f"{why} Nothing new was stored; older backups are untouched."
                await self._alarms.raise_("run", sentence, title="Backup failed")
            if nothing_left:
                await self._without(latest, GONE, missed)
            return
        await self._alarms.clear("run", "There is a new good backup.")
        await self._without(latest, SKIPPED, skipped)
        await self._without(latest, GONE, missed)

    async def _without(self, latest: Backup, kind: str, records: Mapping[str, SkippedRecord]) -> None:
        """Begin and end the alarms of a kind about the databases that the newest run is without."""
        one, more = _TITLES[kind]
        many = len(records) > MOST_SINGLE
        opened = {alarm.subject for alarm in await self._open(kind)}
        for name in opened - records.keys() - {MANY}:
            here = any(database.name == name for database in latest.databases)
            there = any(record.name == name for record in latest.skipped)
            ending = "is backed up again" if here else "is in other trouble now" if there else _NOT_NAMED
            await self._alarms.clear(f"{kind}:{name}", f"{name} {ending}.")
        if many:
            names = ", ".join(records)
            await self._alarms.raise_(f"{kind}:{MANY}", f"{names}.{_MEND[kind]}", title=more.format(len(records)))
        else:
            await self._alarms.clear(f"{kind}:{MANY}", "They are backed up again, or named one by one.")
        for name, record in records.items():
            if not many or name in opened:
                await self._alarms.raise_(f"{kind}:{name}", f"{record.detail}{_MEND[kind]}", title=one.format(name))

    async def shrinking(self) -> None:
        """Every new backup, compared with the one before: what fell is an alarm, what came back ends it."""
        seen = await self._catalogue.alarms.seen_to()
        # Without a memory (a new or rebuilt catalogue), the newest one alone is looked at.
        newest = await self._catalogue.backups.select(limit=1 if seen is None else 50, proven_only=True)
        new = sorted((b for b in newest if b.id > (seen or 0)), key=lambda backup: backup.id)
        for backup in new:
            if backup.trigger is not Trigger.SAFETY:
                await self._compare(backup)
            await self._catalogue.alarms.set_seen_to(backup.id)
        if not self._alarms.shrink_percent:
            for alarm in await self._open(SHRUNKEN):
                await self._alarms.clear(alarm.key, "SHRINK_ALARM is 0: this is no longer watched.")

    async def _compare(self, backup: Backup) -> None:
        opened = {alarm.subject for alarm in await self._open(SHRUNKEN)}
        for database in backup.databases:
            key, fall = f"{SHRUNKEN}:{database.name}", await self._alarms.fall_of(database, backup.id)
            if fall is not None:
                sentence = f"{fall.line}. Each backup goes out as usual; older ones still hold what is missing."
                title = f"{database.name} has shrunk"
                await self._alarms.raise_(key, sentence, title=title, base=keep_baseline(fall.level))
            elif database.name in opened:
                await self._alarms.clear(key, f"{database.name} holds as much as before again.")
        gone = opened - {database.name for database in backup.databases} - {record.name for record in backup.skipped}
        for name in gone:
            await self._alarms.clear(f"{SHRUNKEN}:{name}", f"{name} {_NOT_NAMED}.")

    async def staleness(self) -> None:
        """The newest good backup: is it too old, though runs are planned?"""
        now = self._clock()
        proven = self._proven
        good = proven.started_at if proven is not None else await self._catalogue.backups.first_at()
        # A backup dated in the future proves nothing of today.
        since = self._started_at if good is None or is_ahead(good, now) else good
        plan = await self._timetable.plan()
        expression, paused = plan.expression, plan.paused
        at = too_old_at(since, expression, self._timetable.timezone, self._stale_after)
        if now < at:
            await self._alarms.clear("stale", "There is a good backup again.")
            return
        run = self._running()
        under_way = run is not None and now - run.started_at < LONGEST_RUN
        tolerated = paused is not None and (paused.until is not None or now - paused.set_at < PAUSE_TOLERATED)
        if now < self._started_at + JUST_STARTED or under_way or tolerated:
            return
        what = f"The newest good backup is of {since:%Y-%m-%d %H:%M} UTC." if proven else "There is no good backup yet."
        why = f" Scheduled backups were paused by {paused.set_by}." if paused else ""
        await self._alarms.raise_("stale", f"{what}{why} Planned: {expression}.", title="No good backup for too long")

    async def drills(self) -> None:
        """The newest test-restore: did it fail?"""
        drill = await self._catalogue.drills.last()
        if drill is None:
            return
        if drill.ok:
            await self._alarms.clear("drill", "A test-restore succeeded.")
            return
        await self._alarms.raise_(
            "drill",
            f"Backup {drill.backup_id}, {drill.source.words}: {drill.detail} Do not rely on this backup: press Manual "
            "Backup to make a new one now, and look into Detailed Logs.",
            title="Test-restore failed",
        )

    async def recipients(self) -> None:
        """Who can't be reached, and has to do something about it."""
        current = await self._catalogue.recipients.all_current(self._people.everybody)
        parked = {r: reason for r, reason in (await self._catalogue.recipients.parked()).items() if r in current}
        for status in await self._people.statuses(parked):
            if status.invited:
                continue  # they were added in the chat, and have yet to press Start for the first time
            who = f"{status.name} ({status.recipient.address})" if status.name else status.recipient.address
            reason = status.parked_reason
            sentence = f"{who}{' ' if reason.startswith(('must ', 'has ', 'is ')) else ': '}{reason}."
            await self._alarms.raise_(
                f"{UNREACHABLE}:{status.recipient.address}", sentence, title=f"{who} can't be reached"
            )
        addresses = {recipient.address for recipient in parked}
        for alarm in await self._open(UNREACHABLE):
            if alarm.subject not in addresses:
                await self._alarms.clear(alarm.key, "Messages arrive there again.")

    async def disk(self) -> None:
        """Whether the next backup, and the one after it, will find room."""
        work, store = self._store.work, self._store.folder
        proven = self._proven
        need = proven.source_bytes + proven.archive_bytes if proven is not None else 0
        short = []
        worst_case = False
        for folder in dict.fromkeys((store, work)):
            free, total = await asyncio.to_thread(disk_usage, folder)
            enough = max(2 * need + SPARE_BYTES, min(round(total * FREE_SHARE), FREE_ENOUGH))
            worst_case = worst_case or free < enough * 1.1
            if free < enough:
                short.append(f"{_megabytes(free)} are free at {folder}, which should be {_megabytes(enough)} at least.")
        if short:
            await self._alarms.raise_(
                "disk", f"{short[0]} The next backup needs about {_megabytes(need)}.", title="Disk nearly full"
            )
        elif not worst_case:  # a little above the mark, or it would ring at every file
            await self._alarms.clear("disk", "There is room again.")

    async def _open(self, kind: str) -> list[Alarm]:
        return [alarm for alarm in await self._alarms.open_alarms() if alarm.kind == kind]


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MB"
