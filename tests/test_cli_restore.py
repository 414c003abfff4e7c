"""The restore command, as a person or a script types it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.errors import CourierError, NotFoundError, RestoreRefusedError
from tests.samples import make_database, rows_in, write_env

runner = CliRunner()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder with settings, two databases and one backup of them, which they have gone on from since."""
    folder = tmp_path / "house"
    paths = [make_database(folder / "app.db", 10), make_database(folder / "notes.db", 5, wal=False)]
    write_env(folder, paths)
    type_in(folder, "backup", "--no-deliver", "--json")
    paths[0].unlink()
    make_database(paths[0], 30)
    return folder


def type_in(folder: Path, *words: str) -> str:
    done = runner.invoke(app, [*words, "--env-file", str(folder / ".env")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_without_a_place_to_go_it_only_tells(house: Path) -> None:
    """`restore latest` alone shows the plan and changes nothing."""
    said = type_in(house, "restore", "latest")
    assert "30 rows → 10 rows" in said
    assert "20 rows newer than the backup" in " ".join(said.split())
    assert rows_in(house / "app.db") == (30, 30)


def test_a_dry_run_as_json_holds_the_whole_plan(house: Path) -> None:
    """Scripts get every figure that people get."""
    plan = json.loads(type_in(house, "restore", "--in-place", "--dry-run", "--json", "--only", "app.db"))
    (change,) = plan["changes"]
    assert change["method"] == "into the live file"
    assert {"table": "entries", "now": 30, "then": 10} in change["tables"]
    assert change["in_use"] == "closed"
    assert rows_in(house / "app.db") == (30, 30)


def test_in_place_needs_a_yes(house: Path) -> None:
    """Without a person to ask, a live database is touched only with --yes; and an undo brings it back."""
    with pytest.raises(RestoreRefusedError, match="has to be confirmed"):
        type_in(house, "restore", "latest", "--in-place")
    assert rows_in(house / "app.db") == (30, 30)
    said = type_in(house, "restore", "latest", "--in-place", "--yes")
    assert "--undo" in said
    assert rows_in(house / "app.db") == (10, 10)
    type_in(house, "restore", "--undo", "--yes")
    assert rows_in(house / "app.db") == (30, 30)


def test_a_time_means_the_newest_backup_before_it(house: Path) -> None:
    """`--at` is read in the time zone of the settings, and says what there is where nothing is as old."""
    type_in(house, "restore", "--at", "2100-01-01 00:00", "--to", str(house / "out"))
    assert rows_in(house / "out" / "app.db") == (10, 10)
    with pytest.raises(NotFoundError, match="no proven backup on the disk of 2001-02-03"):
        type_in(house, "restore", "--at", "2001-02-03 04:05", "--to", str(house / "out"))
    with pytest.raises(NotFoundError, match="is no time"):
        type_in(house, "restore", "--at", "yesterday")


def test_volumes_are_joined_whatever_they_are_called(house: Path) -> None:
    """Files from the chat, saved under other names and given in any order, are one archive."""
    (archive,) = (house / "backups").glob("*.zip")
    data = archive.read_bytes()
    third = -(-len(data) // 3)
    files = [house / name for name in ("b", "c", "a")]
    for n, file in enumerate(files):
        file.write_bytes(data[n * third : (n + 1) * third])
    type_in(house, "restore", str(files[2]), str(files[0]), str(files[1]), "--to", str(house / "out"))
    assert rows_in(house / "out" / "app.db") == (10, 10)


def test_nothing_is_overwritten_in_a_folder(house: Path) -> None:
    """The second restore into the same folder is refused."""
    type_in(house, "restore", "--to", str(house / "out"))
    with pytest.raises(CourierError, match="exists already"):
        type_in(house, "restore", "--to", str(house / "out"))


def test_a_refusal_ends_with_its_own_exit_code(house: Path) -> None:
    """A script can tell what is wrong from the exit code, and a person from two lines."""
    (house / "text.zip").write_bytes(b"no archive at all")
    done = subprocess.run(
        [sys.executable, "-m", "bot", "restore", str(house / "text.zip"), "--env-file", str(house / ".env")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 9
    assert "error: text.zip is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lost_machine_is_restored_from_an_archive(house: Path, tmp_path: Path) -> None:
    """An archive carried to a new machine goes into the databases configured there, found by name."""
    (archive,) = (house / "backups").glob("*.zip")
    new = tmp_path / "new"
    new.mkdir()
    carried = shutil.copy(archive, new / "carried.zip")
    write_env(new, [new / "app.db", new / "notes.db"])
    type_in(new, "restore", str(carried), "--in-place", "--yes")
    assert rows_in(new / "app.db") == (10, 10)
    assert rows_in(new / "notes.db") == (5, 5)
