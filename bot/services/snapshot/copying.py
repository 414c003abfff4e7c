"""Copies one live database, by the way of reading that leaves no trace of it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiosqlite

from bot.clock import Clock
from bot.errors import SnapshotError
from bot.models import Cause, Database, Reason, Snapshot, because
from bot.services.files.private_file import create_private
from bot.services.snapshot.hidden_log import doubt_about, require_visible_log, warning_about
from bot.services.snapshot.source import (
    SHM,
    WAL,
    FileState,
    ask,
    begin_reading,
    connected,
    may_create_files_beside,
    new_sidecars,
    read_state,
    require_own_sidecars,
    require_whole,
    says_wal,
    uses_wal,
)
from bot.services.snapshot.sqlite_errors import is_hot_journal, is_of_writing, not_copied, refusal
from bot.services.snapshot.sqlite_faults import FAULTS, proves_damage
from bot.services.snapshot.torn_reads import RewrittenError, retry_torn_reads

_STEP_BYTES = 4 * 1024 * 1024  # copied between two looks at the abort flag: 1,000 pages of the usual size
_CACHE_KIB = 500  # of each of the two connections: every page is read once, so a larger cache only takes memory
_SIGHTINGS = 3  # how often a database may change its state under our eyes before its locks decide
_BETWEEN_SIGHTINGS = 0.1  # seconds
_PATIENCE = 3.5  # seconds that an idle database is waited for to be provably idle


class _MovedError(Exception):
    """The source was written, or is about to be, while it was read without locks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """What one copy needs to know. `run` does it, in an event loop that nobody cancels.

    `check` is called several times a second and raises to end the copy; `report` takes bytes done and in all; `claim`
    is told the bytes that are about to be written and raises where they have no room. All three from any thread.
    """

    database: Database
    file: Path
    busy_timeout: float
    check: Callable[[], None]
    report: Callable[[int, int], object]
    claim: Callable[[int], None]
    allow_journal_recovery: bool
    clock: Clock

    async def run(self) -> Snapshot:
        """Return the snapshot in `file`, which must not exist; raises `SnapshotError` and what `check` raises.

        A fault of the database is seen twice, unmoved, before it is believed.
        """
        self.check()
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            create_private(self.file).close()
            return await retry_torn_reads(self.database.path, self._attempt, check=self.check)
        except OSError as error:
            raise not_copied(self.database.path, self.file.parent, error) from error

    async def _attempt(self) -> Snapshot:
        deadline = time.monotonic() + self.busy_timeout
        self._empty()
        try:
            try:
                return await self._copy(deadline)
            except sqlite3.Error as error:
                if not (is_hot_journal(error) and self.allow_journal_recovery):
                    raise
                await self._repair(deadline)
                return _warned(await self._copy(deadline), Reason(Cause.RECOVERED))
        except FAULTS as error:
            raise refusal(self.database.path, error, waited=self.busy_timeout) from error

    def _empty(self) -> None:
        """Let nothing of an attempt before be in the file.

        Not by truncating it, not even where it is empty: ext4 brings what was ever truncated to the disk as soon as it
        is closed (auto_da_alloc), and a copy that is gone in seconds need not be written to a disk at all.
        """
        if self.file.stat().st_size:
            self.file.unlink()
            create_private(self.file).close()

    async def _repair(self, deadline: float) -> None:
        """Let SQLite roll the hot journal back: the one thing that writes to a source, and only when allowed."""
        async with connected(read_state(self.database.path).path, mode="rw") as source:
            await begin_reading(source, deadline=deadline, check=self.check)
            await source.execute_fetchall("ROLLBACK")

    async def _copy(self, deadline: float) -> Snapshot:
        """Copy an idle WAL database without locks, which leaves no trace, and any other one under its locks."""
        moved, hidden = False, None
        for _ in range(_SIGHTINGS):
            state = read_state(self.database.path)
            doubt = doubt_about(state)
            wal = (doubt is None and state.has(WAL, SHM)) or await uses_wal(
                state.path, deadline=deadline, check=self.check
            )
            try:
                if wal:
                    require_visible_log(state, doubt)
            except SnapshotError as error:
                hidden = error
                await asyncio.sleep(_BETWEEN_SIGHTINGS)
                continue
            hidden = None
            if state.has(WAL, SHM) or not wal:
                snapshot = await self._copy_locked(state, deadline)
                return _warned(snapshot, warning_about(state, doubt, wal=wal))
            if not state.sidecars and await self._settle(state):
                try:
                    return _warned(await self._copy_idle(state, deadline), warning_about(state, doubt, wal=wal))
                except _MovedError:
                    moved = True
                    self._empty()
            await asyncio.sleep(_BETWEEN_SIGHTINGS)  # its application may be about to open or to close it
        if hidden is not None:
            raise hidden
        if may_create_files_beside(state):
            require_own_sidecars(state)
        elif moved:
            raise SnapshotError.because(Cause.WRITTEN_UNLOCKED, path=self.database.path)
        return await self._copy_locked(state, deadline)

    async def _settle(self, state: FileState) -> bool:
        """Wait until a write can no longer go unnoticed; False where that takes too long."""
        if state.ambiguous_for(time.time_ns()) > _PATIENCE:
            return False
        while (left := state.ambiguous_for(time.time_ns())) > 0:
            self.check()
            await asyncio.sleep(min(left, _BETWEEN_SIGHTINGS))
        return True

    async def _copy_idle(self, state: FileState, deadline: float) -> Snapshot:
        """Copy a WAL database that nobody has open, reading its file and nothing else.

        A connection in WAL mode is never without a `-wal` beside the file. Without one, all that was ever committed is
        in the file, and the file is whole; as long as it is not written, the copy is the database at the first look.
        A writer that comes meanwhile makes sidecars, and what it commits reaches the file by writing it: equal looks
        before and after prove that nothing did. Raises `_MovedError` where they differ.
        """

        def still() -> None:
            try:
                moved = read_state(self.database.path) != state
            except SnapshotError:
                moved = True
            if moved:
                raise _MovedError

        still()
        try:
            snapshot = await self._copy_through(state, deadline, still=still, immutable="1")
        except (sqlite3.Error, SnapshotError):
            still()  # what looks like damage may be a writer at work
            raise
        still()
        if not says_wal(self.file):
            raise _MovedError  # it left WAL mode before the first look
        return replace(snapshot, journal_mode="wal")

    async def _copy_locked(self, state: FileState, deadline: float) -> Snapshot:
        snapshot = await self._copy_through(state, deadline)
        if left := new_sidecars(state):
            files = dict(zip(("file", "second_file"), left, strict=False))
            return _warned(snapshot, because(Cause.LEFT_BESIDE, **files))
        return snapshot

    async def _copy_through(
        self, state: FileState, deadline: float, *, still: Callable[[], None] = lambda: None, **query: str
    ) -> Snapshot:
        """Copy the source in one read transaction, begun before the first page: no commit can restart the copy."""

        def step(status: int, remaining: int, total: int) -> None:  # in the backup's thread; raising ends the backup
            self.check()
            still()
            if status not in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE) and time.monotonic() > deadline:
                # the backup would try for ever; under a read transaction it should never have to
                raise SnapshotError.because(Cause.LOCKED_MIDWAY, path=self.database.path)
            self.report((total - remaining) * snapshot.page_size, snapshot.bytes)

        async with connected(state.path, mode="ro", **query) as source:
            await begin_reading(source, deadline=deadline, check=self.check)
            locked = read_state(state.path)
            if locked.identity != state.identity:
                # its sidecars may have been opened beside another file
                raise RewrittenError.because(Cause.REWRITTEN, path=self.database.path)
            snapshot = await self._describe(source, locked)
            require_whole(locked, page_size=snapshot.page_size, page_count=snapshot.page_count)
            self.claim(snapshot.bytes)
            with suppress(*FAULTS):  # it reads the schema
                await source.execute_fetchall(f"PRAGMA cache_size=-{_CACHE_KIB}")
            async with self._target() as target:
                pages = max(1, _STEP_BYTES // snapshot.page_size)
                await source.backup(target, pages=pages, progress=step, sleep=0.02)
            if snapshot.journal_mode != "wal" and _was_written(locked):
                # SQLite's own writers wait for our lock
                raise RewrittenError.because(Cause.REWRITTEN, path=self.database.path)
            await source.execute_fetchall("ROLLBACK")
        size = self.file.stat().st_size
        return replace(snapshot, bytes=size, page_count=size // snapshot.page_size)

    @asynccontextmanager
    async def _target(self) -> AsyncIterator[aiosqlite.Connection]:
        """Hold a connection to the copy; what fails on the copy is no fault of the source."""
        prepared = False
        try:
            async with connected(self.file, mode="rw") as target:
                await target.execute_fetchall(f"PRAGMA cache_size=-{_CACHE_KIB}")
                await target.execute_fetchall("PRAGMA synchronous=OFF")
                await target.execute_fetchall("PRAGMA journal_mode=OFF")
                prepared = True
                yield target
        except FAULTS as error:
            if prepared and not is_of_writing(error):
                raise
            raise not_copied(self.database.path, self.file.parent, error) from error

    async def _describe(self, source: aiosqlite.Connection, locked: FileState) -> Snapshot:
        taken_at = self.clock()
        page_size = await ask(source, "PRAGMA page_size")
        try:
            page_count = await ask(source, "PRAGMA page_count")
            journal_mode = await ask(source, "PRAGMA journal_mode")
        except FAULTS as error:
            if proves_damage(error):
                raise
            # These need the schema, which a newer SQLite wrote. So many pages there are at most; they go with the copy.
            page_count = (locked.bytes + locked.sidecar_bytes(WAL)) // page_size
            journal_mode = "wal" if locked.has(WAL) else "delete"
        return Snapshot(
            database=self.database,
            file=self.file,
            bytes=page_size * page_count,
            page_size=page_size,
            page_count=page_count,
            journal_mode=journal_mode,
            application_id=await ask(source, "PRAGMA application_id"),
            user_version=await ask(source, "PRAGMA user_version"),
            sqlite_version=sqlite3.sqlite_version,
            taken_at=taken_at,
        )


def _was_written(before: FileState) -> bool:
    """Tell whether the very file was written since; one that was put in its place is another one."""
    try:
        now = read_state(before.path)
    except SnapshotError:
        return False
    return now.identity == before.identity and (now.bytes, now.modified_ns) != (before.bytes, before.modified_ns)


def _warned(snapshot: Snapshot, warning: Reason) -> Snapshot:
    return replace(snapshot, warnings=(*snapshot.warnings, warning)) if warning else snapshot
