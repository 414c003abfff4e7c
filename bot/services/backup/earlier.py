"""Finds what of the snapshots an archive of the store holds already: all, with its check, or some of its blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType

from isal import isal_zlib
from loguru import logger

from bot.config.settings import Settings
from bot.errors import SealError
from bot.models import BackedUp, Backup, Cause, CheckReport, Deflated, Snapshot, Verdict
from bot.services.archive.manifest import recorded_path
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_checked
from bot.services.files.private_file import read_over
from bot.services.files.store import Store
from bot.services.retention.inventory import is_as_written, record_fault
from bot.services.sealing.seeking import opened_anywhere
from bot.services.zip.deflated import BLOCK, DeflatedMember
from bot.services.zip.reader import as_it_is, opened

EARLY = timedelta(minutes=5)
"""So much sooner a check counts as old: a daily run that begins a second early must not leave it to the next day's."""

_HEADER = 100  # https://www.sqlite.org/fileformat.html#the_database_header: nearly every write changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an archive of the store holds of a database: the record of it there, and its deflated bytes.

    `same`: the snapshot equals it by SHA-256, and its check still counts. Else only blocks of it can be copied.
    """

    backup: Backup
    record: BackedUp
    deflated: DeflatedMember
    same: bool

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
            unchecked=record.unchecked,
        )


NOTHING_EARLIER: Mapping[str, Earlier] = MappingProxyType({})


class Comparison:
    """Compares the snapshots of a run with the newest sound archive that holds each database."""

    def __init__(self, settings: Settings, catalogue: Catalogue, store: Store) -> None:
        self._settings, self._catalogue, self._store = settings, catalogue, store

    async def earlier(self, snapshots: Sequence[Snapshot], *, abort: Abort) -> Mapping[str, Earlier]:
        """Return, by the name of its database, what can be taken over: all, or blocks of it.

        All where it was found sound then and is the same now, byte for byte; but not where a new check is due, or the
        settings ask for another one. An archive that is gone, cut, damaged, made with another compression, or sealed
        for a key that is not here, has nothing to offer. Raises `AbortedError`.
        """
        found = dict[str, Earlier]()
        paths = {recorded_path(one.database) for one in snapshots}
        newest, known = await self._catalogue.backups.newest_with(paths), await self._catalogue.deflated.of(paths)
        for snapshot in snapshots:
            path = recorded_path(snapshot.database)
            backup = newest.get(path)
            if backup is None:
                continue
            record = next(one for one in backup.databases if one.path == path)
            if record.compression is not self._settings.compression:
                continue
            try:
                earlier = await run_checked(
                    self._look_at, snapshot, record, backup, _of(record, known.get(path)), abort=abort
                )
            except SealError:
                continue  # its key is kept elsewhere, or a passphrase, which costs more to try than it saves
            except Exception as error:  # whatever it is: the full way is open
                abort.check()
                await self.distrust([backup], error)
                continue
            if earlier is not None:
                found[snapshot.database.name] = earlier
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
            and record.bytes == snapshot.bytes
            and all(warning.code != Cause.TOO_MANY_TABLES for warning in record.warnings)
        )

    def _look_at(
        self, snapshot: Snapshot, record: BackedUp, backup: Backup, known: Deflated | None, *, check: Callable[[], None]
    ) -> Earlier | None:
        counts = self._still_counts(record, snapshot)
        if not counts and known is None:
            return None
        with snapshot.file.open("rb") as file:
            header = file.read(_HEADER)
        path = self._store.folder / backup.archive_name
        way = partial(opened_anywhere, keys=self._settings.keys) if backup.sealed else as_it_is
        with opened(path, way) as archive:
            entry = archive.entry(record.name, bytes=record.bytes, compressed_bytes=record.compressed_bytes)
            if known is not None and known.crc32 != entry.crc32:
                known = None  # its directory is damaged, which inflating the member shows
            same = counts and archive.begins_with(entry, header) and _is_the_same(snapshot.file, record, known, check)
            deflated = archive.deflated(entry, sha256=record.sha256, way=partial(way, path), known=known)
        if not same and not deflated.has_blocks:
            return None
        return Earlier(backup=backup, record=record, deflated=deflated, same=same)


def _is_the_same(file: Path, record: BackedUp, known: Deflated | None, check: Callable[[], None]) -> bool:
    """Compare by SHA-256, and no further than a block that is known to have been another one."""
    sha256, blocks = hashlib.sha256(), known.blocks if known is not None else ()
    with file.open("rb", buffering=0) as source:
        for piece, block in zip_longest(read_over(source, BLOCK), blocks):
            check()
            if piece is None or (block is not None and isal_zlib.crc32(piece) != block.crc32):
                return False
            sha256.update(piece)
    return sha256.hexdigest() == record.sha256


def _of(record: BackedUp, known: Deflated | None) -> Deflated | None:
    """Return what is known where it is of this content."""
    return known if known is not None and known.sha256 == record.sha256 else None


def _checked_at(record: BackedUp) -> datetime:
    return record.checked_at or record.taken_at
