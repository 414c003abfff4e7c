"""Finds the configured file that each database goes back to, and its state, without leaving a trace."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bot.errors import RestoreRefusedError, SnapshotError
from bot.models import CheckMethod, Database, DatabaseFacts, InUse, SkipReason, Snapshot, TargetState, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import Nursery
from bot.services.files.names import folded
from bot.services.files.own_folders import OwnFolders
from bot.services.files.space import SPARE_BYTES
from bot.services.restore.context import RestoreContext
from bot.services.restore.facts import facts_of
from bot.services.restore.in_use import who_uses
from bot.services.restore.incoming import Incoming, Intake
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.databases import Discovery
from bot.services.snapshot.hidden_log import outlook
from bot.services.snapshot.patterns import covers
from bot.services.snapshot.snapshot import take_snapshot
from bot.services.snapshot.source import JOURNAL, SIDECARS
from bot.services.snapshot.sqlite_errors import is_known_format, unknown_format

_CRASHED = (
    "The application of {} crashed in the middle of a write; restoring rolls that write back first, as the application"
    " would do it at its next start."
)
_GONE = {SkipReason.MISSING}
_BROKEN = {SkipReason.NOT_A_DATABASE, SkipReason.UNKNOWN_FORMAT, SkipReason.DAMAGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is where a database is to go: `snapshot` is a private copy of it, None where it can't be read.

    `path` is as configured, `file` what links lead to. `damage` is what its check found, empty where it is whole.
    """

    path: Path
    file: Path
    state: TargetState
    in_use: InUse
    used_by: tuple[str, ...]
    snapshot: Snapshot | None = None
    facts: DatabaseFacts | None = None
    damage: str = ""
    obstacle: str = ""
    warning: str = ""
    left_sidecars: bool = False  # without a database between them
    written: str = ""  # a sentence: what its application did while an earlier plan was shown

    async def forget_copy(self) -> None:
        """Remove the private copy, once it was compared."""
        if self.snapshot is not None:
            await asyncio.to_thread(self.snapshot.file.unlink)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The live files that a restore in place may write: those that DATABASES names, there or not."""

    found: Discovery
    patterns: tuple[str, ...]
    known: Mapping[str, str]  # path -> member name, as the catalogue remembers it

    @property
    def databases(self) -> tuple[Database, ...]:
        """What DATABASES names, there or not; never what is the product's own."""
        missing = (each.database for each in self.found.missing if each.reason is not SkipReason.OWN_FOLDER)
        return (*self.found.databases, *missing)

    def find(self, name: str, origin: Path | None) -> Path | None:
        """Return the live file that a database came from, None where it is no configured one.

        By its path of origin first, where a manifest names it, then by its name, which archives keep over machines. A
        path that only a manifest names is never believed: it must be configured.
        """
        for database in self.databases:
            if database.path == origin:
                return database.path
        named = [d.path for d in self.databases if folded(d.name) == folded(name)]
        if len(named) == 1:
            return named[0]
        gone = [path for path, known in self.known.items() if folded(known) == folded(name)]
        for path in gone:  # deleted, so that a pattern no longer finds it
            if any(covers(pattern, Path(path)) for pattern in self.patterns):
                return Path(path)
        return None


NOTHING_CONFIGURED = Configured(found=Discovery(databases=(), missing=()), patterns=(), known={})


def choose_targets(
    intake: Intake, configured: Configured, own: OwnFolders, only: Sequence[str]
) -> tuple[list[tuple[Incoming, Path]], list[str]]:
    """Return the live file for each database that has one, and a sentence for each that is left out.

    Raises `RestoreRefusedError` where two would go to the same file, where there is no target at all, or none for one
    that `only` names.
    """
    found, left_out = [], []
    for one in intake.databases:
        path = configured.find(one.name, one.snapshot.database.path if one.record is not None else None)
        if path is None:
            left_out.append(f"{one.name} is no configured database (DATABASES), and is left out.")
        elif why := own.why(path):  # a catalogue that an earlier version took for a database
            left_out.append(f"{path} {why}, and is left out.")
        else:
            found.append((one, path))
    taken: dict[str, str] = {}
    for one, path in found:
        other = taken.setdefault(os.path.realpath(path), one.name)
        if other != one.name:
            raise RestoreRefusedError(
                f"{other} and {one.name} would both go to {path}.", hint="Choose one of them with --only."
            )
    if not found or (only and left_out):
        names = ", ".join(one.name for one in intake.databases)
        raise RestoreRefusedError(
            left_out[0].replace(", and is left out", "")
            if only and left_out
            else f"None of the configured databases (DATABASES) is meant by {names}.",
            hint="Restore into a folder with --to DIR, and copy it from there.",
        )
    return found, left_out


async def read_target(path: Path, scratch: Path, context: RestoreContext, *, abort: Abort) -> Target:
    """Look at a target through a private copy in `scratch`; it is not opened for writing, and nothing is left beside
    it.

    What a crashed application left is rolled back in a copy of its own, which shows what is really there. Raises
    `AbortedError`.
    """
    file = await asyncio.to_thread(_real, path)
    in_use, used_by = await asyncio.to_thread(who_uses, file)
    at = Target(path=path, file=file, state=TargetState.MISSING, in_use=in_use, used_by=used_by)
    if (obstacle := await asyncio.to_thread(_obstacle, file)) is not None:
        return replace(at, obstacle=obstacle)
    take = partial(take_snapshot, into=scratch, busy_timeout=context.busy_timeout, abort=abort, clock=context.clock)
    try:
        snapshot = await take(Database(path=file, name=path.name))
    except SnapshotError as error:
        if error.reason is not SkipReason.HOT_JOURNAL or in_use is not InUse.CLOSED:
            return await asyncio.to_thread(_unread, at, error)
        at = replace(at, warning=_CRASHED.format(file))
        copy = scratch / f"crashed-{secrets.token_hex(4)}.db"
        await asyncio.to_thread(_copy_with_journal, file, copy)
        try:
            snapshot = await take(Database(path=copy, name=path.name), allow_journal_recovery=True)
        except SnapshotError as after:
            return await asyncio.to_thread(_unread, at, after)
    if not await asyncio.to_thread(is_known_format, snapshot.file):
        return await asyncio.to_thread(_unread, at, unknown_format(file))
    report = await check_snapshot(snapshot, CheckMethod.QUICK, abort=abort)
    damage = ""
    if report.verdict is Verdict.DAMAGED:
        damage = report.messages[0] if report.messages else "the check failed"
    facts = facts_of(snapshot, report)
    _, hidden = await outlook(file)  # a write that breaks off would leave its journal where nobody looks for it
    at = replace(at, warning=f"{at.warning} {hidden}".strip())
    return replace(at, state=TargetState.READABLE, snapshot=snapshot, facts=facts, damage=damage)


def known_active(target: Target, active: Mapping[Path, str]) -> Target:
    """Take a live file that was written to while a plan was shown for one in use, though nobody has it open just now.

    Its application opens it for each write: it can't be caught closed twice, and is never seen open for sure.
    """
    written = active.get(target.file, "")
    if not written or target.state is not TargetState.READABLE:
        return target
    return replace(target, in_use=InUse.OPEN, written=written)


def _unread(at: Target, error: SnapshotError) -> Target:
    """What a target is that no copy could be made of."""
    left = any(os.path.lexists(at.file.with_name(at.file.name + suffix)) for suffix in SIDECARS)
    if error.reason in _GONE:
        return replace(at, state=TargetState.MISSING, left_sidecars=left)
    if error.reason is SkipReason.EMPTY:
        return replace(at, state=TargetState.READABLE)
    if error.reason in _BROKEN:
        strange = error.reason is SkipReason.UNKNOWN_FORMAT
        warning = error.sentence if strange else f"{at.file} is no whole database."
        return replace(at, state=TargetState.BROKEN, warning=warning, left_sidecars=left)
    if error.reason is SkipReason.HOT_JOURNAL:
        return replace(at, state=TargetState.READABLE, warning=_CRASHED.format(at.file))
    return replace(at, state=TargetState.READABLE, obstacle=f"{error.sentence} {error.hint}".strip())


def _copy_with_journal(file: Path, copy: Path) -> None:
    """Copy a database that nobody has open, so that reading it here drops nobody's locks."""
    for suffix in ("", JOURNAL):
        shutil.copyfile(f"{file}{suffix}", f"{copy}{suffix}")


def _real(path: Path) -> Path:
    """Follow links, also one that leads nowhere: the file is made where it points to."""
    return Path(os.path.realpath(path))


def _obstacle(file: Path) -> str | None:
    folder = file.parent
    if file.is_dir():
        return f"{file} is a folder."
    if os.path.lexists(file) and not file.is_file():
        return f"{file} is no regular file."
    if not folder.is_dir():
        return None if not folder.exists() else f"{folder} is no folder."
    if file.exists() and not os.access(file, os.W_OK):
        return f"{file} may not be written by this user. Restore as the user that its application runs as."
    if not os.access(folder, os.W_OK | (os.X_OK if sys.platform != "win32" else 0)):
        return f"The folder {folder} may not be written by this user. Restore as the user that the application runs as."
    return None


class TargetReader:
    """Reads the targets, one after the other, beside the unpacking of what they are to be compared with.

    Ended with its context: whoever leaves it early waits for the reading under way, which `abort` ends soon.
    """

    def __init__(self, context: RestoreContext, scratch: Path, abort: Abort) -> None:
        self._context, self._scratch, self.abort = context, scratch, abort
        self._nursery = Nursery()
        self._readings: dict[Path, asyncio.Task[Target]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def __aenter__(self) -> TargetReader:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._readings:
            self.abort.set()
            await asyncio.wait(self._readings.values())
            for task in self._readings.values():
                if not task.cancelled():
                    task.exception()  # seen: nobody asks for it any more

    def expect(self, paths: Iterable[Path | None], *, beside: int) -> None:
        """Begin to read targets, if the private folder has space for their copies beside so many bytes."""
        found = [path for path in paths if path is not None]
        with suppress(OSError):
            if beside + sum(_bytes(path) for path in found) + SPARE_BYTES <= shutil.disk_usage(self._scratch).free:
                for path in found:
                    self._begin(path)

    async def at(self, path: Path) -> Target:
        """Return what was, or is now, seen there. Raises `AbortedError`."""
        task = self._begin(path)
        await asyncio.wait([task])
        del self._readings[path]
        return task.result()

    def _begin(self, path: Path) -> asyncio.Task[Target]:
        if path not in self._readings:
            self._readings[path] = self._nursery.start(self._read(path))
        return self._readings[path]

    async def _read(self, path: Path) -> Target:
        async with self._one_at_a_time:
            return known_active(
                await read_target(path, self._scratch, self._context, abort=self.abort), self._context.active
            )


def _bytes(path: Path) -> int:
    """The size of a database with what its log still holds."""
    return sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists())
