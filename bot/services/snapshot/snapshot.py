"""Takes snapshots with the backup API: consistent private copies that hardly disturb the application."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock

from bot.clock import Clock, utc_now
from bot.errors import CourierError, SnapshotError
from bot.models import Cause, Database, ReportBytes, Skipped, SkipReason, Snapshot
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import side_by_side
from bot.services.concurrency.threads import require_descriptors, run_to_end
from bot.services.files.space import SPARE_BYTES
from bot.services.snapshot.copying import Copying
from bot.services.snapshot.sqlite_errors import unforeseen

SIDE_BY_SIDE = 8  # databases copied at the same time: each takes about a megabyte of memory and three threads


class SpaceBudget:
    """The free space of the folder of the copies, shared out before it is written to. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._claims: dict[Path, int] = {}
        self._free_at_first: int | None = None

    def claim(self, file: Path, size: int) -> None:
        """Set `size` bytes aside for `file`; raises `SnapshotError` NO_SPACE where they would not leave enough free."""
        with self._lock:
            free = shutil.disk_usage(self._folder).free
            if self._free_at_first is None:
                self._free_at_first = free
            others = sum(self._claims.values()) - self._claims.get(file, 0)
            to_spare = max(0, min(free, self._free_at_first - others) - SPARE_BYTES)
            if size > to_spare:
                disk = self._folder.parent  # the folder itself goes with the run
                raise SnapshotError.because(Cause.NO_ROOM, folder=disk, needed=size, spare=to_spare, free=free)
            self._claims[file] = size

    def release(self, file: Path) -> None:
        """Give back what was claimed for `file`."""
        with self._lock:
            self._claims.pop(file, None)


async def take_snapshot(
    database: Database,
    into: Path,
    *,
    busy_timeout: float,
    abort: Abort,
    progress: ReportBytes = lambda _done, _total: None,
    allow_journal_recovery: bool = False,
    clock: Clock = utc_now,
    budget: SpaceBudget | None = None,
) -> Snapshot:
    """Return a consistent copy of `database` in a new file (0600) in the folder `into`, which is created (0700).

    It holds every row committed before the call. The source is opened read-only, by path, and waited for at most
    `busy_timeout` seconds; its bytes, its times and its folder stay as they are, but for what `Snapshot.warnings` say.
    `progress` is called on the event loop with bytes done and in all. With `allow_journal_recovery`, and only then, a
    database whose application crashed in the middle of a write is repaired first, as its application would do it.

    Raises `SnapshotError` with the reason, whatever happened, or `AbortedError`. Then, and when it is cancelled, no
    file is left in `into` and no thread goes on.
    """
    loop = asyncio.get_running_loop()
    own = Abort(parent=abort)  # a cancellation stops this copy, not everything that holds the caller's flag
    file = into / f"{secrets.token_hex(8)}.db"
    budget = budget or SpaceBudget(into)

    copying = Copying(
        database=database,
        file=file,
        busy_timeout=busy_timeout,
        check=own.check,
        report=lambda done, total: loop.call_soon_threadsafe(progress, done, total),
        claim=partial(budget.claim, file),
        allow_journal_recovery=allow_journal_recovery,
        clock=clock,
    )

    def copy() -> Snapshot:
        # A loop of its own: closing a connection under a running backup would crash the process, and asyncio.run()
        # cancels every task of its loop when it ends.
        require_descriptors()
        return asyncio.run(copying.run())

    try:
        return await run_to_end(copy, stop=own.set)
    except BaseException as error:
        budget.release(file)
        with suppress(OSError):  # the work folder is swept at the next start
            await run_to_end(partial(_remove, (file,)), stop=own.set)
        if isinstance(error, CourierError) or not isinstance(error, Exception):
            raise
        raise unforeseen(database.path, error) from error


async def take_snapshots(
    databases: Sequence[Database],
    into: Path,
    *,
    busy_timeout: float,
    abort: Abort,
    progress: ReportBytes = lambda _done, _total: None,
    allow_journal_recovery: bool = False,
    clock: Clock = utc_now,
) -> tuple[tuple[Snapshot, ...], tuple[Skipped, ...]]:
    """Return snapshots of all `databases`, taken side by side, and those that could not be taken, with the reason.

    Both are in the order of `databases`. One that stayed locked is tried once more when the others are done. Raises
    `AbortedError`; then, and when it is cancelled, no file is left in `into`.
    """
    budget = SpaceBudget(into)
    gate = asyncio.Semaphore(SIDE_BY_SIDE)
    outcomes: dict[int, Snapshot | SnapshotError] = {}
    copied: dict[int, tuple[int, int]] = {}

    def note(index: int, done: int, total: int) -> None:
        copied[index] = (done, total)
        progress(sum(done for done, _ in copied.values()), sum(total for _, total in copied.values()))

    async def take(index: int) -> None:
        async with gate:
            try:
                outcomes[index] = await take_snapshot(
                    databases[index],
                    into,
                    busy_timeout=busy_timeout,
                    abort=abort,
                    progress=partial(note, index),
                    allow_journal_recovery=allow_journal_recovery,
                    clock=clock,
                    budget=budget,
                )
            except SnapshotError as error:
                outcomes[index] = error

    try:
        await side_by_side(*map(take, range(len(databases))))
        faults = [(index, found) for index, found in sorted(outcomes.items()) if isinstance(found, SnapshotError)]
        await side_by_side(*(take(index) for index, fault in faults if fault.reason is SkipReason.BUSY))
    except BaseException:
        files = [outcome.file for outcome in outcomes.values() if isinstance(outcome, Snapshot)]
        await run_to_end(partial(_remove, files), stop=lambda: None)
        raise
    in_order = [(database, outcomes[index]) for index, database in enumerate(databases)]
    return (
        tuple(outcome for _, outcome in in_order if isinstance(outcome, Snapshot)),
        tuple(skip(database, outcome) for database, outcome in in_order if isinstance(outcome, SnapshotError)),
    )


def skip(database: Database, error: SnapshotError) -> Skipped:
    """Return what people are told of a database that is left out."""
    return Skipped(database=database, why=error.cause)


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
