"""Snapshots are consistent, complete and private, and can be broken off at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import stat
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from bot.clock import utc_now
from bot.errors import AbortedError, SnapshotError
from bot.models import Database, SkipReason
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.snapshot import SIDE_BY_SIDE, SpaceBudget
from tests.world.bank import TOTAL, let_go, make_bank
from tests.world.snapshots import Holder, Write, ask, both_modes, files_in, in_process, posix, snap, snap_all, untouched


@both_modes
async def test_every_snapshot_under_writers_is_consistent_and_complete(
    mode: str, home: Path, into: Path, write: Write
) -> None:
    """Each holds every row committed before it was asked for, and no part of a later transaction."""
    path = make_bank(home / "bank.db", mode)
    writer = write(path)
    for _ in range(10):
        writer.wait_for_more()
        known = writer.committed
        snapshot = await snap(path, into)
        assert snapshot.journal_mode == mode
        assert snapshot.bytes == snapshot.file.stat().st_size == snapshot.page_size * snapshot.page_count
        newest = ask(snapshot.file, "SELECT max(n) FROM log")
        assert newest >= known
        assert ask(snapshot.file, "SELECT count(*) FROM log") == newest
        assert ask(snapshot.file, "SELECT count(*) FROM pairs") == 2 * newest
        assert ask(snapshot.file, "SELECT sum(value) FROM pairs") == 0
        assert ask(snapshot.file, "SELECT sum(balance) FROM accounts") == TOTAL
        assert ask(snapshot.file, "PRAGMA quick_check") == "ok"
        snapshot.file.unlink()
    writer.wait_for_more()  # it was never stopped


@both_modes
async def test_a_snapshot_describes_its_source(mode: str, home: Path, into: Path) -> None:
    """Ids, versions, page count, moment and duration are those of the source at that instant."""
    path = make_bank(home / "bank.db", mode, filler=10)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id=77")
        db.execute("PRAGMA user_version=42")
    before = utc_now()
    snapshot = await snap(path, into)
    assert before <= snapshot.taken_at <= utc_now()
    assert (snapshot.application_id, snapshot.user_version) == (77, 42)
    assert snapshot.journal_mode == mode
    assert snapshot.sqlite_version == sqlite3.sqlite_version
    assert snapshot.warnings == ()


@posix
async def test_copies_are_private(home: Path, into: Path) -> None:
    """Only the owner can read them, whatever the umask."""
    path = make_bank(home / "bank.db", "delete", filler=10)
    umask = os.umask(0)
    try:
        snapshot = await snap(path, into)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(snapshot.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(into.stat().st_mode) == 0o700


async def test_no_copy_is_ever_truncated(home: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ext4 brings a file that was truncated, were it empty, to the disk once it is closed; a copy is gone by then."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    truncated = list[object]()
    monkeypatch.setattr(os, "truncate", lambda *what: truncated.append(what))
    await snap(path, into)
    assert truncated == []


async def test_the_event_loop_stays_free(home: Path, into: Path) -> None:
    """Other tasks go on while a copy stands still."""
    path = make_bank(home / "bank.db", "delete", filler=10)
    released = threading.Event()

    def clock() -> datetime:  # called in the middle of the copy
        assert released.wait(60)
        return utc_now()

    copying = asyncio.create_task(snap(path, into, clock=clock))
    await asyncio.sleep(0.01)
    released.set()
    assert (await copying).bytes > 0


async def test_progress_is_told_in_bytes(home: Path, into: Path) -> None:
    """Reports come on the event loop's thread and end with everything."""
    path = make_bank(home / "bank.db", "delete")
    reports: list[tuple[int, int]] = []
    threads = set()

    def progress(done: int, total: int) -> None:
        reports.append((done, total))
        threads.add(threading.get_ident())

    snapshot = await snap(path, into, progress=progress)
    assert threads == {threading.get_ident()}
    assert len(reports) > 1
    assert reports == sorted(reports)
    assert reports[-1] == (snapshot.bytes, snapshot.bytes)


@both_modes
async def test_an_abort_in_the_middle_leaves_nothing(mode: str, home: Path, into: Path) -> None:
    """The copy ends at its next step, its file is gone, the source untouched."""
    path = make_bank(home / "bank.db", mode)
    abort = Abort()
    seen: list[int] = []

    def clock() -> datetime:
        abort.set("stopped by a person")
        return utc_now()

    with untouched(home), pytest.raises(AbortedError, match="stopped by a person"):
        await snap(path, into, abort=abort, clock=clock, progress=lambda done, total: seen.append(done))
    assert seen == []
    assert files_in(into) == []


async def test_a_cancellation_in_the_middle_leaves_nothing(home: Path, into: Path) -> None:
    """It ends this copy, and not what else holds the same abort flag."""
    path = make_bank(home / "bank.db", "delete")
    abort = Abort()
    reached = threading.Event()

    def clock() -> datetime:
        reached.set()
        return utc_now()

    copying = asyncio.create_task(snap(path, into, abort=abort, clock=clock))
    await asyncio.to_thread(reached.wait)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert files_in(into) == []
    assert not abort.is_set()


_STORM = """
import asyncio, random, sys
from pathlib import Path
from tests.world.snapshots import snap_all
into, *paths = map(Path, sys.argv[1:])
async def storm(seed):
    chance = random.Random(seed)
    run = asyncio.create_task(snap_all(paths, into))
    for _ in range(chance.randrange(1, 6)):
        await asyncio.sleep(chance.random() * 0.01)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
    if chance.random() < 0.5:
        await asyncio.gather(run, return_exceptions=True)
    # else asyncio.run() itself cancels what is left
for seed in range(40):
    asyncio.run(storm(seed))
    for file in into.glob("*"):
        file.unlink()  # of a run that was done before its first cancellation
print("alive")
"""


def test_a_storm_of_cancellations_neither_crashes_nor_hangs(home: Path, into: Path, write: Write) -> None:
    """Many runs, each cancelled several times at any moment, by an ending event loop too: the process ends."""
    paths = [make_bank(home / f"{mode}.db", mode) for mode in ("wal", "delete")]
    write(paths[0])
    done = in_process(_STORM, into, *paths)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


@posix
def test_a_copy_that_can_not_be_written_says_nothing_of_the_data(home: Path, into: Path) -> None:
    """A limit on the size of files ends the copy in the middle: that is named, and the partial file is gone."""
    path = make_bank(home / "bank.db", "delete")
    script = (
        "import asyncio, resource, sys; from pathlib import Path; from bot.errors import SnapshotError\n"
        "from tests.world.snapshots import snap\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try: asyncio.run(snap(Path(sys.argv[1]), Path(sys.argv[2]), busy_timeout=5.0))\n"
        "except SnapshotError as error: print(error.reason.value)\n"
    )
    done = in_process(script, path, into)
    assert done.stdout == "failed\n"
    assert files_in(into) == []


def test_room_is_shared_out_before_it_is_used(tmp_path: Path) -> None:
    """Copies that have room one by one, but not together, are refused before anything is written."""
    room = SpaceBudget(tmp_path)
    free = shutil.disk_usage(tmp_path).free
    room.claim(tmp_path / "a", free * 6 // 10)
    room.claim(tmp_path / "a", free * 6 // 10)  # tried again
    with pytest.raises(SnapshotError) as caught:
        room.claim(tmp_path / "b", free * 6 // 10)
    assert caught.value.reason is SkipReason.NO_SPACE
    room.release(tmp_path / "a")
    room.claim(tmp_path / "b", free * 6 // 10)


async def test_many_databases_are_taken_side_by_side(home: Path, into: Path) -> None:
    """Every one has its own file; those that can't be taken are named with the reason; both keep the order."""
    paths = [make_bank(home / f"{n}.db", ("wal", "delete")[n % 2], filler=n) for n in range(SIDE_BY_SIDE + 2)]
    (home / "odd.db").write_text("no database")
    reports: list[tuple[int, int]] = []
    snapshots, skipped = await snap_all(
        [home / "gone.db", *paths, home / "odd.db"], into, progress=lambda *report: reports.append(report)
    )
    assert [snapshot.database for snapshot in snapshots] == [Database(path=path, name=path.name) for path in paths]
    assert files_in(into) == sorted(snapshot.file for snapshot in snapshots)
    assert [(skip.database, skip.reason) for skip in skipped] == [
        (Database(path=home / "gone.db", name="gone.db"), SkipReason.MISSING),
        (Database(path=home / "odd.db", name="odd.db"), SkipReason.NOT_A_DATABASE),
    ]
    assert reports[-1] == (sum(s.bytes for s in snapshots),) * 2


async def test_a_busy_database_is_tried_again_at_the_end(home: Path, into: Path, holder: Holder) -> None:
    """One that was locked while the others were copied, and no longer, is in the backup."""
    locked, other = (make_bank(home / name, "delete", filler=10) for name in ("locked.db", "other.db"))
    process = holder(locked, "BEGIN EXCLUSIVE")

    def clock() -> datetime:  # while the other one is copied the first attempt at the locked one runs out of time
        if process.returncode is None:
            time.sleep(1)
            let_go(process)
        return utc_now()

    snapshots, skipped = await snap_all([locked, other], into, busy_timeout=0.3, clock=clock)
    assert [snapshot.database.name for snapshot in snapshots] == ["locked.db", "other.db"]
    assert skipped == ()


async def test_an_abort_takes_back_the_snapshots_that_are_done(home: Path, into: Path) -> None:
    """No file of an aborted run is left, be it whole or in part."""
    paths = [make_bank(home / f"{n}.db", "delete", filler=10) for n in range(SIDE_BY_SIDE + 1)]
    abort = Abort()

    def progress(done: int, total: int) -> None:
        abort.set()

    with pytest.raises(AbortedError):
        await snap_all(paths, into, abort=abort, progress=progress)
    assert files_in(into) == []
