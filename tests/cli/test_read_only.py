"""The way back needs no writable disk: BACKUP_DIR on a read-only mount, or not there at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.databases import make_database, rows_in, write_env
from tests.world.full_disk import small_disk
from tests.world.shell import Shell

READING = (["list"], ["show", "latest"], ["status"], ["verify"], ["prune", "--dry-run"])

# The catalogue as a killed service leaves it: its newest row is in the log alone.
_KILLED = """
import asyncio, os, signal, sys
from bot.services.catalogue import Catalogue
from pathlib import Path

async def main():
    catalogue = await Catalogue.open(Path(sys.argv[1]))
    await catalogue.backups.set_note(1, "written last")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell with a backup in a file system of its own, which can be made read-only."""
    source = make_database(tmp_path / "live" / "one.db")
    with small_disk(tmp_path / "backups", 32):
        write_env(tmp_path, [source], ADMIN_IDS="11")
        shell = Shell(tmp_path)
        assert shell("backup", "--no-deliver").returncode == 0
        yield shell


def make_read_only(folder: Path) -> None:
    done = subprocess.run(["mount", "-o", "remount,ro", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted read-only here: {done.stderr.strip()}")


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_what_only_reads_works_on_a_read_only_mount(shell: Shell, killed: bool) -> None:
    """What a killed service wrote last is seen too; nothing is created, and what has to write says why it can't."""
    folder = shell.folder / "backups"
    if killed:
        catalogue = str(folder / "catalogue.db")
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, catalogue], env=shell.environment, check=False, timeout=60
        )
        assert done.returncode == -signal.SIGKILL
        assert (folder / "catalogue.db-wal").stat().st_size > 0
    make_read_only(folder)
    before = sorted(folder.rglob("*"))
    for command in READING:
        done = shell(*command)
        assert done.returncode == (1 if command == ["status"] else 0), (command, done.stderr)
        assert "error" not in done.stderr, done.stderr
        assert ("written last" in done.stdout) == killed or command not in (["list"], ["show", "latest"])
    (archive,) = folder.glob("*.zip")
    assert shell("verify", str(archive)).returncode == 0
    for number, what in enumerate((str(archive), "latest")):
        shell.said("restore", what, "--to", f"back{number}")
        assert rows_in(shell.folder / f"back{number}" / "one.db") == (50, 50)
    for command in (["backup", "--no-deliver"], ["pin", "latest"], ["restore", "--in-place", "--yes"]):
        assert "can't be written: it is mounted read-only" in shell.refused(11, *command)
    assert sorted(folder.rglob("*")) == before


def test_a_command_that_reads_creates_nothing(tmp_path: Path) -> None:
    """In a folder without settings it says so, and leaves it empty."""
    shell = Shell(tmp_path)
    for command in (["list"], ["status"], ["verify"], ["prune", "--dry-run"]):
        done = shell(*command)
        assert done.returncode == (1 if command == ["status"] else 0), (command, done.stderr)
        assert f"There is no .env in {tmp_path}" in done.stderr
        assert "which is not there" in done.stderr
        assert list(tmp_path.iterdir()) == []
    assert shell.refused(2, "config").startswith(f"error: There is no .env in {tmp_path}: go to the folder that has it")
    assert list(tmp_path.iterdir()) == []
