"""A database whose log lies where it can't be seen is refused, or warned of; nothing is left beside it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.models import SkipReason
from bot.services.snapshot import hidden_log
from bot.services.snapshot.hidden_log import outlook, share_of
from bot.words.causes import in_full
from tests.world.bank import let_go, make_bank
from tests.world.snapshots import Holder, ask, files_in, posix, refused, snap

WRITES = ("PRAGMA wal_autocheckpoint=0", "INSERT INTO log VALUES (1)")


@contextlib.contextmanager
def mounted(*arguments: object, at: Path) -> Iterator[None]:
    """Mount something for a while; a machine that does not allow it has its test skipped."""
    if sys.platform != "linux":
        pytest.skip("mounts are tried on Linux alone")
    done = subprocess.run(["mount", *map(str, arguments), str(at)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A mount point for a single file, with a blank in its path."""
    path = tmp_path / "my box" / "app.db"
    path.parent.mkdir()
    path.touch()
    return path


@posix
async def test_a_hard_link_without_the_log_is_refused_and_the_name_beside_it_is_read(
    home: Path, into: Path, holder: Holder
) -> None:
    """The alias stays as it is found, and its refusal names the name to configure."""
    path = make_bank(home / "cron.db", "wal", filler=10)
    alias = home / "alias.db"
    alias.hardlink_to(path)
    holder(path, *WRITES)
    error = await refused(alias, into)
    assert error.reason is SkipReason.LOG_ELSEWHERE
    assert f"Put {path} into DATABASES" in error.hint
    assert (await outlook(alias))[0].startswith(error.sentence)
    assert {file.name for file in files_in(home)} == {"alias.db", "cron.db", "cron.db-shm", "cron.db-wal"}
    assert ask((await snap(path, into)).file, "SELECT count(*) FROM log") == 1
    assert await outlook(path) == ("", "")


@posix
async def test_an_empty_log_that_somebody_left_beside_a_hard_link_is_not_its_log(
    home: Path, into: Path, tmp_path: Path, holder: Holder
) -> None:
    """What an earlier reader left beside the alias does not make it the name that the application opens."""
    path = make_bank(tmp_path / "cron.db", "wal", filler=10)
    alias = home / "alias.db"
    alias.hardlink_to(path)
    holder(path, *WRITES)
    for suffix in ("-wal", "-shm"):
        alias.with_name(f"alias.db{suffix}").touch()
    error = await refused(alias, into)
    assert error.reason is SkipReason.LOG_ELSEWHERE
    assert "one of 2 hard links" in error.sentence


@posix
async def test_an_idle_hard_link_is_refused_in_wal_mode_and_warned_of_in_the_others(home: Path, into: Path) -> None:
    """A crashed application's log may lie beside any other name; a rollback journal may as well, but seldom does."""
    for mode in ("wal", "delete"):
        path = make_bank(home / f"{mode}.db", mode, filler=1)
        path.with_name(f"{mode}-2.db").hardlink_to(path)
    assert (await refused(home / "wal.db", into)).reason is SkipReason.LOG_ELSEWHERE
    snapshot = await snap(home / "delete.db", into)
    assert "one of 2 hard links" in in_full(snapshot.warnings[0])
    assert await outlook(home / "delete.db") == ("", in_full(snapshot.warnings[0]))
    assert len(files_in(home)) == 4


@pytest.mark.parametrize("idle", [False, True])
async def test_a_single_file_that_is_mounted_is_refused_in_wal_mode(
    idle: bool, home: Path, into: Path, box: Path, holder: Holder
) -> None:
    """`-v ./app.db:/data/app.db`: the log stays outside. Its folder, mounted instead, brings every row."""
    path = make_bank(home / "app.db", "wal", filler=10)
    process = holder(path, *WRITES)
    if idle:
        let_go(process)
    with mounted("--bind", path, at=box):
        error = await refused(box, into)
        assert error.reason is SkipReason.LOG_ELSEWHERE
        assert "mounted here as a single file" in error.sentence
        assert "Mount its folder" in error.hint
        assert (await outlook(box))[0].startswith(error.sentence)
        assert [file.name for file in files_in(box.parent)] == ["app.db"]
    with mounted("--bind", home, at=box.parent):
        assert ask((await snap(box, into)).file, "SELECT count(*) FROM log") == 1


async def test_a_single_file_that_is_mounted_is_warned_of_in_rollback_mode(home: Path, into: Path, box: Path) -> None:
    """Its locks are seen, its journal is not: the copy goes out, and says so."""
    path = make_bank(home / "app.db", "delete", filler=10)
    with mounted("--bind", path, at=box):
        snapshot = await snap(box, into)
        assert "mounted here as a single file" in in_full(snapshot.warnings[0])
        assert "Mount its folder" in in_full(snapshot.warnings[0])
        assert await outlook(box) == ("", in_full(snapshot.warnings[0]))


async def test_a_file_that_a_container_has_mounted_alone_is_refused_while_it_is_open_there(
    home: Path, into: Path, box: Path, holder: Holder
) -> None:
    """Seen from the other side nothing is mounted, and no log lies here; the lock of the application tells."""
    path = make_bank(home / "app.db", "wal", filler=10)
    with mounted("--bind", path, at=box):
        process = holder(box, *WRITES)
        error = await refused(path, into)
        assert error.reason is SkipReason.LOG_ELSEWHERE
        assert "does not lie beside it" in error.sentence
        assert [file.name for file in files_in(home)] == ["app.db"]
        let_go(process)
        assert ask((await snap(path, into)).file, "SELECT count(*) FROM log") == 1


@posix
async def test_a_database_that_was_renamed_under_its_application_is_refused(
    home: Path, into: Path, holder: Holder
) -> None:
    """Its log kept the old name; SQLite would find none beside the new one."""
    path = make_bank(home / "app.db", "wal", filler=10)
    holder(path, *WRITES)
    moved = path.rename(home / "moved.db")
    assert (await refused(moved, into)).reason is SkipReason.LOG_ELSEWHERE


async def test_the_upper_layer_of_an_overlay_is_refused_and_the_merged_path_named(
    home: Path, into: Path, tmp_path: Path
) -> None:
    """Locks that are taken through an overlay are not seen on the file below it."""
    layers = [tmp_path / name for name in ("lower", "work", "merged")]
    for layer in layers:
        layer.mkdir()
    lower, work, merged = layers
    with mounted("-t", "overlay", "-o", f"lowerdir={lower},upperdir={home},workdir={work}", "overlay", at=merged):
        path = make_bank(merged / "app.db", "wal", filler=1)
        assert (await snap(path, into)).warnings == ()
        for file in files_in(into):
            file.unlink()
        error = await refused(home / "app.db", into)
        assert error.reason is SkipReason.LOG_ELSEWHERE
        assert f"Put {path} into DATABASES" in error.hint


async def test_a_write_ahead_log_on_a_network_share_is_warned_of(
    home: Path, into: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine may hold newer rows; the list of mounts is the only thing that can tell."""
    table = tmp_path / "mounts"
    table.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:40 / {home} rw shared:1 - nfs4 server:/data rw\n", encoding="utf-8"
    )
    monkeypatch.setattr(hidden_log, "_MOUNTS", table)
    path = make_bank(home / "app.db", "wal", filler=1)
    assert share_of(path) == "nfs4"
    assert share_of(tmp_path / "app.db") == ""
    snapshot = await snap(path, into)
    assert "network share (nfs4)" in in_full(snapshot.warnings[0])
    assert await outlook(path) == ("", in_full(snapshot.warnings[0]))
    os.utime(make_bank(home / "old.db", "delete", filler=1))
    assert (await snap(home / "old.db", into)).warnings == ()
