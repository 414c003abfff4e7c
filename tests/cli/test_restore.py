"""The restore command, as a person or a script types it."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from bot.cli.application import app
from bot.errors import CourierError, NotFoundError, RestoreRefusedError
from tests.world.databases import change, make_database, rows_in, write_env
from tests.world.shell import Shell

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
    assert "30 → 10 rows" in said
    assert "20 newer rows of “entries” will be gone" in said
    assert "nothing was changed. To carry it out, give --in-place" in said
    assert rows_in(house / "app.db") == (30, 30)


def test_edits_and_reused_ids_are_told_as_lost(house: Path) -> None:
    """Fewer rows than in the backup, and yet some of them are newer: the plan says which, and that a column goes."""
    path = house / "notes.db"
    change(
        path,
        "DELETE FROM entries WHERE id = 5",
        "UPDATE entries SET text = 'edited' WHERE id = 2",
        "ALTER TABLE entries ADD COLUMN tip",
    )
    said = type_in(house, "restore", "latest", "--only", "notes.db")
    assert "changes to 1 row of “entries” will be gone" in said
    assert "the column “tip” of “entries” will be gone" in said


def test_an_undo_loses_only_what_was_written_since_the_restore(house: Path) -> None:
    """The rows that the restore brought are no loss; where they can't be told from newer ones, that is said."""
    notes = house / "notes.db"
    change(notes, "DELETE FROM entries WHERE id > 2")
    type_in(house, "restore", "latest", "--in-place", "--yes")
    assert rows_in(house / "app.db") == (10, 10)
    assert rows_in(notes) == (5, 5)
    assert "gone" not in type_in(house, "restore", "--undo", "--dry-run")
    change(
        notes,
        "INSERT INTO entries SELECT id + 50, text FROM entries WHERE id = 1",
        "UPDATE entries SET text = 'edited' WHERE id = 4",
    )
    said = type_in(house, "restore", "--undo", "--dry-run")
    assert "1 newer row of “entries” and changes to 1 row will be gone" in said
    assert said.count("will be gone") == 1
    shutil.move(min((house / "backups").glob("*.zip")), house / "elsewhere.zip")  # what was restored
    type_in(house, "list")
    plan = json.loads(type_in(house, "restore", "--undo", "--dry-run", "--json"))
    assert [change["lost"] for change in plan["changes"]] == [[], []]
    warnings = {change["name"]: " ".join(change["warnings"]) for change in plan["changes"]}
    assert "is no longer at hand to compare with" in warnings["notes.db"]
    assert "compare" not in warnings["app.db"]  # nothing was written to it


def test_the_answer_has_the_plans_figures_and_names_the_copy_of_what_was_damaged(house: Path) -> None:
    """What was damaged before is in no backup: the answer says where it lies. Times are those people read elsewhere."""
    with (house / "notes.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    env = house / ".env"
    env.write_text(re.sub("(?m)^TIMEZONE=.*$", "TIMEZONE=Asia/Tokyo", env.read_text()))
    said = type_in(house, "restore", "latest", "--in-place", "--yes")
    (archive, *_) = sorted((house / "backups").glob("*.zip"))
    made = datetime.strptime(archive.name, "database_backup_%Y%m%d_%H%M%S.zip").replace(tzinfo=UTC)
    there = made.astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"in place from backup 1 of {there.day} {there:%b %Y, %H:%M}" in said
    assert "app.db: 10 rows in “entries” (30 before)" in said.split("✓", 1)[1]
    (kept,) = (house / "backups" / "before-restore").iterdir()
    assert f"in no backup, it is kept as {kept}" in said
    assert f"{there:%b %Y, %H:%M}" in type_in(house, "restore", "--undo", "--dry-run")


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
    assert "as in backup 1" in type_in(house, "restore", "latest", "--in-place")
    type_in(house, "restore", "--undo", "--yes")
    assert rows_in(house / "app.db") == (30, 30)


def test_a_time_means_the_newest_backup_before_it(house: Path) -> None:
    """`--at` is read in the time zone of the settings, and says what there is where nothing is as old."""
    type_in(house, "restore", "--at", "2100-01-01 00:00", "--to", str(house / "out"))
    assert rows_in(house / "out" / "app.db") == (10, 10)
    with pytest.raises(NotFoundError, match="no proven backup on the disk of 2001-02-03"):
        type_in(house, "restore", "--at", "2001-02-03 04:05", "--to", str(house / "out"))


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
    assert "error: text.zip is damaged" in Shell(house).refused(9, "restore", "text.zip")


def test_an_archive_packed_anew_is_verified_by_its_content(house: Path) -> None:
    """What it lacks is said beside what was proven; the archive is not called damaged."""
    (archive,) = (house / "backups").glob("*.zip")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(house / "again.zip", "w") as target:
        target.writestr("__MACOSX/._app.db", b"litter")
        for name in ("app.db", "manifest.json"):
            target.writestr(f"backup/{name}", source.read(name))
    said = type_in(house, "verify", str(house / "again.zip"))
    assert "notes.db, which the manifest names, is no longer in it" in said
    assert "not as it was written" in said
    assert "damaged" not in said


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


def test_the_same_rows_with_other_content_are_told_from_the_same_database(house: Path) -> None:
    """As many rows as in the backup does not mean that nothing would change."""
    change(house / "notes.db", "UPDATE entries SET text = 'written since'")
    said = type_in(house, "restore", "latest", "--in-place", "--dry-run", "--only", "notes.db")
    assert "as many rows as now in every table, but not the same contents" in said
    type_in(house, "restore", "latest", "--in-place", "--yes", "--only", "notes.db")
    said = type_in(house, "restore", "latest", "--in-place", "--dry-run", "--only", "notes.db")
    assert "exactly as in the backup" in said


def test_what_is_set_aside_is_not_called_lost(house: Path) -> None:
    """A broken file and a missing one come back, and go again: each plan says which file goes where."""
    (house / "app.db").write_bytes(b"garbage" * 1000)
    (house / "notes.db").unlink()
    said = type_in(house, "restore", "latest", "--in-place", "--dry-run")
    assert "(make the file anew)" in said
    assert "lost:" not in said
    type_in(house, "restore", "latest", "--in-place", "--yes")
    assert rows_in(house / "app.db") == (10, 10)
    said = type_in(house, "restore", "--undo", "--dry-run")
    assert "(put the file back)" in said
    assert "restored database → the former file, 6.8 KB" in said
    assert "(set the file aside)" in said
    assert "restored database → no file, as before" in said
    assert "lost:" not in said
    said = type_in(house, "restore", "--undo", "--yes")
    assert "0 rows" not in said
    assert "checked" not in said
    assert (house / "app.db").read_bytes() == b"garbage" * 1000
    assert not (house / "notes.db").exists()


def test_the_products_own_folders_are_never_a_target(tmp_path: Path) -> None:
    """A catalogue that an earlier version backed up as a database is not overwritten by its restore, nor by `--to`."""
    folder = tmp_path / "house"
    live = make_database(folder / "d" / "app.db", 10)
    catalogue = make_database(folder / "d" / "backups" / "catalogue.db", 3)
    write_env(folder, [folder / "d" / "**" / "*.db"], BACKUP_DIR=str(folder / "elsewhere"))
    made = json.loads(type_in(folder, "backup", "--no-deliver", "--json"))
    assert len(made["backup"]["databases"]) == 2
    catalogue.unlink()
    name = made["backup"]["archive_name"]
    shutil.copyfile(folder / "elsewhere" / name, catalogue.with_name(name))
    write_env(folder, [folder / "d" / "**" / "*.db"], BACKUP_DIR=str(catalogue.parent))
    assert [each["archive_name"] for each in json.loads(type_in(folder, "list", "--json"))] == [name]
    plan = json.loads(type_in(folder, "restore", "latest", "--in-place", "--dry-run", "--json"))
    assert [change["path"] for change in plan["changes"]] == [str(live)]
    assert any(str(catalogue) in line and "(BACKUP_DIR)" in line for line in plan["warnings"])
    with pytest.raises(RestoreRefusedError, match="BACKUP_DIR"):
        type_in(folder, "restore", "latest", "--in-place", "--only", "catalogue.db", "--yes")
    for place in (catalogue.parent, catalogue.parent / "new", folder / "logs"):
        with pytest.raises(RestoreRefusedError, match="the courier's own folder"):
            type_in(folder, "restore", "latest", "--to", str(place))
        with pytest.raises(RestoreRefusedError, match="the courier's own folder"):
            type_in(folder, "recover", "--admin", "11", "--from-store", "s3", "--to", str(place))
    assert [each["archive_name"] for each in json.loads(type_in(folder, "list", "--json"))] == [name]


def test_what_is_in_the_way_is_told_once_and_in_full(house: Path) -> None:
    """Two files in the way are two lines, and no third."""
    type_in(house, "restore", "--to", str(house / "out"))
    said = Shell(house).refused(17, "restore", "--to", str(house / "out"))
    assert said.count("app.db exists already") == 1
    assert said.count("notes.db exists already") == 1
    assert "--force sets existing files in the folder aside." in said


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("a.zip", "b.zip"), 3, "There is no file a.zip"),
        (("nosuch.zip",), 3, "There is no file nosuch.zip"),
        (("sub/nosuch",), 3, "There is no file sub/nosuch"),
        (("backups",), 3, "backups is a folder"),
        (("database_backup_20010101_000000.zip",), 3, "There is no backup"),
        (("--at", "yesterday"), 2, "--at can't be read: “yesterday” is no time"),
        (("--from-telegram", "1", "2"), 3, "fetches one backup"),
    ],
)
def test_what_can_not_be_found_says_what_was_looked_for(
    house: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    """Each slip of the pen has its sentence and the exit code that the README names."""
    write_env(house, [house / "app.db"], BOT_TOKEN="7000000001:" + "a" * 35)
    done = Shell(house)("restore", *words, "--to", "out")
    assert done.returncode == code
    assert says in done.stderr


def test_unnamed_volumes_brought_twice_are_counted_once(house: Path) -> None:
    """The source is told as what was brought, not under a name that only we use."""
    (archive,) = (house / "backups").glob("*.zip")
    data = archive.read_bytes()
    half = -(-len(data) // 2)
    for name, piece in (("one", data[:half]), ("two", data[half:]), ("two again", data[half:])):
        (house / name).write_bytes(piece)
    files = [str(house / name) for name in ("two", "one", "two again")]
    said = type_in(house, "restore", *files, "--to", str(house / "out"))
    assert " from the archive of 2 volumes, made " in said
    assert "joined" not in said


def test_a_database_file_is_taken_by_itself(house: Path) -> None:
    """No archive around it is needed."""
    said = type_in(house, "restore", str(house / "app.db"), "--to", str(house / "out"), "--yes")
    assert "the database file app.db" in said
    assert rows_in(house / "out" / "app.db") == (30, 30)


def test_a_new_file_is_not_said_to_be_closed(house: Path) -> None:
    """Where nothing is, there is nothing that a program could have open."""
    assert "has it open" not in type_in(house, "restore", "--to", str(house / "out"), "--dry-run")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second disk")
def test_the_plan_names_no_folder_that_is_gone_when_it_is_read(house: Path) -> None:
    """Of the disk that the private copies take, the lasting folder is named."""
    plan = json.loads(type_in(house, "restore", "--to", "/dev/shm/nothing-is-made-here", "--dry-run", "--json"))
    assert all(Path(disk["folder"]).is_dir() for disk in plan["disks"])
    assert not Path("/dev/shm/nothing-is-made-here").exists()


def test_long_lines_are_not_broken_where_a_script_reads_them(house: Path) -> None:
    """A sentence and a path stay on one line whatever the width."""
    (house / "notes.db").unlink()
    done = Shell(house)("restore", "latest", "--in-place", "--dry-run", COLUMNS="40")
    assert f"{house / 'notes.db'} is made anew: readable by its owner alone" in done.stderr


def test_times_in_lists_say_whose_time_it_is(house: Path) -> None:
    """What `--at` takes is read in the same zone."""
    write_env(house, [house / "app.db"], TIMEZONE="Europe/Berlin")
    assert "Times in Europe/Berlin; archives are named by UTC." in Shell(house)("list", COLUMNS="150").stdout
