"""A file that is replaced or rewritten while it is looked at is not called damaged, and nor is a machine's fault."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.errors import SnapshotError
from bot.models import CheckMethod, Database, SkipReason, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import take_snapshots
from bot.words.causes import in_full
from tests.world.bank import make_bank
from tests.world.full_disk import small_disk
from tests.world.snapshots import (
    files_in,
    in_process,
    posix,
    refused,
    run_sql,
    schema,
    snap,
    snap_all,
    untouched,
    write_at,
)

ROUNDS = 25 * int(os.environ.get("SOAK", "1"))

# Writes the file of the first argument anew all the time, as an application does that keeps its database in memory.
_REWRITER = """
import os, sys, time
path, how = sys.argv[1:]
contents = [open(f"{path}.{n}", "rb").read() for n in range(2)]
print("ready", flush=True)
n = 0
while True:
    n += 1
    content = contents[n % 2]
    if how == "replace":
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.replace(path + ".new", path)
        time.sleep(0.002)
    else:
        with open(path, "wb") as file:
            for start in range(0, len(content), 1 << 20):
                file.write(content[start:start + (1 << 20)])
                file.flush()
                time.sleep(0.003)
        time.sleep(0.15)
"""


@contextlib.contextmanager
def rewritten(path: Path, how: str) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", _REWRITER, str(path), how], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()


@posix
@pytest.mark.parametrize("how", ["replace", "in place"])
async def test_a_file_that_is_being_rewritten_is_not_called_damaged(how: str, home: Path, into: Path) -> None:
    """Each copy is one of the two contents in whole, or the file is said to have been rewritten."""
    path = make_bank(home / "bank.db", "delete", filler=100)
    shutil.copy(path, f"{path}.0")
    run_sql(
        path, "INSERT INTO filler SELECT filler.id + 1000 + 1000 * n.id, hex(randomblob(1000)) FROM filler, accounts n"
    )
    shutil.copy(path, f"{path}.1")
    whole, refusals = 0, set()
    with rewritten(path, how):
        for _ in range(ROUNDS):
            try:
                snapshot = await snap(path, into)
            except SnapshotError as error:
                refusals.add(error.reason)
                continue
            report = await check_snapshot(snapshot, CheckMethod.FULL, abort=Abort())
            snapshot.file.unlink()
            whole += report.verdict is Verdict.OK
    assert refusals <= {SkipReason.CHANGED_WHILE_READ}
    assert whole > ROUNDS // 2
    assert files_in(into) == []


FUTURE = "INSERT INTO sqlite_master VALUES ('view', 'v', 'v', 0, 'CREATE VIEW v AS SELECT n UNHEARD OF m FROM log')"


def flip_in_create(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"CREATE TABLE") + 3] |= 128
    path.write_bytes(content)


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize(
    "oddity", [lambda path: schema(path, FUTURE), flip_in_create, lambda path: write_at(path, 47, 5)]
)
async def test_a_schema_that_this_sqlite_can_not_read_is_copied_all_the_same(
    oddity: Callable[[Path], None], mode: str, home: Path, into: Path
) -> None:
    """Every page of it is in the copy, idle or in use; it could not be checked, and is not called damaged."""
    path = make_bank(home / "bank.db", mode, filler=100)
    oddity(path)
    with untouched(home):
        snapshot = await snap(path, into)
    assert snapshot.journal_mode == mode
    assert snapshot.bytes == snapshot.file.stat().st_size == path.stat().st_size
    assert snapshot.file.read_bytes()[100:] == path.read_bytes()[100:]
    report = await check_snapshot(snapshot, CheckMethod.FULL, abort=Abort())
    assert report.verdict is Verdict.UNCHECKED


async def test_a_format_that_this_sqlite_can_not_read_is_named(home: Path, into: Path) -> None:
    """A read version of a fork or of the future is told from an encrypted file, and nothing is said of damage."""
    path = make_bank(home / "bank.db", "delete", filler=1)
    write_at(path, 19, 3)
    with untouched(home):
        refusal = await refused(path, into)
    assert refusal.reason is SkipReason.UNKNOWN_FORMAT
    assert "WAL2" in refusal.sentence


# Copies the databases of the second argument into the folder of the first, with only so many files to open.
_FEW_FILES = """
import asyncio, os, resource, sys
from pathlib import Path
from tests.world.snapshots import snap_all
from bot.words.causes import in_full
into, *paths = map(Path, sys.argv[1:])
async def run():
    free = os.dup(0); os.close(free)
    for more in (*range(24), 60):
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        _, skipped = await snap_all(paths, into)
        assert {skip.reason.value for skip in skipped} <= {"failed"}, skipped
        print(len(skipped), *{in_full(skip.why) for skip in skipped})
asyncio.run(run())
"""


@posix
def test_a_process_without_files_to_open_says_nothing_of_the_data(home: Path, into: Path) -> None:
    """However few there are: each database that could not be copied is reported, by name, and nothing else happens."""
    paths = [make_bank(home / f"{mode}.db", mode, filler=1) for mode in ("wal", "delete")]
    done = in_process(_FEW_FILES, into, *paths)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2 ")
    assert "open files" in lines[0]
    assert lines[-1] == "0"


async def test_a_disk_without_room_for_another_file_says_nothing_of_the_data(home: Path, tmp_path: Path) -> None:
    """What fits is copied, and the others are told that the disk of the copies is full."""
    paths = [make_bank(home / f"{n}.db", ("wal", "delete")[n % 2], filler=1) for n in range(4)]
    with small_disk(tmp_path / "disk", 100, files=2) as disk:
        taken, skipped = await snap_all(paths, disk.folder)
        assert len(taken) == 2
        assert {skip.reason for skip in skipped} == {SkipReason.NO_SPACE}
        assert all("full" in in_full(skip.why) for skip in skipped)


async def test_whatever_happens_to_one_database_is_its_own_report(home: Path, into: Path) -> None:
    """A fault that nobody foresaw leaves the others alone, and names the database it happened to."""
    good, odd = (make_bank(home / name, "delete", filler=1) for name in ("good.db", "odd.db"))
    databases = [Database(path=good, name="good.db"), Database(path=Path(f"{odd}\0"), name="odd.db")]
    taken, skipped = await take_snapshots(databases, into, busy_timeout=5.0, abort=Abort())
    assert [snapshot.database.path for snapshot in taken] == [good]
    assert [skip.reason for skip in skipped] == [SkipReason.FAILED]
    assert "odd.db" in in_full(skipped[0].why)
