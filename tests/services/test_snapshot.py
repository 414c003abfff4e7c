"""Snapshots are consistent and complete, and leave no trace on the source, whatever its state."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.clock import utc_now
from bot.errors import AbortedError, SnapshotError
from bot.models import Database, SkipReason, Snapshot
from bot.services.abort import Abort
from bot.services.snapshot import SIDE_BY_SIDE, Room, take_snapshot, take_snapshots
from bot.services.source import SIDECARS, look_at
from tests.services.conftest import TOTAL, Writer, make_bank

Write = Callable[[Path], Writer]
both_modes = pytest.mark.parametrize("mode", ["wal", "delete"])
as_nobody = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become nobody")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and limits")

NOBODY = 65534


async def snap(path: Path, into: Path, **options: Any) -> Snapshot:
    options = {"busy_timeout": 20.0, "abort": Abort(), **options}
    return await take_snapshot(Database(path=path, name=path.name), into, **options)


async def refused(path: Path, into: Path, **options: Any) -> SnapshotError:
    """Return the refusal, having seen that it left no file."""
    with pytest.raises(SnapshotError) as caught:
        await snap(path, into, **options)
    assert files_in(into) == []
    assert str(path) in caught.value.sentence
    assert caught.value.sentence.endswith(".")
    return caught.value


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def ask(path: Path, sql: str) -> Any:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchone()[0]


def in_process(script: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], check=False, text=True, timeout=120, **options
    )


@contextlib.contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Fail unless every file keeps its bytes, owner, mode and times, and no file comes or goes."""

    def look() -> dict[str, tuple[object, ...]]:
        return {
            file.name: (file.read_bytes(), found.st_mtime_ns, found.st_uid, found.st_mode, found.st_ino)
            for file in files_in(folder)
            for found in [file.stat()]
        }

    before = look()
    yield
    assert look() == before


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder of the live databases."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Return the folder of the copies, which is not there yet."""
    return tmp_path / "work" / "copies"


@pytest.fixture
def holder() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that run SQL on a database and then hold it until their standard input is closed."""
    script = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n"
        "for sql in sys.argv[2:]: db.execute(sql).fetchall()\n"
        "print('held', flush=True); sys.stdin.read(); db.close(); print('free', flush=True)\n"
    )
    processes: list[subprocess.Popen[str]] = []

    def start(path: Path, *statements: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(path), *statements],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        let_go(process)


def let_go(process: subprocess.Popen[str]) -> None:
    """Return when the process has closed its database."""
    process.communicate()


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
    assert snapshot.seconds > 0
    assert snapshot.warning == ""


@both_modes
async def test_an_idle_source_is_left_exactly_as_it_was(mode: str, home: Path, into: Path) -> None:
    """No byte, time or file of the folder changes, in WAL mode too; nor when the file was written a moment ago."""
    path = make_bank(home / "bank.db", mode, filler=10)
    os.utime(path)
    with untouched(home):
        snapshot = await snap(path, into)
    assert snapshot.warning == ""
    assert ask(snapshot.file, "SELECT sum(balance) FROM accounts") == TOTAL


@both_modes
@pytest.mark.parametrize("name", ["plain.db", "a b#c%41.db", "größe ’quoted’.db", "a?mode=rwc&b.db"])
async def test_any_name_is_opened_as_it_is(mode: str, name: str, home: Path, into: Path) -> None:
    """What means something in a URI means nothing in a path."""
    if sys.platform == "win32" and "?" in name:
        pytest.skip("Windows allows no question mark in names")
    path = make_bank(home / name, mode, filler=1)
    with untouched(home):
        assert (await snap(path, into)).bytes == path.stat().st_size


async def test_a_source_in_use_is_left_as_it_was(
    home: Path, into: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """An open WAL database keeps its sidecars, rows outside the main file are in the snapshot."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    holder(path, "PRAGMA wal_autocheckpoint=0", "INSERT INTO log VALUES (1)")
    before = {file.name: file.stat().st_size for file in files_in(home)}
    content = path.read_bytes()
    snapshot = await snap(path, into)
    assert ask(snapshot.file, "SELECT count(*) FROM log") == 1
    assert snapshot.warning == ""
    assert {file.name: file.stat().st_size for file in files_in(home)} == before
    assert path.read_bytes() == content


@posix
async def test_a_link_is_followed_to_its_sidecars(
    home: Path, into: Path, tmp_path: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """Rows in the write-ahead log of the link's target are in the snapshot."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    holder(path, "PRAGMA wal_autocheckpoint=0", "INSERT INTO log VALUES (1)")
    link = tmp_path / "link.db"
    link.symlink_to(path)
    assert ask((await snap(link, into)).file, "SELECT count(*) FROM log") == 1


def _write_and_leave(path: Path) -> None:
    """Open the database, commit, checkpoint and close it, all in another process: it is idle again."""
    in_process(
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('INSERT INTO log VALUES (NULL)');"
        " db.commit(); db.close()",
        path,
    ).check_returncode()


async def test_a_writer_that_comes_and_goes_during_the_copy_of_an_idle_database_is_noticed(
    home: Path, into: Path
) -> None:
    """The copy that it spoiled is thrown away, the next one has its row, and the folder is as the writer left it."""
    path = make_bank(home / "bank.db", "wal")
    moments: list[datetime] = []

    def clock() -> datetime:  # asked when the read transaction has begun and nothing is copied yet
        if not moments:
            _write_and_leave(path)
        moments.append(utc_now())
        return moments[-1]

    snapshot = await snap(path, into, clock=clock)
    assert len(moments) == 2
    assert snapshot.taken_at == moments[1]
    assert ask(snapshot.file, "SELECT count(*) FROM log") == 1
    assert ask(snapshot.file, "PRAGMA integrity_check") == "ok"
    assert files_in(home) == [path]


async def test_a_database_that_never_rests_is_read_under_its_locks(home: Path, into: Path) -> None:
    """Written at each attempt, it is locked in the end, and the snapshot says which files that left."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    attempts = 0

    def clock() -> datetime:
        nonlocal attempts
        attempts += 1
        if attempts <= 3:
            _write_and_leave(path)
        return utc_now()

    snapshot = await snap(path, into, clock=clock)
    assert ask(snapshot.file, "SELECT count(*) FROM log") == 3
    assert "bank.db-wal and bank.db-shm" in snapshot.warning
    assert ask(path, "SELECT count(*) FROM log") == 3  # its application goes on, and takes the files away
    assert files_in(home) == [path]


@pytest.mark.parametrize(
    ("modified_ns", "age_ns", "settled"),
    [
        (1_700_000_000_123_456_789, 50_000_000, False),
        (1_700_000_000_123_456_789, 150_000_000, True),
        (1_700_000_000_000_000_000, 150_000_000, False),  # a file system that may count whole seconds
        (1_700_000_000_000_000_000, 3_100_000_000, True),
        (1_700_000_000_123_456_789, -3_600_000_000_000, False),  # a clock that is wrong
    ],
)
def test_a_time_stamp_proves_nothing_until_its_tick_is_over(
    modified_ns: int, age_ns: int, settled: bool, home: Path
) -> None:
    """A write in the same tick would carry the same stamp."""
    path = make_bank(home / "bank.db", "wal", filler=1)
    sight = replace(look_at(path), modified_ns=modified_ns)
    assert (sight.unsettled(modified_ns + age_ns) <= 0) is settled


async def test_a_file_from_the_future_is_read_under_its_locks(home: Path, into: Path) -> None:
    """Its time stamp proves nothing, and nobody waits for it to come true."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    os.utime(path, (time.time() + 3600,) * 2)
    assert (await snap(path, into)).warning != ""


async def test_a_file_with_a_second_name_is_read_under_its_locks(home: Path, into: Path) -> None:
    """Its application may use the other name, where its sidecars are: nothing proves that it is idle."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    (home / "other.db").hardlink_to(path)
    assert (await snap(path, into)).warning != ""


async def test_a_crashed_wal_database_is_complete(home: Path, into: Path) -> None:
    """Rows that a killed application left in the write-ahead log are in the snapshot, and the file is not written."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    in_process(
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('INSERT INTO log VALUES (9)');"
        " db.commit(); os._exit(0)",
        path,
    )
    content = path.read_bytes()
    snapshot = await snap(path, into)
    assert ask(snapshot.file, "SELECT max(n) FROM log") == 9
    assert path.read_bytes() == content


async def test_a_missing_source_is_reported_and_not_created(home: Path, into: Path) -> None:
    """Neither the file nor anything else comes into being."""
    with untouched(home):
        assert (await refused(home / "gone.db", into)).reason is SkipReason.MISSING


@posix
async def test_an_empty_source_is_reported(home: Path, into: Path) -> None:
    """A file of no bytes is empty, through a link too."""
    (home / "zero.db").touch()
    (home / "link.db").symlink_to(home / "zero.db")
    for name in ("zero.db", "link.db"):
        with untouched(home):
            assert (await refused(home / name, into)).reason is SkipReason.EMPTY


@pytest.mark.parametrize("content", [os.urandom(5000), b"no database\n", bytes(8192), b"SQLite format 4\0" * 512])
async def test_what_is_no_database_is_refused(content: bytes, home: Path, into: Path) -> None:
    """Random bytes (as SQLCipher's), text, zeros and a foreign header are named as what they are."""
    path = home / "odd.db"
    path.write_bytes(content)
    with untouched(home):
        refusal = await refused(path, into)
    assert refusal.reason is SkipReason.NOT_A_DATABASE
    assert "not a readable SQLite database (encrypted?)" in refusal.sentence


async def test_a_folder_is_refused(home: Path, into: Path) -> None:
    """A folder is not opened."""
    assert (await refused(home, into)).reason is SkipReason.NOT_A_DATABASE


@both_modes
@pytest.mark.parametrize("cut", [1, 4095, 4096, 40_000])
async def test_a_truncated_source_is_damaged(mode: str, cut: int, home: Path, into: Path) -> None:
    """Also where SQLite does not notice, because less than a page is missing."""
    path = make_bank(home / "bank.db", mode, filler=100)
    os.truncate(path, path.stat().st_size - cut)
    with untouched(home):
        assert (await refused(path, into)).reason is SkipReason.DAMAGED


async def test_a_wal_that_holds_more_pages_than_the_file_is_no_damage(
    home: Path, into: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """A database that has grown since its last checkpoint is longer than its file."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    holder(path, "PRAGMA wal_autocheckpoint=0", "INSERT INTO filler SELECT id + 100, zeroblob(9000) FROM accounts")
    snapshot = await snap(path, into)
    assert snapshot.bytes > 2 * path.stat().st_size


@pytest.mark.parametrize(
    ("mode", "statements"),
    [
        ("delete", ["BEGIN EXCLUSIVE"]),
        ("delete", ["PRAGMA locking_mode=EXCLUSIVE", "BEGIN IMMEDIATE", "INSERT INTO log VALUES (1)", "COMMIT"]),
        ("wal", ["PRAGMA locking_mode=EXCLUSIVE", "INSERT INTO log VALUES (1)"]),
    ],
)
async def test_a_locked_source_is_busy(
    mode: str, statements: list[str], home: Path, into: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """The wait ends at the timeout; a source that is let go in time is copied."""
    path = make_bank(home / "bank.db", mode, filler=10)
    process = holder(path, *statements)
    assert (await refused(path, into, busy_timeout=0.3)).reason is SkipReason.BUSY
    waiting = asyncio.create_task(snap(path, into, busy_timeout=60.0))
    await asyncio.sleep(0)
    await asyncio.to_thread(let_go, process)
    assert (await waiting).bytes > 0


async def test_an_abort_ends_the_wait_for_a_lock(
    home: Path, into: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """Nobody waits for the timeout of an hour."""
    path = make_bank(home / "bank.db", "delete", filler=10)
    holder(path, "BEGIN EXCLUSIVE")
    abort = Abort()
    asyncio.get_running_loop().call_later(0.1, abort.set, "shutting down")
    with pytest.raises(AbortedError, match="shutting down"):
        await snap(path, into, busy_timeout=3600.0, abort=abort)
    assert files_in(into) == []


def _leave_a_hot_journal(path: Path) -> None:
    in_process(
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA cache_size=5');"
        " db.execute('UPDATE filler SET text = 0'); os._exit(0)",
        path,
    )
    assert path.with_name(path.name + "-journal").stat().st_size > 0


async def test_a_hot_journal_is_reported(home: Path, into: Path) -> None:
    """The half-written source and its journal stay for the application to repair."""
    path = make_bank(home / "bank.db", "delete", filler=1000)
    _leave_a_hot_journal(path)
    with untouched(home):
        assert (await refused(path, into)).reason is SkipReason.HOT_JOURNAL


async def test_a_hot_journal_is_rolled_back_where_that_is_allowed(home: Path, into: Path) -> None:
    """The snapshot is the database before the crash, and says what was done."""
    path = make_bank(home / "bank.db", "delete", filler=1000)
    _leave_a_hot_journal(path)
    snapshot = await snap(path, into, allow_journal_recovery=True)
    assert "hot journal was rolled back" in snapshot.warning
    assert ask(snapshot.file, "SELECT min(length(text)) FROM filler") == 600
    assert files_in(home) == [path]


# Run as nobody: path of the source and of the copies; prints the reason or the rows of the log, and the warning.
_AS_NOBODY = f"""
import asyncio, os, sqlite3, sys
from pathlib import Path
from bot.clock import utc_now
from bot.errors import SnapshotError
from bot.models import Database
from bot.services.abort import Abort
from bot.services.snapshot import take_snapshot
os.setgid({NOBODY}); os.setuid({NOBODY})
path, into = map(Path, sys.argv[1:3])
def clock():
    if sys.argv[3:]:
        print("reading", flush=True)
        sys.stdin.readline()
    return utc_now()
try:
    snapshot = asyncio.run(take_snapshot(
        Database(path=path, name="x"), into, busy_timeout=5.0, abort=Abort(), clock=clock))
    print(sqlite3.connect(snapshot.file).execute("SELECT count(*) FROM log").fetchone()[0], snapshot.warning)
except SnapshotError as error:
    print(error.reason.value, "|", error.sentence, error.hint)
"""


def snap_as_nobody(path: Path, into: Path) -> str:
    done = in_process(_AS_NOBODY, path, into, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert done.returncode == 0
    return done.stdout.strip()


@pytest.fixture
def foreign(shared_folder: Path) -> Path:
    """Return the path for a database of root's in a folder of its own, which everybody may enter."""
    (shared_folder / "home").mkdir(mode=0o755)
    return shared_folder / "home" / "bank.db"


@as_nobody
@both_modes
def test_a_read_only_folder_is_no_hindrance(mode: str, foreign: Path, shared_folder: Path) -> None:
    """An idle database in a folder that we may not write to is copied, and stays as it is."""
    make_bank(foreign, mode, filler=10)
    with untouched(foreign.parent):
        assert snap_as_nobody(foreign, shared_folder / "copies") == "0"


@as_nobody
def test_a_read_only_folder_with_a_running_application(
    foreign: Path, shared_folder: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """The application's own sidecars are used, without writing them; its newest row is there."""
    make_bank(foreign, "wal", filler=10)
    holder(foreign, "PRAGMA wal_autocheckpoint=0", "INSERT INTO log VALUES (1)")
    assert snap_as_nobody(foreign, shared_folder / "copies") == "1"


@as_nobody
def test_a_database_that_changes_while_no_lock_can_be_taken_is_refused(foreign: Path, shared_folder: Path) -> None:
    """In a read-only folder a copy made beside a writer is never passed off as a snapshot."""
    make_bank(foreign, "wal", filler=10)
    with subprocess.Popen(
        [sys.executable, "-c", _AS_NOBODY, str(foreign), str(shared_folder / "copies"), "ask"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if line != "reading\n":
                break
            _write_and_leave(foreign)
            process.stdin.write("\n")
            process.stdin.flush()
    assert line.startswith("changed while read |")
    assert files_in(shared_folder / "copies") == []
    assert files_in(foreign.parent) == [foreign]


@as_nobody
def test_another_users_idle_database_in_a_shared_folder(foreign: Path, shared_folder: Path) -> None:
    """Nothing of ours is left beside it, so its application can go on writing."""
    make_bank(foreign, "wal", filler=10)
    foreign.parent.chmod(0o777)
    with untouched(foreign.parent):
        assert snap_as_nobody(foreign, shared_folder / "copies") == "0"


@as_nobody
def test_another_users_database_is_refused_where_our_files_would_lock_it_out(
    foreign: Path, shared_folder: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """Where rows wait in a -wal whose -shm is gone, reading it would create one that its owner may not write."""
    make_bank(foreign, "wal", filler=10)
    foreign.parent.chmod(0o777)
    in_process(
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('INSERT INTO log VALUES (9)');"
        " db.commit(); os._exit(0)",
        foreign,
    )
    Path(f"{foreign}-shm").unlink()
    with untouched(foreign.parent):
        said = snap_as_nobody(foreign, shared_folder / "copies")
    assert said.startswith("foreign owner |")
    assert "chmod 664" in said
    foreign.chmod(0o666)  # now whatever is created takes this mode, and its owner may write it
    assert snap_as_nobody(foreign, shared_folder / "copies").startswith("1 Reading it left bank.db-shm")


@as_nobody
def test_a_source_that_may_not_be_read(foreign: Path, shared_folder: Path) -> None:
    """A file of mode 0600 and a file in a closed folder are a matter of permission."""
    make_bank(foreign, "delete", filler=10)
    foreign.chmod(0o600)
    assert snap_as_nobody(foreign, shared_folder / "copies").startswith("no permission |")
    foreign.chmod(0o644)
    foreign.parent.chmod(0o700)
    assert snap_as_nobody(foreign, shared_folder / "copies").startswith("no permission |")


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


async def test_other_connections_of_this_process_keep_their_locks(home: Path, into: Path) -> None:
    """A snapshot never opens the source but through SQLite, so a read transaction elsewhere here stays locked."""
    path = make_bank(home / "bank.db", "delete", filler=10)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM log").fetchall()
        await snap(path, into)
        done = in_process(
            "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN EXCLUSIVE')",
            path,
            stderr=subprocess.PIPE,
        )
    assert "database is locked" in done.stderr


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
from bot.models import Database
from bot.services.abort import Abort
from bot.services.snapshot import take_snapshots
sources, into = [Database(path=Path(path), name=path) for path in sys.argv[2:]], Path(sys.argv[1])
async def storm(seed):
    chance = random.Random(seed)
    run = asyncio.create_task(take_snapshots(sources, into, busy_timeout=5.0, abort=Abort()))
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
    sources = [make_bank(home / f"{mode}.db", mode) for mode in ("wal", "delete")]
    write(sources[0])
    done = in_process(
        _STORM, into, *sources, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


@posix
def test_a_disk_that_is_full_in_the_middle_is_no_space(home: Path, into: Path) -> None:
    """A limit on the size of files stands for a disk that fills up: it is named, and the partial file is gone."""
    path = make_bank(home / "bank.db", "delete")
    script = (
        "import asyncio, resource, sys; from pathlib import Path; from bot.errors import SnapshotError\n"
        "from bot.models import Database; from bot.services.abort import Abort\n"
        "from bot.services.snapshot import take_snapshot\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try: asyncio.run(take_snapshot(Database(path=Path(sys.argv[1]), name='x'), Path(sys.argv[2]),"
        " busy_timeout=5.0, abort=Abort()))\n"
        "except SnapshotError as error: print(error.reason.value)\n"
    )
    done = in_process(script, path, into, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert done.stdout == "no space\n"
    assert files_in(into) == []


def test_room_is_shared_out_before_it_is_used(tmp_path: Path) -> None:
    """Copies that have room one by one, but not together, are refused before anything is written."""
    room = Room(tmp_path)
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
    sources = [make_bank(home / f"{n}.db", ("wal", "delete")[n % 2], filler=n) for n in range(SIDE_BY_SIDE + 2)]
    (home / "odd.db").write_text("no database")
    databases = [Database(path=path, name=path.name) for path in [home / "gone.db", *sources, home / "odd.db"]]
    reports: list[tuple[int, int]] = []
    snapshots, skipped = await take_snapshots(
        databases, into, busy_timeout=5.0, abort=Abort(), progress=lambda *report: reports.append(report)
    )
    assert [snapshot.database for snapshot in snapshots] == databases[1:-1]
    assert files_in(into) == sorted(snapshot.file for snapshot in snapshots)
    assert [(skip.database, skip.reason) for skip in skipped] == [
        (databases[0], SkipReason.MISSING),
        (databases[-1], SkipReason.NOT_A_DATABASE),
    ]
    assert reports[-1] == (sum(s.bytes for s in snapshots),) * 2


async def test_a_busy_database_is_tried_again_at_the_end(
    home: Path, into: Path, holder: Callable[..., subprocess.Popen[str]]
) -> None:
    """One that was locked while the others were copied, and no longer, is in the backup."""
    locked, other = (make_bank(home / name, "delete", filler=10) for name in ("locked.db", "other.db"))
    process = holder(locked, "BEGIN EXCLUSIVE")

    def clock() -> datetime:  # while the other one is copied the first attempt at the locked one runs out of time
        if process.returncode is None:
            time.sleep(1)
            let_go(process)
        return utc_now()

    databases = [Database(path=path, name=path.name) for path in (locked, other)]
    snapshots, skipped = await take_snapshots(databases, into, busy_timeout=0.3, abort=Abort(), clock=clock)
    assert [snapshot.database.name for snapshot in snapshots] == ["locked.db", "other.db"]
    assert skipped == ()


async def test_an_abort_takes_back_the_snapshots_that_are_done(home: Path, into: Path) -> None:
    """No file of an aborted run is left, be it whole or in part."""
    databases = [
        Database(path=make_bank(home / f"{n}.db", "delete", filler=10), name=f"{n}.db") for n in range(SIDE_BY_SIDE + 1)
    ]
    abort = Abort()

    def progress(done: int, total: int) -> None:
        abort.set()

    with pytest.raises(AbortedError):
        await take_snapshots(databases, into, busy_timeout=5.0, abort=abort, progress=progress)
    assert files_in(into) == []


def test_sidecars_are_those_of_sqlite() -> None:
    """The names that SQLite gives to the files beside a database."""
    assert SIDECARS == ("-wal", "-shm", "-journal")
