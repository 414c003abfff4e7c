"""What is in the way of a restore: locks, rights, full disks, other runs; and who has a file open."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.errors import BusyError, NotFoundError, RestoreError, RestoreRefusedError, SettingsError
from bot.models import InUse, Trigger
from bot.services.files.locks import RunLock
from bot.services.files.private_folder import private_folder, sweep_private_folders
from bot.services.restore.in_use import who_uses
from bot.services.restore.journal import RestoreJournal
from bot.services.restore.sources import RestoreSource, find_source, newest_before, parse_instant
from tests.world.bank import make_bank
from tests.world.restore import Rig, at, backed_up_bank, require_sound, run_child, transact

_FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from bot.errors import RestoreError
from tests.world.restore import Rig

folder, step = Path(sys.argv[1]), sys.argv[2]

def on_step(at):
    if at == step:  # from here on, no file grows beyond what a full disk would have let through
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
    if at == "rolling back":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

try:
    asyncio.run(Rig(folder, [folder / "bank.db"]).restore(on_step=on_step))
except RestoreError as error:
    print("rolled back" if error.rolled_back else "not rolled back", error)
"""

_UNPRIVILEGED = """
import asyncio, encodings.cp437, os, sys  # what the interpreter can't load any more once it is nobody
from pathlib import Path
from bot.errors import CourierError
from tests.world.restore import Rig
from bot.services.restore.sources import RestoreSource

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
folder = Path(sys.argv[1])
try:
    asyncio.run(Rig(folder, [folder / "bank.db"]).restore(RestoreSource(files=(folder / "brought.zip",))))
except CourierError as error:
    print(type(error).__name__, error.sentence)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit to the size of a file")
@pytest.mark.parametrize("step", ["copying", "verified"])
@pytest.mark.parametrize("there", [True, False])
async def test_a_disk_that_runs_full_leaves_the_old_database(tmp_path: Path, step: str, there: bool) -> None:
    """Neither the safety copy, nor the copy into a live file, nor a new file is left half done."""
    bank, _ = await backed_up_bank(tmp_path, filler=2000)
    transact(bank, 1)
    if not there:
        bank.unlink()
    child = await asyncio.to_thread(run_child, _FULL, tmp_path, step)
    if there or step == "verified":
        assert child.stdout.startswith("rolled back") or "Error" in child.stderr, child.stderr
    assert bank.exists() == there or require_sound(bank) == 0
    if there:
        assert require_sound(bank) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="rights are those of POSIX here")
@pytest.mark.parametrize("mode", [0o444, 0o644])
def test_a_target_that_may_not_be_written_is_refused(shared_folder: Path, mode: int) -> None:
    """The plan says who has to restore, and nothing is touched."""
    bank = make_bank(shared_folder / "bank.db", "delete", filler=20)
    rig = Rig(shared_folder, [bank])
    backup = asyncio.run(rig.back_up())
    brought = shared_folder / "brought.zip"
    shutil.copy(rig.store.folder / backup.archive_name, brought)
    shutil.rmtree(rig.store.folder)
    brought.chmod(0o644)
    bank.chmod(mode)
    transact(bank, 1) if os.geteuid() == 0 else None
    if os.geteuid() != 0 and mode == 0o644:
        pytest.skip("the file is ours")
    child = run_child(_UNPRIVILEGED, shared_folder)
    assert "RestoreRefusedError" in child.stdout, child.stderr
    assert "may not be written by this user" in child.stdout


async def test_a_backup_meanwhile_is_told_what_runs(tmp_path: Path) -> None:
    """The lock of the runs is held, and its holder says that it is a restore."""
    _, rig = await backed_up_bank(tmp_path)
    lock = RunLock(rig.store.folder)
    async with lock.hold(trigger=Trigger.COMMAND, requested_by="a backup"):
        with pytest.raises(BusyError):
            await rig.restore()
    told: list[str] = []
    await rig.restore(on_step=at("journal written", lambda: told.append(run_child(_BACK_UP, rig.store.folder).stdout)))
    assert "asked for by a test" in told[0]


_BACK_UP = """
import asyncio, sys
from pathlib import Path
from bot.errors import BusyError
from bot.models import Trigger
from bot.services.files.locks import RunLock
try:
    asyncio.run(RunLock(Path(sys.argv[1])).acquire(trigger=Trigger.COMMAND, requested_by="somebody"))
except BusyError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_who_has_a_file_open_is_seen(tmp_path: Path, mode: str) -> None:
    """An idle connection of another process is noticed, and its program named where the system shows it."""
    bank = make_bank(tmp_path / "bank.db", mode, filler=1)
    assert who_uses(bank) == (InUse.CLOSED, ())
    looks = (
        "import sys; from pathlib import Path; from bot.services.restore import in_use; "
        "in_use._seen_in_proc = lambda target: (); print(in_use.who_uses(Path(sys.argv[1]))[0])"
    )
    opens_and_lets_look = (
        "import sqlite3, subprocess, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM log').fetchall(); "
        "print(subprocess.run([sys.executable, '-c', *sys.argv[:0:-1]], capture_output=True, text=True).stdout)"
    )
    seen = await asyncio.to_thread(run_child, opens_and_lets_look, bank, looks)
    assert seen.stdout.split() == ["open"], seen.stderr


async def test_a_target_that_changes_after_the_plan_is_not_replaced(tmp_path: Path) -> None:
    """A file that was missing and has come back is left alone."""
    bank, rig = await backed_up_bank(tmp_path)
    content = bank.read_bytes()
    bank.unlink()
    with pytest.raises(RestoreError, match="is there now"):
        await rig.restore(on_step=at("copied beside", lambda: bank.write_bytes(content)))
    assert bank.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backups", "bank.db"]


async def test_two_databases_never_go_to_one_file(tmp_path: Path) -> None:
    """Where two members mean the same live file, a person has to choose."""
    bank = make_bank(tmp_path / "bank.db", "wal", filler=20)
    (tmp_path / "link.db").symlink_to(bank)
    other = make_bank(tmp_path / "other.db", "wal", filler=20)
    archive_rig = Rig(tmp_path, [bank, other])
    await archive_rig.back_up()
    other.unlink()
    other.symlink_to(bank)
    with pytest.raises(RestoreRefusedError, match="both go to"):
        await archive_rig.restore()


async def test_the_newest_backup_before_an_instant_is_found(tmp_path: Path) -> None:
    """Safety copies and archives no longer on the disk are no answer."""
    bank = make_bank(tmp_path / "bank.db", "wal", filler=20)
    rig = Rig(tmp_path, [bank])
    first = await rig.back_up()
    await rig.restore()
    async with rig.opened() as restorer:
        catalogue, folder = restorer.context.catalogue, rig.store.folder
        found = await newest_before(catalogue, folder, datetime.now(UTC), ZoneInfo("UTC"))
        assert found == RestoreSource(files=(folder / first.archive_name,), backup=first)
        assert await find_source(catalogue, folder, "latest", ZoneInfo("UTC")) == found
        with pytest.raises(NotFoundError, match="The oldest is of"):
            await newest_before(catalogue, folder, datetime(2001, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
        await catalogue.backups.mark_deleted(first.id)
        with pytest.raises(NotFoundError, match="no longer on the disk"):
            await find_source(catalogue, folder, str(first.id), ZoneInfo("UTC"))


def test_a_time_is_read_in_the_time_zone_of_the_settings() -> None:
    """05:00 is local time; a time that names its zone keeps it; a day alone means all of it."""
    zone = ZoneInfo("Europe/Berlin")
    assert parse_instant("2026-07-13 05:00", zone) == datetime(2026, 7, 13, 3, 0, tzinfo=UTC)
    assert parse_instant("2026-07-13T05:00:00+00:00", zone) == datetime(2026, 7, 13, 5, 0, tzinfo=UTC)
    assert parse_instant("2026-07-13", zone) == datetime(2026, 7, 13, 21, 59, 59, tzinfo=UTC)


def test_a_time_that_comes_twice_is_asked_for_once_more() -> None:
    """Both passes have backups, an hour of changes apart: none is taken unasked; the mend says what to write."""
    zone = ZoneInfo("Europe/Berlin")
    with pytest.raises(SettingsError) as caught:
        parse_instant("2026-10-25 02:30", zone)
    assert caught.value.hint == 'Write "2026-10-25 02:30:00+02:00" (CEST) or "2026-10-25 02:30:00+01:00" (CET).'
    for written, hour in (("2026-10-25 02:30:00+02:00", 0), ("2026-10-25 02:30:00+01:00", 1), ("2026-10-25 03:00", 2)):
        assert parse_instant(written, zone) == datetime(2026, 10, 25, hour, 30 * (hour < 2), tzinfo=UTC)
    assert parse_instant("2026-03-29 02:30", zone) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    # In Lebanon midnight comes twice, and a day ends with its second pass.
    end = parse_instant("2026-10-24", ZoneInfo("Asia/Beirut")).astimezone(UTC)
    assert end == datetime(2026, 10, 24, 21, 59, 59, tzinfo=UTC)


async def test_a_journal_that_can_not_be_read_is_no_silence(tmp_path: Path) -> None:
    """Rather than taking a spoilt journal for none, the next start says so."""
    _, rig = await backed_up_bank(tmp_path)
    RestoreJournal(rig.store.folder).path.write_text("{")
    with pytest.raises(RestoreError, match="can't be read"):
        await rig.pending()


async def test_nothing_to_undo_is_said(tmp_path: Path) -> None:
    """Without a restore, and after one that was rolled back, there is nothing to undo."""
    _, rig = await backed_up_bank(tmp_path)
    with pytest.raises(NotFoundError, match="no restore to undo"):
        await rig.undo()


async def test_undo_after_the_days_of_the_safety_copy_says_so(tmp_path: Path) -> None:
    """Retention has let it go; no chat ever had it, and nobody is sent to look there."""
    _, rig = await backed_up_bank(tmp_path)
    safety = (await rig.restore()).safety
    assert safety is not None
    (rig.store.folder / safety.archive_name).unlink()
    async with rig.opened() as restorer:
        await restorer.context.catalogue.backups.mark_deleted(safety.id)
    with pytest.raises(NotFoundError, match="no longer on the disk") as refused:
        await rig.undo()
    assert refused.value.hint.startswith("What was there before a restore is on the disk only, and kept for 30 days.")


async def test_the_room_of_a_living_process_is_not_swept(tmp_path: Path) -> None:
    """What a dead process left goes; what a living one works in stays."""
    dead = tmp_path / "restore-dead"
    dead.mkdir()
    (tmp_path / "restore-dead.lock").touch()
    async with private_folder(tmp_path) as room:
        assert room.stat().st_mode & 0o777 == 0o700
        assert await sweep_private_folders(tmp_path) == (dead,)
        assert room.is_dir()
    assert not list(tmp_path.iterdir())


async def test_a_plan_alone_leaves_no_trace(tmp_path: Path) -> None:
    """Looking changes neither the databases nor their folder."""
    bank, rig = await backed_up_bank(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path, bank)}
    async with rig.plan_of_latest() as plan:
        assert not plan.all_obstacles
    async with rig.plan_of_latest() as again:
        assert again.id == plan.id  # what a person consents to has a name that lasts
    assert {path: path.stat().st_mtime_ns for path in (tmp_path, bank)} == before
    assert require_sound(bank) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
async def test_nothing_is_restored_into_another_name_of_an_open_database(tmp_path: Path) -> None:
    """Written through a hard link, a database in WAL mode and the log beside its other name would no longer agree."""
    path, rig = await backed_up_bank(tmp_path, filler=1)
    other = tmp_path / "app" / "bank.db"
    other.parent.mkdir()
    path.rename(other)
    path.hardlink_to(other)
    with closing(sqlite3.connect(other)) as application:
        application.execute("PRAGMA wal_autocheckpoint=0")
        transact(other, 1)
        before = path.read_bytes()
        with pytest.raises(RestoreRefusedError, match="one of 2 hard links"):
            await rig.restore()
        assert path.read_bytes() == before
        assert not [*tmp_path.glob("bank.db-*")]
        application.execute("PRAGMA journal_mode=DELETE")
    assert require_sound(other) == 1
    async with rig.plan_of_latest() as plan:
        assert any("one of 2 hard links" in warning for warning in plan.changes[0].warnings)
