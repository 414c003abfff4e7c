"""Test-restores: an archive is opened as on the day it is needed, on what Telegram holds if possible."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import AbortedError, CourierError, DamagedArchiveError, NotFoundError, UntrustedArchiveError
from bot.models import Backup, Drill, DrillSource
from bot.services.abort import Abort
from bot.services.catalogue import Catalogue
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.intake import take_in
from bot.services.restore.workroom import private_room, sweep_rooms
from bot.services.restore_points.chat import Files
from bot.services.restore_points.fetch import LostError, TooLargeToFetchError, fetch_archive
from bot.services.store import Store

Alarm = Callable[[Backup, Drill], Awaitable[object]]

_FAILED = "⚠️ Its test-restore"

PATIENCE = 20.0
"""Seconds before a volume is asked for again, doubled each time: nobody waits for a drill, and a failed one alarms."""


async def rehearse(archive: Path, room: Path, *, backup: Backup | None = None, abort: Abort) -> Intake:
    """Restore every database of an archive into the private folder `room`, open it, and compare it with the manifest.

    It goes the way of every restore up to the last step. Compared are every byte of the archive (with `backup` also its
    SHA-256), of each database SHA-256 and size, a full integrity check, violated foreign keys, rows per table and the
    schema. Raises `DamagedArchiveError` or `UntrustedArchiveError` with what is not as it was, `NotFoundError`,
    `NoSpaceError`, `AbortedError`.
    """
    intake = await take_in([archive], room, backup=backup, abort=abort)
    faults = [fault for database in intake.databases for fault in _compare(database)]
    if faults:
        raise DamagedArchiveError(" ".join(faults), hint="Restore from an older backup, and make a new one now.")
    return intake


def _compare(database: Incoming) -> list[str]:
    """Return what is not as the manifest says, beyond what every restore insists on."""
    record, report = database.record, database.report
    if record is None:
        return [f"{database.name} is in no manifest: there is nothing to compare it with."]
    faults = []
    if report.foreign_key_violations != record.foreign_key_violations:
        faults.append(
            f"{database.name}: {report.foreign_key_violations:,} rows refer to missing ones,"
            f" {record.foreign_key_violations:,} did when it was backed up."
        )
    if record.schema_sha256 and report.schema_sha256 != record.schema_sha256:
        faults.append(f"{database.name}: its schema is not the one that was backed up.")
    return faults


def _summary(intake: Intake) -> str:
    """Return what was proven, in a sentence."""
    count = len(intake.databases)
    rows = sum(number for database in intake.databases for _, number in database.report.rows if number > 0)
    return (
        f"{count} database{'' if count == 1 else 's'} restored and checked: SHA-256, integrity, foreign keys, "
        f"schema and {rows:,} rows are as they were."
    )


class Drills:
    """Test-restores backups, writes down what came of it, and raises the alarm when one fails."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        files: Files | None = None,
        *,
        alarm: Alarm | None = None,
        clock: Clock = utc_now,
        patience: float = PATIENCE,
    ) -> None:
        """Without `files`, archives on the disk are all that can be test-restored."""
        self._catalogue, self._store, self._files = catalogue, store, files
        self._alarm, self._clock = alarm, clock
        self.patience = patience
        self._busy = asyncio.Lock()
        self.trouble = ""
        """Why the newest test-restore could not be made at all; empty once one was."""

    async def drill_newest(self, *, abort: Abort | None = None) -> Drill | None:
        """Test-restore the newest backup as Telegram holds it; None when there is no backup at all.

        Its volumes are fetched back by file_id, joined and compared. Where no backup is in Telegram yet, or its volumes
        are too large to be downloaded by a bot, the archive on the disk is taken. A failure is recorded, noted on the
        backup and alarmed about. Raises `UnreachableError` (nothing is known then, and nothing recorded),
        `NoSpaceError`, `CatalogueError`, `AbortedError`.
        """
        try:
            drill = await self._drill_newest(abort or Abort())
        except AbortedError:
            raise
        except CourierError as error:
            self.trouble = error.sentence
            raise
        self.trouble = ""
        return drill

    async def _drill_newest(self, abort: Abort) -> Drill | None:
        async with self._busy:
            points = await self._catalogue.restore_points(limit=1) if self._files is not None else ()
            backup = await self._catalogue.backup_of(points[0]) if points else None
            if backup is not None and self._files is not None:
                files = self._files

                async def fetch(room: Path) -> Path:
                    return await fetch_archive(files, points[0], room, delay=self.patience, abort=abort)

                try:
                    return await self._drill(backup, DrillSource.TELEGRAM, fetch, abort)
                except TooLargeToFetchError as error:
                    logger.warning("{} The archive on the disk is test-restored instead.", error.sentence)
            on_disk = await self._catalogue.backups(limit=1, on_disk_only=True, proven_only=True)
            return await self.drill_on_disk(on_disk[0], abort=abort) if on_disk else None

    async def drill_on_disk(self, backup: Backup, *, abort: Abort) -> Drill:
        """Read the archive on the disk in full, compare it with the catalogue, and test-restore it; raises as above."""

        async def find(_room: Path) -> Path:
            return self._store.folder / backup.archive_name

        return await self._drill(backup, DrillSource.DISK, find, abort)

    async def prove(self, archive: Path, backup: Backup | None) -> str:
        """Test-restore an archive file; return what was proven, in a sentence.

        With its `backup`, that is recorded, whatever comes of it. Raises `DamagedArchiveError` where it fails.
        """
        if backup is not None:
            drill = await self.drill_on_disk(backup, abort=Abort())
            if not drill.ok:
                raise DamagedArchiveError(drill.detail, hint="Restore from an older backup, and make a new one now.")
            return drill.detail
        async with private_room(self._store.work) as room:
            return _summary(await rehearse(archive, room, abort=Abort()))

    async def _drill(
        self, backup: Backup, source: DrillSource, bring: Callable[[Path], Awaitable[Path]], abort: Abort
    ) -> Drill:
        """Test-restore the archive that `bring` gives, and record what came of it."""
        await sweep_rooms(self._store.work)
        async with private_room(self._store.work) as room:
            try:
                ok, detail = True, _summary(await rehearse(await bring(room), room, backup=backup, abort=abort))
            except TooLargeToFetchError:
                raise
            except (DamagedArchiveError, UntrustedArchiveError, LostError, NotFoundError) as error:
                ok, detail = False, error.sentence
        drill = Drill(backup_id=backup.id, at=self._clock(), source=source, ok=ok, detail=detail)
        await self._catalogue.record_drill(drill)
        if ok:
            logger.info("backup {} test-restored from {}: {}", backup.id, source, detail)
        else:
            await self._tell(backup, drill)
        return drill

    async def _tell(self, backup: Backup, drill: Drill) -> None:
        logger.error("the test-restore of backup {} from {} failed: {}", backup.id, drill.source, drill.detail)
        # After what a person noted, which is not ours to drop.
        kept = backup.note.partition(_FAILED)[0].rstrip(" ·")
        told = f"{_FAILED} from {drill.source} failed: {drill.detail}"
        await self._catalogue.set_note(backup.id, f"{kept} · {told}" if kept else told)
        if self._alarm is not None:
            try:
                await self._alarm(backup, drill)
            except CourierError as error:
                logger.error("nobody could be told: {}", error.sentence)
