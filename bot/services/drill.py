"""Test-restores: an archive is opened as on the day it is needed, on what Telegram holds if possible."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import CourierError, DamagedArchiveError
from bot.models import BackedUp, Backup, CheckMethod, CheckReport, Database, Drill, DrillSource, Snapshot, Verdict
from bot.services.abort import Abort
from bot.services.catalogue import Catalogue
from bot.services.check import check_snapshot
from bot.services.manifest import Manifest, read_manifest
from bot.services.part_file import faults_of
from bot.services.proof import Inflater
from bot.services.restore_points.chat import Files
from bot.services.restore_points.fetch import LostError, TooLargeToFetchError, fetch_archive
from bot.services.store import Store, create_private_folder
from bot.services.threads import run_to_end
from bot.services.verify import verify_archive
from bot.services.zip_reader import data_offset, faults_in, inflate_entry, opened

PATIENCE = 20.0
"""Seconds before a volume is asked for again, doubled each time: nobody waits for a drill, and a failed one alarms."""

Alarm = Callable[[Backup, Drill], Awaitable[object]]
Report = Callable[[int, int], None]

_PREFIX = "sqlite-courier-drill-"
_LOCK = ".in-use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """One database, restored into a private folder; `faults` says in sentences what is not as the manifest has it."""

    database: BackedUp
    file: Path
    report: CheckReport
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The test-restore of one archive."""

    manifest: Manifest
    databases: tuple[Rehearsed, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(fault for database in self.databases for fault in database.faults)

    @property
    def summary(self) -> str:
        """What was proven, in a sentence."""
        count = len(self.databases)
        rows = sum(number for entry in self.databases for _, number in entry.report.rows if number > 0)
        return (
            f"{count} database{'' if count == 1 else 's'} restored and checked: SHA-256, integrity, foreign keys, "
            f"schema and {rows:,} rows are as they were."
        )


async def rehearse(
    archive: Path, work: Path, *, abort: Abort, progress: Report = lambda _done, _total: None
) -> Rehearsal:
    """Restore every database of an archive into the private folder `work`, open it, and compare it with the manifest.

    Compared are SHA-256 and size, a full integrity check, violated foreign keys, rows per table and the schema. The
    files stay in `work`, under names of our own. `progress` counts bytes of the databases.

    Raises `DamagedArchiveError` when the archive can't be read, `NotFoundError`, `NoSpaceError`, `AbortedError`; what
    is wrong with a database stands in the result.
    """
    manifest = await asyncio.to_thread(read_manifest, archive)
    total = sum(database.bytes for database in manifest.databases)
    done = 0
    rehearsed = []
    for number, database in enumerate(manifest.databases, start=1):
        file = work / f"{number:04}.db"
        sha256 = await _unpack(archive, database, file, abort)
        report = await check_snapshot(_as_snapshot(database, file), CheckMethod.FULL, abort=abort)
        faults = tuple(f"{database.name}: {fault}." for fault in _compare(database, sha256, report))
        rehearsed.append(Rehearsed(database=database, file=file, report=report, faults=faults))
        done += database.bytes
        progress(done, total)
    return Rehearsal(manifest=manifest, databases=tuple(rehearsed))


async def _unpack(archive: Path, database: BackedUp, file: Path, abort: Abort) -> str:
    """Write one member into a new private file, never more than its manifest says; return its SHA-256."""
    own = Abort(parent=abort)

    def unpack() -> str:
        with opened(archive) as (source, entries):
            entry = next((entry for entry in entries if entry.name == database.name), None)
            if entry is None or entry.bytes != database.bytes:
                raise DamagedArchiveError(f"{archive.name} does not hold {database.name} as its manifest says.")
            with faults_of(file), file.open("xb") as target, faults_in(archive.name, database.name):
                file.chmod(0o600)
                inflater = Inflater(limit=database.bytes, sink=target.write)
                source.seek(data_offset(source, entry))
                for _piece in inflate_entry(source, entry, inflater):
                    own.check()
            return inflater.sha256

    return await run_to_end(unpack, stop=own.set)


def _compare(database: BackedUp, sha256: str, report: CheckReport) -> list[str]:
    faults = []
    if sha256 != database.sha256:
        faults.append("its bytes are not those that were backed up (SHA-256)")
    if report.verdict is Verdict.DAMAGED:
        faults.append(f"it is damaged: {report.messages[0] if report.messages else 'the integrity check failed'}")
    if report.foreign_key_violations != database.foreign_key_violations:
        faults.append(
            f"{report.foreign_key_violations:,} rows violate foreign keys, and {database.foreign_key_violations:,} did"
        )
    found = dict(report.rows)
    for table, rows in database.rows:
        if rows >= 0 and found.get(table) != rows:
            faults.append(f"table {table} has {found.get(table, 0):,} rows instead of {rows:,}")
    if database.schema_sha256 and report.schema_sha256 != database.schema_sha256:
        faults.append("its schema is not the one that was backed up")
    return faults


def _as_snapshot(database: BackedUp, file: Path) -> Snapshot:
    return Snapshot(
        database=Database(path=file, name=database.name),
        file=file,
        bytes=database.bytes,
        page_size=database.page_size,
        page_count=database.page_count,
        journal_mode=database.journal_mode,
        application_id=database.application_id,
        user_version=database.user_version,
        sqlite_version=database.sqlite_version,
        taken_at=database.taken_at,
        seconds=0,
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
    ) -> None:
        """Without `files`, archives on the disk are all that can be test-restored."""
        self._catalogue, self._store, self._files = catalogue, store, files
        self._alarm, self._clock = alarm, clock
        self.patience = PATIENCE
        self._busy = asyncio.Lock()

    async def drill_newest(self, *, abort: Abort | None = None) -> Drill | None:
        """Test-restore the newest backup as Telegram holds it; None when there is no backup at all.

        Its volumes are fetched back by file_id, joined and compared. Where no backup is in Telegram yet, or its volumes
        are too large to be downloaded by a bot, the archive on the disk is taken. A failure is recorded, noted on the
        backup and alarmed about. Raises `UnreachableError` (nothing is known then, and nothing recorded),
        `NoSpaceError`, `CatalogueError`, `AbortedError`.
        """
        abort = abort or Abort()
        async with self._busy:
            points = await self._catalogue.restore_points(limit=1) if self._files is not None else ()
            backup = await self._catalogue.backup_of(points[0]) if points else None
            if backup is not None and self._files is not None:
                try:
                    async with drill_folder(self._store) as work:
                        return await self._drill(
                            backup,
                            DrillSource.TELEGRAM,
                            work,
                            fetch_archive(self._files, points[0], work, delay=self.patience, abort=abort),
                            abort,
                        )
                except TooLargeToFetchError as error:
                    logger.warning("{} The archive on the disk is test-restored instead.", error.sentence)
            on_disk = await self._catalogue.backups(limit=1, on_disk_only=True, proven_only=True)
            return await self.drill_on_disk(on_disk[0], abort=abort) if on_disk else None

    async def drill_on_disk(self, backup: Backup, *, abort: Abort) -> Drill:
        """Read the archive on the disk in full, compare it with the catalogue, and test-restore it; raises as above."""
        async with drill_folder(self._store) as work:
            return await self._drill(backup, DrillSource.DISK, work, self._read_in_full(backup, abort), abort)

    async def prove(self, archive: Path, backup: Backup | None) -> str:
        """Test-restore an archive that was read in full already; return what was proven, in a sentence.

        With its `backup`, that is recorded, whatever comes of it. Raises `DamagedArchiveError` where it fails.
        """
        async with drill_folder(self._store) as work:
            if backup is None:
                rehearsal = await rehearse(archive, work, abort=Abort())
                ok, detail = not rehearsal.faults, " ".join(rehearsal.faults) or rehearsal.summary
            else:
                drill = await self._drill(backup, DrillSource.DISK, work, _at_once(archive), Abort())
                ok, detail = drill.ok, drill.detail
        if not ok:
            raise DamagedArchiveError(detail, hint="Restore from an older backup, and make a new one now.")
        return detail

    async def _read_in_full(self, backup: Backup, abort: Abort) -> Path:
        path = self._store.folder / backup.archive_name
        await verify_archive(path, expected_sha256=backup.archive_sha256, abort=abort)
        return path

    async def _drill(
        self, backup: Backup, source: DrillSource, work: Path, archive: Awaitable[Path], abort: Abort
    ) -> Drill:
        try:
            rehearsal = await rehearse(await archive, work, abort=abort)
            ok, detail = not rehearsal.faults, " ".join(rehearsal.faults) or rehearsal.summary
        except (DamagedArchiveError, LostError) as error:
            if isinstance(error, TooLargeToFetchError):
                raise
            ok, detail = False, error.sentence
        drill = Drill(backup_id=backup.id, at=self._clock(), source=source, ok=ok, detail=detail)
        await self._catalogue.record_drill(drill)
        if ok:
            logger.info("backup {} test-restored from {}: {}", backup.id, source, detail)
            return drill
        logger.error("the test-restore of backup {} from {} failed: {}", backup.id, source, detail)
        await self._catalogue.set_note(backup.id, f"⚠️ Its test-restore from {source} failed: {detail}")
        if self._alarm is not None:
            try:
                await self._alarm(backup, drill)
            except CourierError as error:
                logger.error("nobody could be told: {}", error.sentence)
        return drill


async def _at_once(archive: Path) -> Path:
    return archive


@asynccontextmanager
async def drill_folder(store: Store) -> AsyncIterator[Path]:
    """Give a test-restore an empty private folder; it is removed at the end, or by a later one after a kill.

    It is none of the store's run folders: those are swept by whoever starts, while a test-restore goes on.
    """
    await asyncio.to_thread(create_private_folder, store.work)
    await asyncio.to_thread(_sweep, store.work)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=_PREFIX, dir=store.work))
    lock = FileLock(folder / _LOCK, mode=0o600, thread_local=False)
    await asyncio.to_thread(lock.acquire)
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, folder, lock))


def _sweep(work: Path) -> None:
    with os.scandir(work) as entries:
        folders = [Path(e.path) for e in entries if e.name.startswith(_PREFIX) and e.is_dir(follow_symlinks=False)]
    for folder in folders:
        lock = FileLock(folder / _LOCK, mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue  # in use
        _remove(folder, lock)


def _remove(folder: Path, lock: FileLock) -> None:
    lock.release()  # first: Windows removes no open file
    shutil.rmtree(folder, ignore_errors=True)
