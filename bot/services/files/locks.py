"""Locks between processes: one service per BACKUP_DIR, one run at a time; released by the system after a kill -9."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from bot.clock import Clock, date_time, utc_now
from bot.errors import BusyError, CatalogueError, CourierError, InstanceError
from bot.models import Progress, RestoreProgress, RestoreStage, RunInProgress, Stage, Trigger
from bot.services.concurrency.nursery import Nursery, settled
from bot.services.files.private_file import replace_whole
from bot.services.files.store import create_private_folder
from bot.words.actors import actor_words

_UTC = ZoneInfo("UTC")

_E = TypeVar("_E", bound=StrEnum)

# A look from another process holds the lock for an instant; a second try tells it from somebody who keeps it.
_TRIES = (0.01, 0.05, 0.0)
# filelock frees a lock whose object is collected; ours are held until they are released or the process ends.
_HELD: set[FileLock] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, as it says of itself. Words are empty, and the pid 0, where it had no time to say."""

    pid: int = 0
    since: datetime | None = None
    trigger: str = ""
    requested_by: str = ""
    stage: str = ""


@cache
def _holder() -> TypeAdapter[Holder]:
    return TypeAdapter(Holder)


class _Lock:
    """A file that the system locks, and a small JSON beside it that says who holds it.

    Two files, because Windows lets nobody read a locked one. The JSON is believed only while the lock is held.
    """

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self._file = folder / f".{name}.lock"
        self._note = folder / f".{name}.json"
        self._clock = clock
        self._held: FileLock | None = None
        self._inode: tuple[int, int] | None = None  # of the file that is locked
        self._holder = Holder()

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._held is not None

    async def holder(self) -> Holder | None:
        """Return who holds the lock, in this process or another; None when nobody does. Changes nothing."""
        return self._holder if self.held else await asyncio.to_thread(self._find_holder)

    async def release(self) -> None:
        """Free the lock; nothing happens when it is not held."""
        await settled(asyncio.to_thread(self._release))

    async def _acquire(self, holder: Holder, refuse: Callable[[Holder], CourierError]) -> None:
        for pause in _TRIES:
            try:
                # To its end even when cancelled: the thread can't be stopped, and would hold a lock nobody knows of.
                if await settled(asyncio.to_thread(self._take, holder)):
                    return
            except asyncio.CancelledError:
                await self.release()
                raise
            await asyncio.sleep(pause)
        raise refuse(self._holder if self.held else await asyncio.to_thread(self._read))

    def _take(self, holder: Holder) -> bool:
        if self._held is not None:
            return False
        # A new object each time: one of filelock's own counts how often it was acquired instead of refusing.
        lock = FileLock(self._file, mode=0o600, thread_local=False)
        try:
            create_private_folder(self._file.parent)
            lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as error:
            message = f"The lock {self._file} can't be used: {error.strerror or error}."
            hint = f"See that this user may write {self._file.parent}."
            if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                message = f"The file system of {self._file.parent} knows no locks ({error.strerror})."
                hint = "Mount the share with its lock service (NFS: without nolock), or put BACKUP_DIR on a local disk."
            raise CatalogueError(message, hint=hint) from error
        self._held, self._holder, self._inode = lock, holder, self._inode_there()
        _HELD.add(lock)
        self._write()
        return True

    def _inode_there(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _release(self) -> None:
        if self._held is not None:
            with suppress(OSError):
                self._note.unlink()  # before the lock is free: afterwards it may be another's
            self._held.release()
            _HELD.discard(self._held)
            self._held = None

    def _write(self) -> None:
        # Only words for people: where they can't be written (a full disk, a reader on Windows), the lock holds all the
        # same.
        with suppress(OSError):
            replace_whole(self._note, _holder().dump_json(self._holder), durable=False)

    def _read(self) -> Holder:
        try:
            return _holder().validate_json(self._note.read_bytes())
        except (OSError, ValueError):
            return Holder()

    def _find_holder(self) -> Holder | None:
        probe = FileLock(self._file, mode=0o600, thread_local=False)
        try:
            if not self._file.exists():
                return None
            probe.acquire(timeout=0)
        except Timeout:
            return self._read()
        except OSError:  # another user's, or a folder that nobody can look into; nothing can be said
            return None
        probe.release()
        return None


class ServiceLock(_Lock):
    """Held as long as the service runs: one service for a BACKUP_DIR."""

    def __init__(self, folder: Path, *, timezone: ZoneInfo = _UTC) -> None:
        super().__init__(folder, "service", utc_now)
        self._timezone = timezone

    async def acquire(self) -> None:
        """Raises InstanceError, which names the process that serves this folder and since when."""
        await self._acquire(Holder(pid=os.getpid(), since=self._clock()), self._refuse)

    async def renew(self) -> None:
        """Lock the file anew where somebody has deleted it: a lock without a name keeps nobody out.

        Where it can't be locked now, the next call tries again. Raises what `acquire` does, where another process was
        quicker.
        """
        if not self.held or await asyncio.to_thread(self._inode_there) != self._inode:
            await self.release()
            await self.acquire()

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    def _refuse(self, holder: Holder) -> CourierError:
        who = f"process {holder.pid}" if holder.pid else "another process"
        since = f" since {date_time(holder.since, self._timezone)}" if holder.since else ""
        return InstanceError(
            f"{self._file.parent} is served by {who}{since}.",
            hint="Stop that one first, or give this one a BACKUP_DIR of its own.",
        )


class RunLock(_Lock):
    """Held during a run, a backup or a restore: one at a time, whoever asks."""

    def __init__(self, folder: Path, *, clock: Clock = utc_now) -> None:
        super().__init__(folder, "run", clock)
        self._notes = Nursery()

    async def acquire(self, *, trigger: Trigger, requested_by: str) -> None:
        """Raises BusyError at once, with who asked for the run under way, when it began and where it stands."""
        holder = Holder(
            pid=os.getpid(),
            since=self._clock(),
            trigger=str(trigger),
            requested_by=requested_by,
            stage=str(RestoreStage.CHECK if trigger is Trigger.SAFETY else Stage.STARTING),
        )
        await self._acquire(holder, self._refuse)

    @asynccontextmanager
    async def hold(self, *, trigger: Trigger, requested_by: str) -> AsyncIterator[Self]:
        """Hold the lock for a block. Raises BusyError."""
        await self.acquire(trigger=trigger, requested_by=requested_by)
        try:
            yield self
        finally:
            await self.release()

    async def run(self) -> RunInProgress | None:
        """Return the run that another object or process holds the lock for, as far as it had time to say."""
        holder = await self.holder()
        return None if holder is None or not holder.trigger else _as_run(holder, self._clock())

    def tell(self, stage: Stage | RestoreStage) -> None:
        """Tell other processes in the background where the run stands."""
        if self.held and self._holder.stage != str(stage):
            self._notes.start(self.update(stage))

    async def update(self, stage: Stage | RestoreStage) -> None:
        """Tell other processes where the run stands; nothing happens when the lock is not held."""
        if self.held and self._holder.stage != str(stage):
            self._holder = replace(self._holder, stage=str(stage))
            await asyncio.to_thread(self._write)

    def _refuse(self, holder: Holder) -> CourierError:
        if not holder.pid:
            return BusyError("A run is under way in another process.", hint="Try again when it has ended.")
        run = _as_run(holder, self._clock())
        return BusyError(f"{what_runs(run)[:-1]} (process {holder.pid}).", hint="Try again when it has ended.")


def what_runs(run: RunInProgress) -> str:
    """Return the sentence for whoever asks for a second run."""
    what = "restore" if run.is_restore else "backup"
    asked = f"asked for by {actor_words(run.requested_by) or 'somebody'}"
    return f"A {what} is already running ({run.progress.stage}), {asked}."


def _as_run(holder: Holder, now: datetime) -> RunInProgress:
    return RunInProgress(
        started_at=holder.since or now,
        trigger=_word(Trigger, holder.trigger, Trigger.COMMAND),
        requested_by=holder.requested_by,
        progress=RestoreProgress(stage=_word(RestoreStage, holder.stage, RestoreStage.CHECK))
        if holder.trigger == Trigger.SAFETY
        else Progress(stage=_word(Stage, holder.stage, Stage.STARTING)),
        here=False,
    )


def _word(kind: type[_E], word: str, otherwise: _E) -> _E:
    """Read a word that another process wrote, which may be of another version."""
    return next((known for known in kind if known == word), otherwise)
