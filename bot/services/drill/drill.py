"""Runs a test-restore: opens an archive as in an emergency, as Telegram holds it if possible."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import AbortedError, CourierError, DamagedArchiveError, NotFoundError, SealError, UntrustedArchiveError
from bot.models import Action, Backup, Cause, Drill, DrillCode, DrillSource, Reason, Verdict, readable
from bot.services.catalogue import Catalogue
from bot.services.catalogue.newest import newest_first
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.contracts.chats import Files
from bot.services.contracts.destination import Outcome
from bot.services.fetch.fetch import LostError, TooLargeToFetchError, UnreachableError, fetch_archive
from bot.services.files.private_file import sha256_of
from bot.services.files.private_folder import private_folder, sweep_private_folders
from bot.services.files.store import Store
from bot.services.objects.archives import BucketArchives
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.intake import take_in
from bot.services.restore.sources import RestoreSource
from bot.services.retention.inventory import record_fault
from bot.services.sealing.age import has_key_for
from bot.services.sealing.header import is_sealed
from bot.services.sealing.keys import NO_KEYS, Keys
from bot.words.drills import drill_words

_UNDER_WAY = "test-restore under way"

PATIENCE = 20.0
"""Seconds before a volume is asked for again, doubled each time: nobody waits for a drill, and a failed one alarms."""


async def rehearse(
    archive: Path, temp: Path, *, backup: Backup | None = None, keys: Keys = NO_KEYS, abort: Abort
) -> Intake:
    """Restore every database of an archive into the private folder `temp`, open it, and compare it with the manifest.

    It goes the way of every restore up to the last step. Compared are every byte of the archive (with `backup` also its
    SHA-256), of each database SHA-256 and size, a full integrity check, violated foreign keys, rows per table and the
    schema. Raises `DamagedArchiveError` or `UntrustedArchiveError` with what is not as it was, `NotFoundError`,
    `NoSpaceError`, `AbortedError`.
    """
    intake = await take_in(RestoreSource(files=(archive,), backup=backup), temp, keys=keys, abort=abort)
    for database in intake.databases:
        _compare(database)
    return intake


def _compare(database: Incoming) -> None:
    """Raise `DamagedArchiveError` unless it is as the manifest says, beyond what every restore insists on."""
    record, report, name = database.record, database.report, database.name
    if record is None:
        raise DamagedArchiveError.because(Cause.NO_RECORD, name=name)
    if report.foreign_key_violations != record.foreign_key_violations:
        raise DamagedArchiveError.because(
            Cause.OTHER_REFERENCES, name=name, rows=report.foreign_key_violations, before=record.foreign_key_violations
        )
    # Empty where it could not be read, for want of memory too: that is no difference.
    if record.schema_sha256 and report.schema_sha256 and report.schema_sha256 != record.schema_sha256:
        raise DamagedArchiveError.because(Cause.OTHER_SCHEMA, name=name)


def _compare_bytes(archive: Path, backup: Backup, abort: Abort) -> None:
    """Raise `DamagedArchiveError` unless a file is, bit for bit, the archive that was proven; it stays sealed."""
    try:
        found = sha256_of(archive, check=abort.check)
    except OSError as error:
        raise NotFoundError(f"{archive.name} can't be read: {error.strerror or error}.") from error
    if found != backup.archive_sha256:
        raise DamagedArchiveError.because(Cause.OTHER_ARCHIVE, archive=archive.name)


def _proven(intake: Intake) -> Reason:
    """Return what was proven and what could not be."""
    checked = [database for database in intake.databases if database.report.verdict is not Verdict.UNCHECKED]
    counts = [number for database in checked for _, number in database.report.rows]
    facts: list[tuple[str, str | int]] = [
        ("checked", len(checked)),
        ("databases", len(intake.databases)),
        ("rows", sum(number for number in counts if number > 0)),
        ("uncounted", sum(number < 0 for number in counts)),
    ]
    for database in intake.databases:
        if database.report.verdict is Verdict.UNCHECKED:
            why = database.report.unchecked
            facts += [("unchecked", readable(database.name)), ("cause", why.code), *why.facts]
    return Reason(DrillCode.PROVEN, (*facts, *(("missing", readable(name)) for name in intake.missing)))


class Drills:
    """Test-restores backups, writes down what came of it, and raises the alarm when one fails."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        files: Files | None = None,
        *,
        recorded: Callable[[], None] = lambda: None,
        keys: Keys = NO_KEYS,
        clock: Clock = utc_now,
        patience: float = PATIENCE,
    ) -> None:
        """Without `files`, archives on the disk are all that can be test-restored; without `keys`, no sealed ones.

        `recorded` hears of every test-restore once it is written down, whatever came of it.
        """
        self._catalogue, self._store, self._files = catalogue, store, files
        self._recorded, self._keys, self._clock = recorded, keys, clock
        self.patience = patience
        self._busy = asyncio.Lock()
        self.trouble = ""
        """Why the newest test-restore could not be made at all; empty once one was."""

    async def drill_newest(self, *, actor: str = "", abort: Abort | None = None) -> Drill | None:
        """Test-restore the newest backup as Telegram holds it; None when there is no backup at all.

        Its volumes are fetched back by file_id, joined and compared. Where no backup is in Telegram yet, or its volumes
        are too large to be downloaded by a bot, the archive on the disk is taken. A failure is recorded
        and alarmed about. `actor` is who asked for it. Raises `UnreachableError` (nothing is known then, and nothing
        recorded), `NoSpaceError`, `CatalogueError`, `AbortedError`.
        """
        try:
            async with self._busy, self._asked_for_by(actor):
                drill = await self._drill_newest(abort or Abort())
        except AbortedError:
            raise
        except CourierError as error:
            self.trouble = error.sentence
            raise
        self.trouble = ""
        return drill

    @asynccontextmanager
    async def _asked_for_by(self, actor: str) -> AsyncIterator[None]:
        """Record who has one made; what ends it from outside leaves that, for the next start."""
        service = self._catalogue.service
        if actor:
            await service.audit(actor, Action.DRILL_STARTED)
            await service.set_unannounced(actor, _UNDER_WAY)
        try:
            yield
        except CourierError as error:
            if actor and not isinstance(error, AbortedError):
                await service.set_unannounced("", _UNDER_WAY)
            raise
        if actor:
            await service.set_unannounced("", _UNDER_WAY)

    async def settle_cut_off(self) -> None:
        """At the start of a service: record of one that somebody asked for that it was cut off."""
        service = self._catalogue.service
        if actor := await service.unannounced(_UNDER_WAY):
            await service.audit(actor, Action.DRILL_CUT_OFF)
            await service.set_unannounced("", _UNDER_WAY)

    async def _drill_newest(self, abort: Abort) -> Drill | None:
        points = await self._catalogue.restore_points.select(limit=1)
        backup = await self._catalogue.restore_points.backup_of(points[0]) if points else None
        if backup is not None and self._files is not None:
            fetch = partial(fetch_archive, self._files, points[0], delay=self.patience, abort=abort)
            try:
                return await self._drill(backup, DrillSource.TELEGRAM, fetch, abort)
            except TooLargeToFetchError as error:
                logger.warning("{} The archive on the disk is test-restored instead.", error.sentence)
        on_disk = await self._catalogue.backups.latest_sound()
        return await self.drill_on_disk(on_disk, abort=abort) if on_disk is not None else None

    async def drill_on_disk(self, backup: Backup, *, abort: Abort, by_hand: bool = False) -> Drill:
        """Read the archive on the disk in full, compare it with the catalogue, and test-restore it; raises as above.

        A damaged one counts as no backup from then on, until it is found whole.

        A key of this server that does not open what this server sealed is a failure, and an alarm. `by_hand` it is the
        fault of who brought the key: `SealError`; and any other failure is raised, once it is recorded.
        """

        async def find(_room: Path) -> Path:
            return self._store.folder / backup.archive_name

        async def note(error: CourierError) -> None:
            await record_fault(self._store, self._catalogue, backup, error)

        return await self._drill(backup, DrillSource.DISK, find, abort, by_hand=by_hand, on_damage=note)

    async def drill_stored(self, place: BucketArchives, *, abort: Abort | None = None) -> Drill | None:
        """Fetch the newest archive back from an object store and test-restore it; None when it holds none of ours.

        A failure is recorded and alarmed about. Raises as `drill_newest`; also `UnreachableError`
        when the store can't be asked what it holds.
        """
        abort = abort or Abort()
        async with self._busy:
            try:
                points = (await place.compared_index()).points
            except NotFoundError:
                return None
            except Outcome as outcome:
                raise UnreachableError(f"{place.name}: {outcome.sentence}.") from None
            points = newest_first(points, now=self._clock(), at=lambda point: point.at)
            backup = await self._catalogue.restore_points.backup_of(points[0]) if points else None
            if backup is None:
                return None

            fetch = partial(fetch_archive, place, points[0], delay=self.patience, abort=abort)

            async def note(error: CourierError) -> None:
                try:
                    await place.record_fault(points[0].archive, error.cause or Reason(Cause.ARCHIVE_DAMAGED))
                except Outcome as outcome:
                    logger.error("{}: {} could not be noted there: {}", place.name, error.sentence, outcome.sentence)

            return await self._drill(backup, DrillSource.OBJECTS, fetch, abort, on_damage=note)

    async def prove(self, archive: Path, backup: Backup | None) -> Reason:
        """Test-restore an archive file; return what was proven.

        With its `backup`, that is recorded, whatever comes of it. Raises `DamagedArchiveError` where it fails, and
        `SealError`, with nothing recorded, where the keys that somebody has brought do not open it.
        """
        if backup is not None:
            return (await self.drill_on_disk(backup, abort=Abort(), by_hand=True)).result
        async with private_folder(self._store.work) as temp:
            return _proven(await rehearse(archive, temp, keys=self._keys, abort=Abort()))

    async def _drill(
        self,
        backup: Backup,
        source: DrillSource,
        bring: Callable[[Path], Awaitable[Path]],
        abort: Abort,
        *,
        by_hand: bool = False,
        on_damage: Callable[[CourierError], Awaitable[None]] | None = None,
    ) -> Drill:
        """Test-restore the archive that `bring` gives, and record what came of it; `on_damage` hears why it is bad."""
        await sweep_private_folders(self._store.work)
        async with private_folder(self._store.work) as temp:
            opened, own = True, Abort(parent=abort)
            failure: CourierError | None = None
            try:
                archive = await bring(temp)
                # A sealed archive that a key of its kind does not open fails its test-restore.
                opened = await asyncio.to_thread(lambda: not is_sealed(archive) or has_key_for(archive, self._keys))
                if opened:
                    intake = await rehearse(archive, temp, backup=backup, keys=self._keys, abort=abort)
                    result = _proven(intake)
                else:
                    await run_to_end(partial(_compare_bytes, archive, backup, own), stop=own.set)
                    result = Reason(DrillCode.COMPARED)
            except TooLargeToFetchError:
                raise
            except SealError as error:
                failure = error
                with suppress(DamagedArchiveError, NotFoundError):
                    if by_hand:
                        await run_to_end(partial(_compare_bytes, archive, backup, own), stop=own.set)
                        raise  # it is as it was written: the fault is the key's
            except (DamagedArchiveError, UntrustedArchiveError) as error:
                failure = error
                if on_damage is not None:
                    await on_damage(error)
            except (LostError, NotFoundError) as error:
                failure = error
        ok = failure is None
        if failure is not None:
            result = failure.cause or Reason(failure.code)
        if ok and source is DrillSource.DISK:
            await self._catalogue.archives.clear_fault(backup.id, backup.archive_bytes)
        drill = Drill(backup_id=backup.id, at=self._clock(), source=source, ok=ok, result=result, opened=opened)
        await self._catalogue.drills.record(drill)
        self._recorded()
        if failure is None:
            logger.info("backup {} test-restored from {}: {}", backup.id, source, drill_words(drill))
            return drill
        logger.error("the test-restore of backup {} from {} failed: {}", backup.id, source, failure.sentence)
        if by_hand:
            damaged = DamagedArchiveError(failure.sentence, hint=failure.hint, cause=failure.cause)
            raise failure if isinstance(failure, DamagedArchiveError) else damaged
        return drill
