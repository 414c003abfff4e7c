"""Which databases are found, and under which names they go into archives."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.config.sources import Given
from bot.models import SkipReason
from bot.services.snapshot.databases import Discovery, find_databases, safe_name
from bot.services.snapshot.patterns import covers, expand, is_glob
from bot.words.causes import in_full

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def find(*patterns: object, known: dict[str, str] | None = None, **options: Any) -> Discovery:
    return find_databases([str(pattern) for pattern in patterns], known or {}, **options)


def names(*patterns: object, known: dict[str, str] | None = None) -> list[str]:
    return [database.name for database in find(*patterns, known=known).databases]


def paths(*patterns: object, **options: Any) -> list[Path]:
    return [database.path for database in find(*patterns, **options).databases]


def test_paths_are_taken_as_they_come(tmp_path: Path) -> None:
    """Names with spaces, quotes, unicode and URI characters are plain paths."""
    odd = "a#b%41.db" if sys.platform == "win32" else "a?b#c%41.db"
    files = [put(tmp_path / name) for name in ("my shop.db", "größe.db", odd, "it's.db", "no_extension")]
    assert paths(*files) == files


def test_relative_and_home_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path counts from the working directory, a tilde from the home folder; both come back absolute."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    here, home = put(tmp_path / "here.db"), put(tmp_path / "home" / "bot.db")
    assert paths("here.db", "~/bot.db") == [here, home]


def test_globs_are_picked_up_at_each_call(tmp_path: Path) -> None:
    """A database created later is found by the same pattern, in a deterministic order, in folders too."""
    b = put(tmp_path / "b.db")
    assert paths(tmp_path / "**" / "*.db") == [b]
    a, deep = put(tmp_path / "a.db"), put(tmp_path / "x" / "y" / "c.db")
    assert paths(tmp_path / "**" / "*.db") == [a, b, deep]


def test_globs_leave_out_what_is_no_database_file(tmp_path: Path) -> None:
    """Sidecars, journals of many databases and folders matched by a glob are not databases."""
    database = put(tmp_path / "app.db")
    for sidecar in ("app.db-wal", "app.db-shm", "app.db-journal", "app.db-mj0123ABCDE"):
        put(tmp_path / sidecar)
    (tmp_path / "app.d").mkdir()
    assert paths(tmp_path / "app*") == [database]


def test_a_glob_that_matches_nothing_is_missing(tmp_path: Path) -> None:
    """An empty glob is reported with the pattern as it was written."""
    found = find(tmp_path / "*.db")
    assert found.databases == ()
    assert [(skipped.reason, in_full(skipped.why)) for skipped in found.missing] == [
        (SkipReason.MISSING, f"No file matches {tmp_path / '*.db'}.")
    ]


def test_a_missing_path_is_missing(tmp_path: Path) -> None:
    """A path that does not exist is reported once, under the name that it would have."""
    found = find_databases([str(tmp_path / "gone.db")] * 2, {})
    assert [(s.database.name, s.reason) for s in found.missing] == [("gone.db", SkipReason.MISSING)]
    assert in_full(found.missing[0].why) == f"{tmp_path / 'gone.db'} does not exist."


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """A path that names a folder is refused with that reason."""
    assert find(tmp_path).missing[0].reason is SkipReason.NOT_A_DATABASE


def test_a_path_with_glob_characters_that_exists_is_that_file(tmp_path: Path) -> None:
    """A file called `[1].db` is found by its path."""
    literal = put(tmp_path / "[1].db")
    put(tmp_path / "1.db")
    assert paths(literal) == [literal]


def test_a_path_listed_twice_is_one_database(tmp_path: Path) -> None:
    """A path and a glob that matches it give one database."""
    database = put(tmp_path / "app.db")
    assert paths(database, tmp_path / "*.db") == [database]


@links
def test_a_link_to_a_listed_database_is_the_same_database(tmp_path: Path) -> None:
    """The first path of a file counts, or the one that it was backed up under before."""
    database = put(tmp_path / "app.db")
    link = tmp_path / "link.db"
    link.symlink_to(database)
    assert paths(database, link) == [database]
    assert paths(link) == [link]
    assert paths(link, database, known={str(database): "app.db"}) == [database]


@links
def test_of_several_hard_links_the_one_beside_its_log_is_taken(tmp_path: Path) -> None:
    """A log belongs to a name: neither the order nor what was backed up before outweighs it."""
    cron = put(tmp_path / "cron.db")
    alias = tmp_path / "alias.db"
    alias.hardlink_to(cron)
    assert paths(tmp_path / "*.db") == [alias]
    for suffix in ("-wal", "-journal"):
        log = put(tmp_path / f"cron.db{suffix}")
        found = find(tmp_path / "*.db", known={str(alias): "alias.db"})
        assert [database.path for database in found.databases] == [cron]
        assert [(left.path, left.why) for left in found.left_out] == [(alias, f"{alias} is the same file as {cron}.")]
        log.unlink()


def test_the_products_own_folders_are_never_a_source(tmp_path: Path) -> None:
    """Under whatever name, by a glob silently, by a path with the reason."""
    database = put(tmp_path / "app.db")
    catalogue = put(tmp_path / "backups" / "catalogue.db")
    copy = put(tmp_path / "scratch" / "run" / "0.db")
    log = put(tmp_path / "logs" / "log.db")
    own = own_folders(
        Settings(
            backup_dir=tmp_path / "backups", snapshot_dir=tmp_path / "scratch", log_dir=tmp_path / "logs", given=Given()
        )
    )
    found = find(tmp_path / "**" / "*.db", own=own)
    assert [each.path for each in found.databases] == [database]
    assert found.missing == ()
    assert [each.path for each in found.left_out] == [catalogue, log, copy]
    assert "the courier's own folder (BACKUP_DIR)" in found.left_out[0].why
    (skipped,) = find(catalogue, tmp_path / "**" / "*.db", own=own).missing
    assert skipped.reason is SkipReason.OWN_FOLDER
    (skipped,) = find(tmp_path / "backups" / "*.db", own=own).missing
    assert in_full(skipped.why).endswith("but what is no database, or the courier's own.")


@links
def test_the_catalogue_is_known_again_by_any_name(tmp_path: Path) -> None:
    """A link to its folder, a link to the file and a second name of the file are all refused."""
    catalogue = put(tmp_path / "backups" / "catalogue.db")
    (tmp_path / "folder").symlink_to(tmp_path / "backups")
    (tmp_path / "link.db").symlink_to(catalogue)
    (tmp_path / "hard.db").hardlink_to(catalogue)
    own = own_folders(Settings(backup_dir=tmp_path / "backups", log_dir=tmp_path / "logs", given=Given()))
    found = find(tmp_path / "*.db", tmp_path / "folder" / "*.db", own=own)
    assert found.databases == ()
    assert len(found.left_out) == 3


def test_hidden_names_are_passed_over_and_named_to_whoever_asks(tmp_path: Path) -> None:
    """`*` takes no name with a dot at its beginning, a pattern with the dot does."""
    hidden, deep = put(tmp_path / ".app.db"), put(tmp_path / ".cache" / "x.db")
    put(tmp_path / ".app.db-wal")
    shown = put(tmp_path / "app.db")
    pattern = str(tmp_path / "**" / "*.db")
    found = find(pattern, include_hidden=True)
    assert [each.path for each in found.databases] == [shown]
    assert [each.path for each in found.left_out] == [hidden, deep]
    assert find(pattern).left_out == ()
    found = find(pattern, tmp_path / ".*.db", include_hidden=True)
    assert [each.path for each in found.databases] == [shown, hidden]
    assert [each.path for each in found.left_out] == [deep]


@given(
    st.lists(st.sampled_from(["**", "*", "a", "a*", ".*", "?", "[ab].db", "*.db", "b.db"]), min_size=1, max_size=4),
    st.lists(st.sampled_from(["a", "b", "ab", ".a", "a.db", "b.db", ".b.db"]), min_size=1, max_size=3),
)
def test_a_pattern_covers_what_it_would_match(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[str], names: list[str]
) -> None:
    """Told without looking at the disk, the same as a look at it tells."""
    assume(wanted[-1] != "**")  # behind a plain name glob takes the file for a folder
    root = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    path = put(root.joinpath(*names))
    pattern = str(root.joinpath(*wanted))
    if is_glob(pattern):
        assert covers(pattern, path) == (path in expand(pattern))


def test_what_a_pattern_found_before_is_missed(tmp_path: Path) -> None:
    """Expected and covered by a pattern, but not there: it is gone; what no pattern names is not missed."""
    here, gone, other = put(tmp_path / "a.db"), tmp_path / "b.db", tmp_path / "deep" / "c.db"
    pattern = str(tmp_path / "*.db")
    known = {str(gone): "old_b.db"}
    found = find_databases([pattern], known, expected=[here, gone, other])
    assert [each.path for each in found.databases] == [here]
    (skipped,) = found.missing
    assert (skipped.database.name, skipped.reason) == ("old_b.db", SkipReason.GONE)
    assert in_full(skipped.why) == f"{gone} is gone: {pattern} found it there before."
    here.unlink()
    found = find_databases([pattern], known, expected=[here, gone])
    assert [each.reason for each in found.missing] == [SkipReason.GONE] * 2
    (skipped,) = find_databases([str(gone)], known, expected=[gone]).missing
    assert skipped.reason is SkipReason.MISSING


@links
def test_an_expected_name_of_a_file_that_is_read_by_another_name_is_not_gone(tmp_path: Path) -> None:
    """Its log was seen beside the other one since."""
    path = put(tmp_path / "a.db")
    (tmp_path / "b.db").hardlink_to(path)
    put(tmp_path / "b.db-wal")
    found = find_databases([str(tmp_path / "*.db")], {}, expected=[path])
    assert [each.path for each in found.databases] == [tmp_path / "b.db"]
    assert found.missing == ()


@links
def test_a_broken_link_is_missing(tmp_path: Path) -> None:
    """A link whose target is gone is reported, also when a glob matches it."""
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "gone.db")
    for pattern in (link, tmp_path / "*.db"):
        (skipped,) = find(pattern).missing
        assert (skipped.reason, in_full(skipped.why)) == (
            SkipReason.MISSING,
            f"{link} is a link to {tmp_path / 'gone.db'}, which does not exist.",
        )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are no text")
def test_a_name_that_is_no_text_is_reported_by_itself(tmp_path: Path) -> None:
    """No archive, chat or catalogue could hold it; the others are found, and the report can be written everywhere."""
    (tmp_path / "sound.db").touch()
    Path(os.fsdecode(bytes(tmp_path) + b"/gr\xfcn.db")).touch()
    Path(os.fsdecode(bytes(tmp_path) + b"/.h\xfcdden.db")).touch()
    (tmp_path / "link.db").symlink_to(os.fsdecode(b"gone\xff.db"))
    found = find(tmp_path / "*", include_hidden=True)
    assert [database.name for database in found.databases] == ["sound.db"]
    assert str(found.left_out[0].path).encode().endswith(b".h\\xfcdden.db")
    assert [skip.reason for skip in found.missing] == [SkipReason.FAILED, SkipReason.MISSING]
    assert "gr\\xfcn.db is not valid UTF-8" in in_full(found.missing[0].why)
    for skip in found.missing:
        f"{skip.database.path} {skip.database.name} {in_full(skip.why)}".encode()


def test_databases_of_the_same_name_get_distinct_names(tmp_path: Path) -> None:
    """The first keeps its plain name, others are told apart by folder, then by a hash; case does not tell apart."""
    files = [put(tmp_path / folder / name) for folder, name in (("a", "app.db"), ("b", "App.db"), ("c/b", "app.db"))]
    first, second, third = names(*files)
    assert (first, second) == ("app.db", "b_App.db")
    assert third.startswith("app-")
    assert third.endswith(".db")
    assert names(*files) == [first, second, third]


def test_names_last_over_runs(tmp_path: Path) -> None:
    """A known name stays with its path when others come first, and is kept for it while it is away."""
    a, b = put(tmp_path / "a" / "app.db"), put(tmp_path / "b" / "app.db")
    known = {str(b): "app.db"}
    assert names(a, b, known=known) == ["a_app.db", "app.db"]
    assert names(a, known=known) == ["a_app.db"]


def test_the_archives_own_members_keep_their_names(tmp_path: Path) -> None:
    """A database called manifest.json or backup_info.txt goes under another name."""
    files = [put(tmp_path / "data" / name) for name in ("Manifest.json", "backup_info.txt")]
    assert names(*files) == ["data_Manifest.json", "data_backup_info.txt"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("con.db", "_con.db"),
        ("COM1", "_COM1"),
        ("console.db", "console.db"),
        ('a<b>:"|?*.db', "a_b______.db"),
        ("back\\slash.db", "back_slash.db"),
        ("dots...", "dots"),
        ("app.db-wal", "app.db-wal.db"),
        ("bell\x07.db", "bell_.db"),
        ("gnp.\u202ebd", "gnp._bd"),
        ("undecodable\udcff.db", "undecodable_.db"),
        ("…", "…"),
        ("...", "database"),
    ],
)
def test_names_can_be_extracted_everywhere(name: str, safe: str) -> None:
    """What Windows refuses in file names is replaced, and nothing else is touched."""
    assert safe_name(name) == safe


@given(st.text(min_size=1, max_size=300))
def test_every_name_becomes_a_safe_one(name: str) -> None:
    """A safe name is stable, short enough, encodable, and no path."""
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert 0 < len(safe.encode()) <= 255
    assert not set(safe) & set('<>:"/\\|?*')
    assert safe not in {".", ".."}


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "A", "a/b"]), st.sampled_from(["x.db", "X.db", "con", "x"]))))
def test_names_are_always_distinct(tmp_path_factory: pytest.TempPathFactory, places: list[tuple[str, str]]) -> None:
    """However folders and names repeat, no two databases of a run share a name."""
    root = tmp_path_factory.getbasetemp()
    found = find_databases([str(root / folder / name) for folder, name in places], {})
    given_names = [skipped.database.name.casefold() for skipped in found.missing]
    assert len(set(given_names)) == len(given_names)


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """A named pipe is refused by looking at it; opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe.db")
    assert find(tmp_path / "pipe.db").missing[0].reason is SkipReason.NOT_A_DATABASE
