"""The locks, held by real second processes."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.clock import date_time
from bot.errors import BusyError, CatalogueError, InstanceError
from bot.models import Stage, Trigger
from bot.services.files.locks import Holder, RunLock, ServiceLock

NOW = datetime(2025, 3, 1, 12, 0, 5, tzinfo=UTC)

HOLD = """
import asyncio, sys
from pathlib import Path
from bot.models import Stage, Trigger
from bot.services.files.locks import RunLock, ServiceLock

async def hold():
    folder = Path(sys.argv[1])
    await ServiceLock(folder).acquire()
    lock = RunLock(folder)
    await lock.acquire(trigger=Trigger.COMMAND, requested_by="root")
    await lock.update(Stage.CHECK)
    print("held", flush=True)
    sys.stdin.read()

asyncio.run(hold())
"""


@contextmanager
def second_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline().strip() == "held"
            yield process
        finally:
            process.kill()
            process.wait()


async def test_a_second_process_is_told_who_runs(tmp_path: Path) -> None:
    """Both locks refuse at once and name the process, who asked and the stage."""
    with second_process(tmp_path) as other:
        kathmandu = ZoneInfo("Asia/Kathmandu")
        lock = ServiceLock(tmp_path, timezone=kathmandu)
        since = date_time((await lock.holder()).since, kathmandu)
        with pytest.raises(InstanceError, match=f"process {other.pid} since {since}"):
            await lock.acquire()
        with pytest.raises(BusyError) as raised:
            await RunLock(tmp_path).acquire(trigger=Trigger.BUTTON, requested_by="77")
        said = raised.value.sentence
        assert "asked for by root" in said
        assert "check and compress" in said
        assert str(other.pid) in said
        holder = await RunLock(tmp_path).holder()
        assert (holder.pid, holder.trigger, holder.requested_by) == (other.pid, "command", "root")


async def test_a_killed_holder_frees_its_locks(tmp_path: Path) -> None:
    """After kill -9 what the dead process wrote of itself is not believed, and both locks are free."""
    with second_process(tmp_path) as other:
        other.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        other.wait()
        assert (tmp_path / ".run.json").exists()
        assert await RunLock(tmp_path).holder() is None
        assert await ServiceLock(tmp_path).holder() is None
        async with ServiceLock(tmp_path), RunLock(tmp_path).hold(trigger=Trigger.SCHEDULE, requested_by="schedule"):
            holder = await RunLock(tmp_path).holder()
            assert holder.pid == os.getpid()


async def test_one_run_at_a_time_in_one_process_too(tmp_path: Path) -> None:
    """The same lock and another one of the same folder refuse alike; released, the next run may begin."""
    lock = RunLock(tmp_path, clock=lambda: NOW)
    async with lock.hold(trigger=Trigger.BUTTON, requested_by="77") as held:
        assert held.held
        for other in (lock, RunLock(tmp_path)):
            with pytest.raises(BusyError, match=r"A backup is already running \(starting\), asked for by 77 \(process"):
                await other.acquire(trigger=Trigger.SCHEDULE, requested_by="schedule")
        assert lock.held
        await lock.update(Stage.DELIVER)
        expected = Holder(pid=os.getpid(), since=NOW, trigger="button", requested_by="77", stage="deliver")
        assert await RunLock(tmp_path).holder() == expected == await lock.holder()
    assert not lock.held
    assert await lock.holder() is None
    await lock.update(Stage.DONE)
    await lock.release()
    async with RunLock(tmp_path).hold(trigger=Trigger.SCHEDULE, requested_by="schedule"):
        pass


async def test_of_many_at_once_one_gets_the_lock(tmp_path: Path) -> None:
    """Twenty ask at the same instant, while others look: one runs."""
    locks = [RunLock(tmp_path) for _ in range(20)]
    looks = [RunLock(tmp_path).holder() for _ in range(20)]
    answers, _ = await asyncio.gather(
        asyncio.gather(
            *(lock.acquire(trigger=Trigger.BUTTON, requested_by="77") for lock in locks), return_exceptions=True
        ),
        asyncio.gather(*looks),
    )
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, BusyError) for answer in answers) == 19
    for lock in locks:
        await lock.release()


async def test_a_cancelled_acquire_leaves_no_lock_behind(tmp_path: Path) -> None:
    """A request that is cancelled on its way holds nothing afterwards."""
    lock = RunLock(tmp_path)
    asking = asyncio.ensure_future(lock.acquire(trigger=Trigger.BUTTON, requested_by="77"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not lock.held
    async with RunLock(tmp_path).hold(trigger=Trigger.BUTTON, requested_by="78"):
        pass


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
async def test_an_unreadable_note_does_not_hide_the_lock(tmp_path: Path, note: bytes) -> None:
    """Whatever stands in the JSON, a held lock refuses, and says what it can."""
    async with RunLock(tmp_path).hold(trigger=Trigger.BUTTON, requested_by="77"):
        (tmp_path / ".run.json").write_bytes(note)
        with pytest.raises(BusyError, match="another process"):
            await RunLock(tmp_path).acquire(trigger=Trigger.BUTTON, requested_by="78")
    async with ServiceLock(tmp_path):
        (tmp_path / ".service.json").write_bytes(note)
        with pytest.raises(InstanceError, match="another process"):
            await ServiceLock(tmp_path).acquire()


async def test_a_look_creates_nothing(tmp_path: Path) -> None:
    """Asking who runs leaves a folder as it was, also one that is not there."""
    assert await RunLock(tmp_path).holder() is None
    assert await ServiceLock(tmp_path / "missing").holder() is None
    assert list(tmp_path.iterdir()) == []


async def test_the_files_are_the_owners_alone_and_a_bad_folder_is_named(tmp_path: Path) -> None:
    """The note names chats and people; a file in the folder's place is an error with its name."""
    async with RunLock(tmp_path / "new").hold(trigger=Trigger.BUTTON, requested_by="77"):
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
    assert os.name == "nt" or modes == {".run.lock": 0o600, ".run.json": 0o600}
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CatalogueError, match="file"):
        await ServiceLock(tmp_path / "file").acquire()
