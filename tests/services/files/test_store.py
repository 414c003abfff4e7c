"""The folder of archives, with real files and a run that is really killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ArchiveError, NotFoundError
from bot.services.files.store import Store, archive_name, archive_time, plan_volumes

AT = datetime(2025, 3, 1, 12, 0, 59, tzinfo=UTC)
NAME = "database_backup_20250301_120059.zip"


def test_an_archive_is_named_by_its_second_in_utc() -> None:
    """Names sort as the instants do, and their time can be read back."""
    assert archive_name(AT) == NAME
    assert archive_time(NAME) == AT
    assert archive_time("database_backup_20251399_000000.zip") is None
    assert archive_time("holiday.zip") is None


@pytest.mark.parametrize("taken", [NAME, f"{NAME}.part", f"{NAME}.age", f"{NAME}.age.part"])
def test_a_taken_second_is_never_named_again(taken: str) -> None:
    """A plain, sealed or half-written archive of the same second moves the next one on, over a minute's end too."""
    assert archive_name(AT, [taken]) == "database_backup_20250301_120100.zip"


async def test_the_folders_are_private_and_a_found_one_keeps_its_mode(tmp_path: Path) -> None:
    """What we create is 0700; a folder that was there belongs to somebody."""
    if os.name == "nt":
        pytest.skip("modes are POSIX")
    (tmp_path / "shared").mkdir(mode=0o750)
    (tmp_path / "shared").chmod(0o750)
    await Store(tmp_path / "shared" / "a" / "b").prepare()
    modes = [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("shared", "shared/a", "shared/a/b/.work")]
    assert modes == [0o750, 0o700, 0o700]


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way is an error with the folder's name, not a traceback."""
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(ArchiveError, match="backups"):
        await Store(tmp_path / "backups").prepare()


async def test_only_plain_files_with_our_names_are_archives(tmp_path: Path) -> None:
    """Links, folders, volumes, half-written and foreign files are not listed; the oldest name comes first."""
    store = Store(tmp_path)
    assert await Store(tmp_path / "missing").archives() == ()
    for name in ("database_backup_20250302_000000.zip.age", NAME, f"{NAME}.001", f"{NAME}.part", "holiday.zip"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "database_backup_20250303_000000.zip").mkdir()
    _link(tmp_path / "database_backup_20250304_000000.zip", tmp_path / "holiday.zip")
    assert [archive.name for archive in await store.archives()] == [NAME, "database_backup_20250302_000000.zip.age"]
    assert await store.size() == 10
    assert await store.name_archive(datetime(2025, 3, 3, tzinfo=UTC)) == "database_backup_20250303_000001.zip"


def _link(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links need a right here")


async def test_only_our_own_archives_can_be_deleted(tmp_path: Path) -> None:
    """No name leads out of the folder, through a link, or to a file that is not ours."""
    folder = tmp_path / "backups"
    store = Store(folder)
    await store.prepare()
    (folder / NAME).write_bytes(b"")
    outside = tmp_path / NAME
    outside.write_bytes(b"mine")
    (folder / "catalogue.db").write_bytes(b"")
    _link(folder / "database_backup_20250304_000000.zip", outside)
    for name in (
        f"../{NAME}",
        str(outside),
        "catalogue.db",
        "",
        ".",
        f"{NAME}\n",
        f"x/../{NAME}",
        "database_backup_20250304_000000.zip",
        "database_backup_20250305_000000.zip",
    ):
        with pytest.raises(NotFoundError):
            await store.delete(name)
    assert outside.read_bytes() == b"mine"
    await store.delete(NAME)
    assert await store.archives() == ()


async def test_the_sweep_takes_only_what_a_killed_run_left(tmp_path: Path) -> None:
    """Our half-written archives and our run folders go; everything else in both folders stays."""
    folder, work = tmp_path / "backups", tmp_path / "shared"
    store, other = Store(folder, work=work), Store(tmp_path / "others", work=work)
    assert await store.sweep() == ()
    await store.prepare()
    part = folder / f"{NAME}.age.part"
    for file in (part, folder / NAME, folder / "film.part", folder / "catalogue.db", work / "x.part"):
        file.write_bytes(b"")
    _link(folder / f"{NAME}.part", work / "x.part")
    async with other.run_folder() as theirs, store.run_folder() as ours:
        (ours / "deep").mkdir()
        (ours / "deep" / "shop.db").write_bytes(b"copy")
        assert set(await store.sweep()) == {part, ours}
        assert theirs.is_dir()
    await other.emptied()
    assert sorted(path.name for path in work.iterdir()) == ["x.part"]
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["catalogue.db", NAME, f"{NAME}.part", "film.part"]


async def test_a_run_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    """Snapshots are copies of people's data: nobody else reads them, and none stays, also after an error."""
    store = Store(tmp_path)

    async def run() -> None:
        async with store.run_folder() as folder:
            (folder / "shop.db").write_bytes(b"copy")
            assert os.name == "nt" or stat.S_IMODE(folder.stat().st_mode) == 0o700
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await run()
    await store.emptied()
    assert list(store.work.iterdir()) == []


async def test_a_run_goes_on_while_its_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But ends with it, and so does one that is cancelled meanwhile."""
    store, seen, remove = Store(tmp_path), threading.Event(), shutil.rmtree

    def once_seen(folder: Path, *, ignore_errors: bool) -> None:
        seen.wait(20)
        remove(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", once_seen)
    async with store.run_folder() as folder:
        pass
    assert folder.is_dir()
    waiting = asyncio.create_task(store.emptied())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    seen.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not folder.exists()


async def test_leftovers_of_a_killed_process_are_swept(tmp_path: Path) -> None:
    """After kill -9 in the middle of a run the next start finds its folder and removes it."""
    script = (
        "import asyncio, sys; from pathlib import Path; from bot.services.files.store import Store\n"
        "async def run():\n"
        "    async with Store(Path(sys.argv[1])).run_folder() as folder:\n"
        "        (folder / 'shop.db').write_bytes(b'copy'); print(folder, flush=True); sys.stdin.read()\n"
        "asyncio.run(run())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        folder = Path(process.stdout.readline().strip())
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
    assert folder.is_dir()
    assert await Store(tmp_path).sweep() == (folder,)
    assert not folder.exists()


@given(size=st.integers(0, 10**7), volume_bytes=st.integers(1000, 10**7))
def test_volumes_join_to_the_archive(size: int, volume_bytes: int) -> None:
    """Slices follow one another without a gap, none is larger than allowed, and their names sort in their order."""
    volumes = plan_volumes(Path(NAME), size, volume_bytes)
    offset = 0
    for number, volume in enumerate(volumes, start=1):
        assert (volume.number, volume.total, volume.offset) == (number, len(volumes), offset)
        assert 0 < volume.bytes <= volume_bytes or size == 0
        offset += volume.bytes
    assert offset == size
    assert [volume.name for volume in volumes] == sorted(volume.name for volume in volumes)


def test_volumes_are_named_as_seven_zip_expects() -> None:
    """One volume keeps the archive's name; several count from .001."""
    assert [volume.name for volume in plan_volumes(Path(NAME), 10, 10)] == [NAME]
    assert [volume.name for volume in plan_volumes(Path(NAME), 11, 10)] == [f"{NAME}.001", f"{NAME}.002"]
    assert plan_volumes(Path(NAME), 1000, 1)[-1].name == f"{NAME}.1000"
    with pytest.raises(ValueError, match="0 bytes"):
        plan_volumes(Path(NAME), 10, 0)
