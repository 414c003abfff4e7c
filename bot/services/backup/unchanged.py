"""Finds the snapshots that an archive of the store holds already, so that its check and its deflated bytes count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from loguru import logger

from bot.config.settings import Settings
from bot.errors import SealError
from bot.models import BackedUp, Backup, Cause, CheckReport, Deflated, Snapshot, Verdict
from bot.services.archive.manifest import recorded_path
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_checked
from bot.services.files.private_file import sha256_of
from bot.services.files.store import Store
from bot.services.retention.inventory import is_as_written, record_fault
from bot.services.sealing.seeking import opened_anywhere
from bot.services.zip.deflated import DeflatedMember
from bot.services.zip.reader import as_it_is, opened

EARLY = timedelta(minutes=5)
"""So much sooner a check counts as old: a daily run that begins a second early must not leave it to the next day's."""

_HEADER = 100  # https://www.sqlite.org/fileformat.html#the_database_header: nearly every write changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A snapshot that equals what an earlier backup holds, by SHA-256: the record of it there, and its bytes."""

    backup: Backup
    record: BackedUp
    deflated: DeflatedMember

    @property
    def report(self) -> CheckReport:
        """What its check found then."""
        record = self.record
        return CheckReport(
            verdict=record.verdict,
            method=record.method,
            messages=record.messages,
            foreign_key_violations=record.foreign_key_violations,
            rows=record.rows,
            schema_sha256=record.schema_sha256,
            checked_at=_checked_at(record),
        )


NONE_UNCHANGED: Mapping[str, Unchanged] = MappingProxyType({})


class Comparison:
    """Compares the snapshots of a run with the newest sound archive that holds each database."""

    def __init__(self, settings: Settings, catalogue: Catalogue, store: Store) -> None:
        self._settings, self._catalogue, self._store = settings, catalogue, store

    async def unchanged(self, snapshots: Sequence[Snapshot], *, abort: Abort) -> Mapping[str, Unchanged]:
        """Return, by the name of its database, what was found sound then and is the same now, byte for byte.

        Not where a new check is due, or the settings ask for another one or for another compression. An archive that
        is gone, cut, damaged, or sealed for a key that is not here, has nothing to offer. Raises `AbortedError`.
        """
        found = dict[str, Unchanged]()
        paths = {recorded_path(one.database) for one in snapshots}
        newest, known = await self._catalogue.backups.newest_with(paths), await self._catalogue.deflated.of(paths)
        for snapshot in snapshots:
            backup = newest.get(recorded_path(snapshot.database))
            if backup is None:
                continue
            path = recorded_path(snapshot.database)
            record = next(one for one in backup.databases if one.path == path)
            if not self._still_counts(record, snapshot):
                continue
            try:
                deflated = await run_checked(self._where_equal, snapshot, record, backup, known.get(path), abort=abort)
            except SealError:
                continue  # its key is kept elsewhere, or a passphrase, which costs more to try than it saves
            except Exception as error:  # whatever it is: the full way is open
                abort.check()
                await self.distrust([backup], error)
                continue
            if deflated is not None:
                found[snapshot.database.name] = Unchanged(backup=backup, record=record, deflated=deflated)
        return found

    async def distrust(self, backups: Iterable[Backup], why: Exception) -> None:
        """Tell that archives could not be used; one that is no more as it was written counts as damaged from now."""
        for backup in backups:
            logger.error(
                "what backup {} holds can't be taken over, all is checked and compressed anew: {}", backup.id, why
            )
            if not await is_as_written(self._store, backup):
                await record_fault(self._store, self._catalogue, backup)

    def _still_counts(self, record: BackedUp, snapshot: Snapshot) -> bool:
        rule = self._settings.check
        age = self._catalogue.clock() - _checked_at(record)
        return (
            record.verdict is Verdict.OK
            and record.method is rule.method
            and timedelta() <= age < rule.holds_for - EARLY
            and record.sqlite_version == snapshot.sqlite_version
            and record.compression is self._settings.compression
            and record.bytes == snapshot.bytes
            and all(warning.code != Cause.TOO_MANY_TABLES for warning in record.warnings)
        )

    def _where_equal(
        self, snapshot: Snapshot, record: BackedUp, backup: Backup, known: Deflated | None, *, check: Callable[[], None]
    ) -> DeflatedMember | None:
        with snapshot.file.open("rb") as file:
            header = file.read(_HEADER)
        path = self._store.folder / backup.archive_name
        way = partial(opened_anywhere, keys=self._settings.keys) if backup.sealed else as_it_is
        with opened(path, way) as archive:
            entry = archive.entry(record.name, bytes=record.bytes, compressed_bytes=record.compressed_bytes)
            if not archive.begins_with(entry, header) or sha256_of(snapshot.file, check=check) != record.sha256:
                return None
            if known is not None and (known.sha256, known.crc32) != (record.sha256, entry.crc32):
                known = None  # it is of another archive; or else this one is damaged, which inflating it shows
            return archive.deflated(entry, sha256=record.sha256, way=partial(way, path), known=known)


def _checked_at(record: BackedUp) -> datetime:
    return record.checked_at or record.taken_at
