"""Databases found on this machine: by the programs that have them open, and by their headers; nothing is touched."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.services.files.own_folders import OwnFolders
from bot.services.finding.databases import find_candidates, glob_over
from bot.services.finding.noise import lies_in_noise
from bot.services.finding.open_files import program_name
from bot.services.finding.walking import DEEPEST, walk
from tests.world.databases import make_database
from tests.world.processes import ROOT
from tests.world.snapshots import NOBODY, as_nobody

Holder = Callable[..., subprocess.Popen[str]]


def found_in(*places: Path) -> dict[str, Path]:
    """What lies in these places, whatever else is open on this machine."""
    databases = find_candidates(places).databases
    return {each.path.name: each.path for each in databases if any(each.path.is_relative_to(one) for one in places)}


def test_a_database_in_use_is_found_with_its_program_mode_size_and_owner(tmp_path: Path, holder: Holder) -> None:
    """And looking leaves no file behind, nor changes one."""
    live = make_database(tmp_path / "live.db")
    asleep = make_database(tmp_path / "asleep.sqlite", wal=False)
    holder(live, "SELECT count(*) FROM entries")
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.iterdir())
    in_use, resting = (each for each in find_candidates([tmp_path]).databases if each.path.parent == tmp_path)
    assert (in_use.path, in_use.wal, in_use.readable) == (live, True, True)
    assert len(in_use.programs) == 1
    assert in_use.programs[0].startswith("python")
    log = live.with_name("live.db-wal")
    assert in_use.bytes == live.stat().st_size + (log.stat().st_size if log.exists() else 0)
    assert (resting.path, resting.wal, resting.programs) == (asleep, False, ())
    if sys.platform != "win32":
        import pwd  # noqa: PLC0415

        assert in_use.owner == pwd.getpwuid(os.getuid()).pw_name
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.iterdir()) == before


def test_what_is_open_is_found_wherever_it_lies(
    shared_folder: Path, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only in the usual places."""
    monkeypatch.setattr("bot.services.finding.noise._EVERYWHERE", frozenset())  # the tests' folders lie in /tmp
    live = make_database(shared_folder / "bot.db")
    holder(live, "SELECT count(*) FROM entries")
    assert live in {each.path for each in find_candidates([]).databases}


def test_caches_copies_of_ours_and_what_is_no_database_are_left_out(tmp_path: Path, shared_folder: Path) -> None:
    """A link is not followed, so that a loop of them ends nowhere."""
    elsewhere = shared_folder / "elsewhere"
    make_database(tmp_path / "bot" / "app.db")
    make_database(tmp_path / ".cache" / "thumbnails.db")
    make_database(tmp_path / "home" / ".mozilla" / "firefox" / "places.sqlite")
    make_database(tmp_path / "ours" / "copy.db")
    theirs = make_database(tmp_path / "other" / "catalogue.db")
    with closing(sqlite3.connect(theirs)) as connection, connection:
        connection.execute("PRAGMA application_id = 0x53514352")
    make_database(tmp_path / "other" / ".work" / "copy.db")
    shutil.copy(theirs, tmp_path / "bot" / "a-catalogue-saved.db")
    make_database(elsewhere / "linked.db")
    (tmp_path / "bot" / "elsewhere").symlink_to(elsewhere)
    (tmp_path / "bot" / "picture.db").write_bytes(b"x" * 4096)
    (tmp_path / "bot" / "loop").symlink_to(tmp_path)
    (tmp_path / "bot" / "other-name.db").symlink_to(tmp_path / "bot" / "app.db")
    own = OwnFolders(folders=(("BACKUP_DIR", tmp_path / "ours"),))
    databases = find_candidates([tmp_path], own=own).databases
    assert "linked.db" not in {each.path.name for each in databases}
    found = [each.path for each in databases if each.path.is_relative_to(tmp_path)]  # not what this machine runs
    assert found == [tmp_path / "bot" / "app.db"]


@pytest.mark.parametrize(
    ("folder", "left_out"),
    [
        ("/opt/docker/vault", False),
        ("/home/ann/docker/bot/data", False),
        ("/srv/library", False),
        ("/srv/share/tracker/machines/Google", False),
        ("/var/lib/grafana", False),
        ("/var/lib/docker/overlay2/x", True),
        ("/var/lib/PackageKit", True),
        ("/home/ann/.local/share/docker", True),
        ("/home/ann/.local/share/containers/storage/overlay", True),
        ("/home/ann/.config/opera", True),
        ("/srv/app/cache", True),
        ("/srv/app/node_modules/x", True),
    ],
)
def test_words_that_people_use_too_are_noise_only_where_a_program_keeps_its_own(folder: str, left_out: bool) -> None:
    """Whoever keeps the data of a service in ~/docker or /srv/library wants it backed up."""
    assert lies_in_noise(Path(folder) / "app.db") is left_out


def test_bounds_hold_and_are_told(tmp_path: Path) -> None:
    """Depth and time: what was not looked into has a sentence."""
    deep = tmp_path.joinpath(*"abcdefghij"[: DEEPEST + 1])
    make_database(deep / "deep.db")
    make_database(deep.parent / "near.db")
    assert set(found_in(tmp_path)) == {"near.db"}
    ticks = iter(range(100))
    walked = walk([tmp_path], seconds=2, now=lambda: float(next(ticks)))
    assert walked.unfinished == [tmp_path / "a" / "b"]
    (remark,) = (each for each in find_candidates([tmp_path], seconds=-1).remarks if "-1 s" in each)
    assert str(tmp_path) in remark


# Run as nobody: prints what was found and the remarks.
AS_NOBODY = f"""
import os, sys, psutil
from pathlib import Path
from bot.services.finding.databases import find_candidates
os.setgid({NOBODY}); os.setuid({NOBODY})
finding = find_candidates([Path(sys.argv[1])])
for each in finding.databases: print(each.path, "readable:", each.readable)
print("\\n".join(finding.remarks))
"""


@as_nobody
def test_what_may_not_be_read_is_told(shared_folder: Path) -> None:
    """A folder by a sentence, a database with a log beside it in the list."""
    closed = make_database(shared_folder / "closed" / "x.db").parent
    held = make_database(shared_folder / "held.db")
    held.with_name("held.db-wal").write_bytes(b"")
    for path in (closed, held):
        path.chmod(0)
    shared_folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(shared_folder)], capture_output=True, text=True, check=True, cwd="/",
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    closed.chmod(0o755)
    assert f"{held} readable: False" in done.stdout
    assert f"This user may not look into {closed}." in done.stdout
    assert "of other users are not shown to this user" in done.stdout


def test_a_pattern_is_offered_where_it_takes_no_more_than_was_chosen(tmp_path: Path) -> None:
    one, two = make_database(tmp_path / "one.db"), make_database(tmp_path / "two.db")
    other = make_database(tmp_path / "other.sqlite")
    found = [one, two, other]
    assert glob_over([one, two], found) == str(tmp_path / "*.db")
    assert glob_over([one], found) == ""
    assert glob_over([other], found) == str(tmp_path / "*.sqlite")
    assert glob_over([one, other], found) == ""
    assert glob_over([make_database(tmp_path / "a[1]" / "x.db")], []) == ""


@pytest.mark.parametrize(
    ("name", "command", "shown"),
    [
        ("python3.11", ["python3", "-u", "/srv/bot/bot.py", "--x"], "bot.py"),
        ("python3", ["python3", "-m", "mybot", "run"], "mybot"),
        ("python3", ["python3", "-c", "print()"], "python3"),
        ("vaultwarden", ["/vaultwarden"], "vaultwarden"),
        ("", [], "a program"),
    ],
)
def test_a_program_is_called_what_people_call_it(name: str, command: list[str], shown: str) -> None:
    assert program_name(name, command) == shown
