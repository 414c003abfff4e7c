"""Saves what an application committed after the safety copy: copied under the lock, catalogued afterwards."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bot.errors import RestoreError
from bot.models import Backup, CheckMethod, CheckReport, DatabaseChange, Snapshot, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.durability import sync_file, sync_folder
from bot.services.files.private_file import PART_SUFFIX
from bot.services.files.store import create_private_folder
from bot.services.restore.context import Report, RestoreContext
from bot.services.restore.private_copy import describe, fingerprint_of
from bot.services.restore.safety import KEPT_FOLDER, SafetyCopy, store_safety_copies
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.sqlite_faults import FAULTS, said

DETAIL = "Its application wrote to it until the last moment; the safety copy has that too."

LOCKED_OUT = 5.0
"""Seconds after which a copy under our own lock is given up: nobody else should be in its way."""

_PAGES = 1000  # copied between two looks at the abort flag


@dataclass(frozen=True, slots=True, kw_only=True)
class LateWrites:
    """A target as it was at the very moment when nobody else could write to it any more; `file` is on the disk."""

    name: str
    file: Path
    fingerprint: str


def keep_late(
    house: RestoreContext, change: DatabaseChange, connection: sqlite3.Connection, check: Callable[[], None]
) -> LateWrites:
    """Copy what `connection` reads, beside the archives, and bring it to the disk. Blocking; the others wait meanwhile.

    Raises `RestoreError`, and what `check` raises; no file is left then.
    """
    folder = house.store.folder / KEPT_FOLDER
    file = folder / f"{house.clock():%Y%m%d_%H%M%S}-{secrets.token_hex(8)}.db"
    try:
        create_private_folder(folder)
        part = file.with_name(file.name + PART_SUFFIX)  # swept after a kill; what has its name is whole
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            _copy(connection, part, check)
            _to_disk(part)
            late = LateWrites(name=change.name, file=file, fingerprint=fingerprint_of(part, check=check))
            part.rename(file)
            sync_folder(folder)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return late
    except (OSError, *FAULTS) as error:
        raise RestoreError(
            f"{change.target} was written to after its safety copy was taken, and what was written can't be copied"
            f" ({said(error)}). It is not touched.",
            rolled_back=True,
            hint="Free some space, or stop the application, then restore again.",
        ) from error


def _copy(connection: sqlite3.Connection, file: Path, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + LOCKED_OUT

    def step(status: int, _remaining: int, _total: int) -> None:
        check()
        if status not in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE) and time.monotonic() > deadline:
            raise sqlite3.OperationalError("it is locked")  # by itself it would try for ever

    connection.execute("BEGIN")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(file, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            copy.execute("PRAGMA journal_mode=OFF")
            connection.backup(copy, pages=_PAGES, progress=step)
    finally:
        connection.execute("COMMIT")


def _to_disk(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)


async def store_late(
    house: RestoreContext,
    changes: Sequence[DatabaseChange],
    copies: Mapping[str, SafetyCopy],
    late: Mapping[str, LateWrites],
    *,
    instead: Backup | None,
    requested_by: str,
    abort: Abort,
    report: Report,
) -> tuple[Backup | None, frozenset[str]]:
    """Store the late copies, with the other safety copies of the same restore, as the pinned backup of what was there.

    Returns it with the names of the late ones it holds, whose files are no longer needed; a damaged one is in no
    backup. `instead` is the safety copy whose place it takes: it is pinned no longer. Raises `ArchiveError`,
    `NoSpaceError`, `AbortedError`; the late copies stay as files then.
    """
    found: list[tuple[Snapshot, CheckReport]] = []
    stored = set()
    for change in changes:
        copy = copies[change.name]
        if change.name not in late:
            found.extend([copy.checked] if copy.checked else [])
            continue
        if await asyncio.to_thread(_is_empty, late[change.name].file):
            stored.add(change.name)
            continue
        snapshot = await run_to_end(
            partial(
                describe,
                house.store.folder.name,
                change.name,
                late[change.name].file,
                origin=change.path,
                taken_at=house.clock(),
            ),
            stop=bool,
        )
        snapshot = replace(snapshot, journal_mode=copy.journal_mode)
        verdict = await check_snapshot(snapshot, CheckMethod.QUICK, abort=abort)
        if verdict.verdict is not Verdict.DAMAGED:
            found.append((snapshot, verdict))
            stored.add(change.name)
    if not stored or not found:
        return None, frozenset()
    backup = await store_safety_copies(house, found, requested_by, abort, report)
    if instead is not None:
        await house.catalogue.backups.set_pinned(instead.id, False)
        await house.catalogue.backups.set_note(
            instead.id, f"shortly before a restore; backup {backup.id} has all of it and more"
        )
    return backup, frozenset(stored)


def sweep_parts(store: Path) -> None:
    """Remove what a killed process has left half copied; nobody may be restoring. Blocking."""
    for part in (store / KEPT_FOLDER).glob(f"*{PART_SUFFIX}*"):  # SQLite's own files beside it too
        with suppress(OSError):
            part.unlink()


def discard(late: Mapping[str, LateWrites]) -> None:
    """Remove files that are no longer needed. Blocking."""
    for copy in late.values():
        with suppress(OSError):
            copy.file.unlink()


def _is_empty(file: Path) -> bool:
    return file.stat().st_size == 0
