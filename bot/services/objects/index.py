"""Defines the index of a prefix: the archives in it, what they hold, and which of them have expired.

It is JSON that people can read, kept beside the archives as `courier-index.json`. Whoever can write into the bucket may
have made it, so it is read strictly and within bounds; what it does not name is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from bot.errors import CatalogueError
from bot.models import (
    NO_REASON,
    OTHER,
    Backup,
    BackupState,
    Cause,
    Facts,
    HeldDatabase,
    Reason,
    RestorePoint,
    RetentionCode,
    StoredVolume,
    Trigger,
    Verdict,
    because,
)
from bot.services.files.store import is_archive_name
from bot.services.retention.plan import plan_prune
from bot.words.causes import CAUSES

INDEX_NAME = "courier-index.json"
READABLE_BYTES = 32 << 20
VERSION = 1


_LONGEST_FAULT = 2000
_LONGEST_FACT = 500
# What earlier versions wrote as a fault.
_WAS_GONE = "gone from the store, and not by us"
_WAS_CUT = re.compile(r"cut: it has ([0-9,]{1,30}) bytes and was written with ([0-9,]{1,30})")


class IndexUnreadableError(CatalogueError):
    """What stands in the place of the index can't be believed; nothing of it was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """One archive in the prefix. `number` counts up in the order in which archives were put there."""

    number: int
    at: datetime
    archive: str
    bytes: int
    sha256: str
    databases: tuple[HeldDatabase, ...]
    unchecked: tuple[str, ...] = ()  # databases whose check could give no verdict
    skipped: tuple[str, ...] = ()
    sealed: str = ""  # for whom
    fault: str = ""  # why it is no longer good, the code: gone, cut, or found damaged
    fault_facts: Facts = ()

    @property
    def why(self) -> Reason:
        """Why it is no longer good."""
        return Reason(self.fault, self.fault_facts)

    @property
    def point(self) -> RestorePoint:
        """The archive as a restore point; its one volume is fetched by its name."""
        volume = StoredVolume(file_id=self.archive, bytes=self.bytes, sha256=self.sha256)
        return RestorePoint(
            at=self.at,
            archive=self.archive,
            bytes=self.bytes,
            sha256=self.sha256,
            databases=self.databases,
            volumes=(volume,),
            skipped=self.skipped,
            sealed=self.sealed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What is ours in a prefix, oldest first."""

    format: Literal["sqlite-courier objects"] = "sqlite-courier objects"
    version: int = VERSION
    archives: tuple[ArchiveEntry, ...] = ()

    def named(self, archive: str) -> ArchiveEntry | None:
        """The entry of this name."""
        return next((entry for entry in self.archives if entry.archive == archive), None)

    def adding(self, backup: Backup) -> Index:
        """Return the index with this backup as its newest entry, or as it is where that is there and good."""
        there = self.named(backup.archive_name)
        if there is not None and not there.fault:
            return self
        number = max((entry.number for entry in self.archives), default=0) + 1
        others = tuple(entry for entry in self.archives if entry.archive != backup.archive_name)
        return replace(self, archives=(*others, _entry_of(backup, number)))

    def without(self, archives: Collection[str]) -> Index:
        """Return the index without the entries of these names."""
        return replace(self, archives=tuple(entry for entry in self.archives if entry.archive not in archives))

    def compared(self, sizes: Mapping[str, int]) -> Index:
        """Return the index with what the store shows of its archives: those that are gone or cut, and again right."""
        return replace(self, archives=tuple(_compared(entry, sizes.get(entry.archive)) for entry in self.archives))

    def with_fault(self, archive: str, why: Reason) -> Index:
        """Return the index with what was found of an archive when it was read."""
        return replace(self, archives=tuple(_with_fault(h, why) if h.archive == archive else h for h in self.archives))

    @property
    def faulty(self) -> tuple[ArchiveEntry, ...]:
        """What is known to be gone or damaged."""
        return tuple(entry for entry in self.archives if entry.fault)

    @property
    def points(self) -> tuple[RestorePoint, ...]:
        """The restore points by their dates, youngest first; none that is known to be gone or damaged."""
        good = [entry for entry in self.archives if not entry.fault]
        return tuple(entry.point for entry in sorted(good, key=lambda entry: (entry.at, entry.number))[::-1])


@cache
def _adapter() -> TypeAdapter[Index]:
    return TypeAdapter(Index)


def read_index(content: bytes) -> Index:
    """Read an index. Raises `IndexUnreadableError`."""
    try:
        index = _adapter().validate_json(content, strict=False)
    except (ValidationError, ValueError, RecursionError):
        raise IndexUnreadableError(f"{INDEX_NAME} is no index of ours, or damaged.") from None
    if index.version > VERSION:
        raise IndexUnreadableError(f"{INDEX_NAME} was written by a later version.", hint="Update sqlite-courier.")
    for entry in index.archives:
        told = len(entry.fault) + sum(len(name) + len(str(value)) for name, value in entry.fault_facts)
        fine = entry.bytes >= 0 and entry.at.tzinfo is not None and told <= _LONGEST_FAULT
        if not is_archive_name(entry.archive) or not fine:
            raise IndexUnreadableError(f"{INDEX_NAME} names something that is no archive of ours.")
    return replace(index, archives=tuple(map(_of_any_version, index.archives)))


def write_index(index: Index) -> bytes:
    """Return the index as it is stored."""
    return _adapter().dump_json(index, indent=1)


def to_drop(
    index: Index, *, now: datetime, max_age: timedelta, max_count: int, keep: Collection[str] = ()
) -> tuple[tuple[str, Reason], ...]:
    """Return the archives that may go, each with the reason: by the rules and the floors of the store on the disk.

    The newest archive stays, the last good one of each database, and those named in `keep`. What is known to be gone or
    damaged counts as none of these; of what is gone the entry goes when it is old.
    """
    decisions = plan_prune(
        [_as_backup(entry, pinned=entry.archive in keep) for entry in index.archives],
        now=now,
        max_age=max_age,
        max_count=max_count,
    )
    gone = [
        (entry.archive, Reason(RetentionCode.GONE_OLD))
        for entry in index.archives
        if entry.fault == Cause.STORED_GONE and now - entry.at > max_age
    ]
    return (*gone, *((decision.backup.archive_name, decision.why) for decision in decisions if not decision.keep))


def _compared(entry: ArchiveEntry, size: int | None) -> ArchiveEntry:
    if size is None:
        return _with_fault(entry, Reason(Cause.STORED_GONE))
    if size != entry.bytes:
        return _with_fault(entry, because(Cause.ARCHIVE_CUT, bytes=size, written=entry.bytes))
    return _with_fault(entry, NO_REASON) if entry.fault in (Cause.STORED_GONE, Cause.ARCHIVE_CUT) else entry


def _with_fault(entry: ArchiveEntry, why: Reason) -> ArchiveEntry:
    facts = tuple((name, value if isinstance(value, int) else value[:_LONGEST_FACT]) for name, value in why.facts)
    return replace(entry, fault=why.code, fault_facts=facts)


def _of_any_version(entry: ArchiveEntry) -> ArchiveEntry:
    """Return an entry with the code and facts of what an earlier version said in words, or a later one by its code."""
    if not entry.fault or entry.fault in CAUSES:
        return entry
    if entry.fault == _WAS_GONE:
        return _with_fault(entry, Reason(Cause.STORED_GONE))
    if cut := _WAS_CUT.fullmatch(entry.fault):
        size, written = (int(figure.replace(",", "") or 0) for figure in cut.groups())
        return _with_fault(entry, because(Cause.ARCHIVE_CUT, bytes=size, written=written))
    return _with_fault(entry, Reason(OTHER, (("said", entry.fault),)))


def _entry_of(backup: Backup, number: int) -> ArchiveEntry:
    return ArchiveEntry(
        number=number,
        at=backup.started_at,
        archive=backup.archive_name,
        bytes=backup.archive_bytes,
        sha256=backup.archive_sha256,
        # Beside a sealed archive the folders of the server are nobody's business: they stand inside it.
        databases=tuple(
            HeldDatabase(
                name=one.name, path=one.name if backup.sealed else one.path, bytes=one.bytes, sha256=one.sha256
            )
            for one in backup.databases
        ),
        unchecked=tuple(one.name for one in backup.databases if one.verdict is not Verdict.OK),
        skipped=tuple(record.name if backup.sealed else record.path for record in backup.skipped),
        sealed=backup.sealed,
    )


def _as_backup(entry: ArchiveEntry, *, pinned: bool) -> Backup:
    return Backup(
        id=entry.number,
        started_at=entry.at,
        trigger=Trigger.SCHEDULE,
        requested_by="",
        state=BackupState.STORED,
        archive_name=entry.archive,
        archive_bytes=entry.bytes,
        archive_sha256=entry.sha256,
        databases=tuple(
            one.as_backed_up(entry.at, Verdict.UNCHECKED if one.name in entry.unchecked else Verdict.OK)
            for one in entry.databases
        ),
        pinned=pinned,
        on_disk=entry.fault != Cause.STORED_GONE,
        fault=entry.why,
    )
