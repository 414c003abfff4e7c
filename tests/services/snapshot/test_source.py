"""A source is opened without leaving a trace on it, whatever its state, whoever owns it; or it is refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from bot.clock import utc_now
from bot.errors import AbortedError
from bot.models import SkipReason
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.hidden_log import outlook
from bot.services.snapshot.source import SIDECARS, open_connection, read_state, uri_of
from bot.words.causes import in_full
from tests.world.bank import TOTAL, let_go, make_bank
from tests.world.snapshots import (
    NOBODY,
    ROOT,
    Holder,
    as_nobody,
    ask,
    both_modes,
    files_in,
    in_process,
    posix,
    refused,
    snap,
    untouched,
)

LOCKED = "locked by its application for 0.3 s."
HELD = "is held by its application in exclusive locking mode (a -wal lies beside it and no -shm)"


@both_modes
async def test_an_idle_source_is_left_exactly_as_it_was(mode: str, home: Path, into: Path) -> None:
    """No byte, time or file of the folder changes, in WAL mode too; nor when the file was written a moment ago."""
    path = make_bank(home / "bank.db", mode, filler=10)
    os.utime(path)
    with untouched(home):
        snapshot = await snap(path, into)
    assert snapshot.warnings == ()
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


async def test_a_source_in_use_is_left_as_it_was(home: Path, into: Path, holder: Holder) -> None:
    """An open WAL database keeps its sidecars, rows outside the main file are in the snapshot."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    holder(path, "PRAGMA wal_autocheckpoint=0", "INSERT INTO log VALUES (1)")
    before = {file.name: file.stat().st_size for file in files_in(home)}
    content = path.read_bytes()
    snapshot = await snap(path, into)
    assert ask(snapshot.file, "SELECT count(*) FROM log") == 1
    assert snapshot.warnings == ()
    assert {file.name: file.stat().st_size for file in files_in(home)} == before
    assert path.read_bytes() == content


@posix
async def test_a_link_is_followed_to_its_sidecars(home: Path, into: Path, tmp_path: Path, holder: Holder) -> None:
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


def _write_and_crash(path: Path, *statements: str) -> None:
    in_process(
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for sql in sys.argv[2:]: db.execute(sql)\n"
        "os._exit(0)",
        path,
        *statements,
    )


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
    assert "bank.db-wal and bank.db-shm" in in_full(snapshot.warnings[0])
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
    sight = replace(read_state(path), modified_ns=modified_ns)
    assert (sight.ambiguous_for(modified_ns + age_ns) <= 0) is settled


async def test_a_file_from_the_future_is_read_under_its_locks(home: Path, into: Path) -> None:
    """Its time stamp proves nothing, and nobody waits for it to come true."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    os.utime(path, (time.time() + 3600,) * 2)
    assert (await snap(path, into)).warnings != ()


async def test_a_crashed_wal_database_is_complete(home: Path, into: Path) -> None:
    """Rows that a killed application left in the write-ahead log are in the snapshot, and the file is not written."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    _write_and_crash(path, "INSERT INTO log VALUES (9)")
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


async def test_a_wal_that_holds_more_pages_than_the_file_is_no_damage(home: Path, into: Path, holder: Holder) -> None:
    """A database that has grown since its last checkpoint is longer than its file."""
    path = make_bank(home / "bank.db", "wal", filler=10)
    holder(path, "PRAGMA wal_autocheckpoint=0", "INSERT INTO filler SELECT id + 100, zeroblob(9000) FROM accounts")
    snapshot = await snap(path, into)
    assert snapshot.bytes > 2 * path.stat().st_size


@pytest.mark.parametrize(
    ("mode", "statements", "reason", "words"),
    [
        ("delete", ["BEGIN EXCLUSIVE"], SkipReason.BUSY, LOCKED),
        (
            "delete",
            ["PRAGMA locking_mode=EXCLUSIVE", "BEGIN IMMEDIATE", "INSERT INTO log VALUES (1)", "COMMIT"],
            SkipReason.BUSY,
            LOCKED,
        ),
        (
            "wal",  # the log was opened with its shared memory, and the lock taken later
            ["SELECT * FROM log", "PRAGMA locking_mode=EXCLUSIVE", "INSERT INTO log VALUES (1)"],
            SkipReason.BUSY,
            LOCKED,
        ),
        ("wal", ["PRAGMA locking_mode=EXCLUSIVE", "INSERT INTO log VALUES (1)"], SkipReason.EXCLUSIVE, HELD),
        ("wal", ["PRAGMA locking_mode=EXCLUSIVE", "SELECT * FROM log"], SkipReason.EXCLUSIVE, HELD),
    ],
)
async def test_a_locked_source_is_busy(
    *, mode: str, statements: list[str], reason: SkipReason, words: str, home: Path, into: Path, holder: Holder
) -> None:
    """The wait ends at the timeout, exclusive locking mode is named; a source that is let go in time is copied."""
    path = make_bank(home / "bank.db", mode, filler=10)
    process = holder(path, *statements)
    busy = await refused(path, into, busy_timeout=0.3)
    assert busy.reason is reason
    assert words in str(busy)
    assert "locking_mode" in busy.hint
    told, warned = await outlook(path)
    assert (told == f"{busy.sentence} {busy.hint}", warned) == (reason is SkipReason.EXCLUSIVE, "")
    waiting = asyncio.create_task(snap(path, into, busy_timeout=60.0))
    await asyncio.sleep(0)
    await asyncio.to_thread(let_go, process)
    assert (await waiting).bytes > 0


async def test_an_abort_ends_the_wait_for_a_lock(home: Path, into: Path, holder: Holder) -> None:
    """Nobody waits for the timeout of an hour."""
    path = make_bank(home / "bank.db", "delete", filler=10)
    holder(path, "BEGIN EXCLUSIVE")
    abort = Abort()
    asyncio.get_running_loop().call_later(0.1, abort.set, "shutting down")
    with pytest.raises(AbortedError, match="shutting down"):
        await snap(path, into, busy_timeout=3600.0, abort=abort)
    assert files_in(into) == []


def _leave_a_hot_journal(path: Path) -> None:
    _write_and_crash(path, "PRAGMA cache_size=5", "BEGIN", "UPDATE filler SET text = 0")
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
    assert "hot journal was rolled back" in in_full(snapshot.warnings[0])
    assert ask(snapshot.file, "SELECT min(length(text)) FROM filler") == 600
    assert files_in(home) == [path]


# Run as nobody: path of the source and of the copies; prints the reason or the rows of the log, and the warning.
_AS_NOBODY = f"""
import asyncio, os, sqlite3, sys
from pathlib import Path
from bot.clock import utc_now
from bot.errors import SnapshotError
from bot.words.causes import in_full
from tests.world.snapshots import snap
os.setgid({NOBODY}); os.setuid({NOBODY})
path, into = map(Path, sys.argv[1:3])
def clock():
    if sys.argv[3:]:
        print("reading", flush=True)
        sys.stdin.readline()
    return utc_now()
try:
    snapshot = asyncio.run(snap(path, into, busy_timeout=5.0, clock=clock))
    rows = sqlite3.connect(snapshot.file).execute("SELECT count(*) FROM log").fetchone()[0]
    print(rows, *map(in_full, snapshot.warnings))
except SnapshotError as error:
    print(error.reason.value, "|", error.sentence, error.hint)
"""


def snap_as_nobody(path: Path) -> str:
    done = in_process(_AS_NOBODY, path, path.parent.parent / "copies")
    assert done.returncode == 0
    return done.stdout.strip()


@pytest.fixture
def foreign(shared_folder: Path) -> Path:
    """Return the path for a database of root's in a folder of its own, which everybody may enter."""
    (shared_folder / "home").mkdir(mode=0o755)
    return shared_folder / "home" / "bank.db"


@as_nobody
@pytest.mark.parametrize(("mode", "folder_mode"), [("wal", 0o755), ("delete", 0o755), ("wal", 0o777)])
def test_another_users_idle_database_stays_as_it_is(mode: str, folder_mode: int, foreign: Path) -> None:
    """A read-only folder is no hindrance; in a shared one nothing of ours is left, so its application can go on."""
    make_bank(foreign, mode, filler=10)
    foreign.parent.chmod(folder_mode)
    with untouched(foreign.parent):
        assert snap_as_nobody(foreign) == "0"


@as_nobody
def test_a_read_only_folder_with_a_running_application(foreign: Path, holder: Holder) -> None:
    """The application's own sidecars are used, without writing them; its newest row is there."""
    make_bank(foreign, "wal", filler=10)
    holder(foreign, "PRAGMA wal_autocheckpoint=0", "INSERT INTO log VALUES (1)")
    assert snap_as_nobody(foreign) == "1"


@as_nobody
def test_a_database_that_changes_while_no_lock_can_be_taken_is_refused(foreign: Path) -> None:
    """In a read-only folder a copy made beside a writer is never passed off as a snapshot."""
    make_bank(foreign, "wal", filler=10)
    with subprocess.Popen(
        [sys.executable, "-c", _AS_NOBODY, str(foreign), str(foreign.parent.parent / "copies"), "ask"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
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
    assert files_in(foreign.parent.parent / "copies") == []
    assert files_in(foreign.parent) == [foreign]


@as_nobody
def test_another_users_database_is_refused_where_our_files_would_lock_it_out(foreign: Path, holder: Holder) -> None:
    """Where rows wait in a -wal whose -shm is gone, reading it would create one that its owner may not write."""
    make_bank(foreign, "wal", filler=10)
    foreign.parent.chmod(0o777)
    _write_and_crash(foreign, "INSERT INTO log VALUES (9)")
    Path(f"{foreign}-shm").unlink()
    with untouched(foreign.parent):
        said = snap_as_nobody(foreign)
    assert said.startswith("foreign owner |")
    assert "chmod 664" in said
    foreign.chmod(0o666)  # now whatever is created takes this mode, and its owner may write it
    assert snap_as_nobody(foreign).startswith("1 Reading it left bank.db-shm")


@as_nobody
def test_a_source_that_may_not_be_read(foreign: Path) -> None:
    """A file of mode 0600 and a file in a closed folder are a matter of permission."""
    make_bank(foreign, "delete", filler=10)
    foreign.chmod(0o600)
    assert snap_as_nobody(foreign).startswith("no permission |")
    foreign.chmod(0o644)
    foreign.parent.chmod(0o700)
    assert snap_as_nobody(foreign).startswith("no permission |")


async def test_other_connections_of_this_process_keep_their_locks(home: Path, into: Path) -> None:
    """A snapshot never opens the source but through SQLite, so a read transaction elsewhere here stays locked."""
    path = make_bank(home / "bank.db", "delete", filler=10)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM log").fetchall()
        await snap(path, into)
        done = in_process(
            "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN EXCLUSIVE')", path
        )
    assert "database is locked" in done.stderr


def test_sidecars_are_those_of_sqlite() -> None:
    """The names that SQLite gives to the files beside a database."""
    assert SIDECARS == ("-wal", "-shm", "-journal")


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_connection_that_was_never_opened_leaves_no_thread(
    cancelled: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library lets it end by itself, and it would report to an event loop that is closed by then."""
    ending = threading.Event()

    class Slow(logging.Handler):
        """Holds the thread when it is told to end."""

        def emit(self, record: logging.LogRecord) -> None:
            if "close_and_stop" in record.getMessage() and record.msg.startswith("executing"):
                ending.wait(10)

    path = make_bank(home / "bank.db", "delete") if cancelled else home / "missing.db"
    log, slow = logging.getLogger("aiosqlite"), Slow()
    monkeypatch.setattr(log, "handlers", [slow])
    monkeypatch.setattr(log, "level", logging.DEBUG)
    log.manager._clear_cache()  # type: ignore[attr-defined]
    opening = asyncio.ensure_future(open_connection(uri_of(path, mode="ro"), patience=0))
    if cancelled:
        asyncio.get_running_loop().call_soon(opening.cancel)
    release = threading.Timer(0.2, ending.set)
    release.start()
    with pytest.raises(asyncio.CancelledError if cancelled else sqlite3.OperationalError):
        await opening
    assert ending.is_set()
    release.join()
    log.manager._clear_cache()  # type: ignore[attr-defined]
