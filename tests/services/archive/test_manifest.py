"""The manifest and the info file: complete, readable by anybody, and never believed blindly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ArchiveError, DamagedArchiveError
from bot.models import (
    NO_REASON,
    OTHER,
    BackedUp,
    Cause,
    CheckMethod,
    Database,
    Member,
    Reason,
    SkippedRecord,
    SkipReason,
    Trigger,
    UncheckedCode,
    Verdict,
    because,
)
from bot.services.archive.backup_info import build_info
from bot.services.archive.manifest import MAX_MANIFEST, Manifest, backed_up
from bot.services.files.names import folded
from bot.words.causes import in_full
from bot.words.checks import UNCHECKED, unchecked_words
from tests.world.archives import manifest_with, report, snapshot_of
from tests.world.processes import ROOT

NAME = "database_backup_20260329_013007.zip"
MEMBER = Member(name="my shop.db", bytes=8192, compressed_bytes=900, crc32=7, sha256="ab" * 32, offset=50)

texts = st.text(max_size=20)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
databases = st.builds(
    BackedUp,
    name=st.text("abcdefäß店", min_size=1, max_size=8),
    path=texts,
    sha256=st.just("0f" * 32),
    bytes=st.integers(0, 1 << 40),
    compressed_bytes=st.integers(0, 1 << 40),
    page_size=st.just(4096),
    page_count=st.integers(0, 1 << 31),
    taken_at=moments,
    messages=st.lists(texts, max_size=2).map(tuple),
    rows=st.lists(st.tuples(texts, st.integers(-1, 1 << 40)), max_size=3).map(tuple),
)
whys = st.builds(because, st.sampled_from(Cause), path=texts, said=texts)
skipped = st.builds(SkippedRecord, name=texts, path=texts, reason=st.sampled_from(SkipReason), why=whys)
manifests = st.builds(
    Manifest,
    format=st.just(1),
    created_at=moments,
    trigger=st.sampled_from(Trigger),
    host=texts,
    timezone=st.sampled_from(["UTC", "Asia/Kathmandu", "No/Where", ""]),
    databases=st.lists(databases, max_size=3, unique_by=lambda database: folded(database.name)).map(tuple),
    skipped=st.lists(skipped, max_size=2).map(tuple),
)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """One database that passed, one that could not be checked, one that is missing."""
    (tmp_path / "copy").write_bytes(bytes(8192))
    first = backed_up(snapshot_of("my shop.db", tmp_path / "copy"), report(foreign_key_violations=2), MEMBER)
    why = because(UncheckedCode.SQLITE_SAYS, said="no such function: stem")
    second = replace(first, name="fts.db", verdict=Verdict.UNCHECKED, unchecked=why, rows=())
    return manifest_with(first, second)


@given(manifest=manifests)
def test_json_round_trip(manifest: Manifest) -> None:
    """Whatever a manifest holds comes back from its JSON, and it can be described in plain text."""
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert build_info(manifest, NAME).decode("utf-8-sig").endswith("\r\n")


def test_two_forms_of_one_name_are_refused(manifest: Manifest) -> None:
    """On a Mac they are one file: one database would be written over the other."""
    twins = tuple(replace(manifest.databases[0], name=name) for name in ("\u00fc.db", "u\u0308.db"))
    with pytest.raises(DamagedArchiveError, match="twice"):
        Manifest.from_json(replace(manifest, databases=twins).to_json())


def test_undecodable_names_are_escaped(tmp_path: Path) -> None:
    """A path with bytes that are no UTF-8, which Linux allows, is written readably and read back."""
    (tmp_path / "copy").write_bytes(b"")
    snapshot = snapshot_of("x.db", tmp_path / "copy")
    snapshot = replace(snapshot, database=Database(path=Path("/srv/\udcff.db"), name="x.db"))
    record = backed_up(snapshot, report(rows=(("t\udcff", 1),)), MEMBER)
    assert record.path == str(Path("/srv/")) + str(Path("/"))[-1] + "\\udcff.db"
    gone = SkippedRecord(
        name="\udcfe", path="/\udcfe", reason=SkipReason.FAILED, why=because(Cause.NOT_READ, path="/\udcfe")
    )
    manifest = manifest_with(record, skipped=gone)
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize("why", [None, {"code": "of a later version", "facts": [["said", "x"]]}])
def test_what_other_versions_skipped_is_said_in_their_words(manifest: Manifest, why: dict[str, Any] | None) -> None:
    """An earlier version knows no causes and a later one has others; each finds the sentence that it looks for."""
    skipped = SkippedRecord(
        name="b.db", path="/b.db", reason=SkipReason.BUSY, why=because(Cause.LOCKED_MIDWAY, path="/b")
    )
    head = json.loads(replace(manifest, skipped=(skipped,)).to_json())
    assert head["skipped"][0]["detail"] == "/b was locked in the middle of its copy."
    del head["skipped"][0]["why"]
    head["skipped"][0] |= {"detail": "Nobody knows.", **({"why": why} if why else {})}
    (read,) = Manifest.from_json(json.dumps(head).encode()).skipped
    assert read == replace(skipped, why=Reason(OTHER, (("said", "Nobody knows."),)))


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(head: dict[str, Any]) -> None:
        *way, last = path.split(".")
        place: Any = head
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return apply


@pytest.mark.parametrize(
    ("lie", "fault"),
    [
        (change("format", ...), "does not tell its format"),
        (change("format", True), "does not tell its format"),
        (change("format", 0), "claims format 0"),
        (change("format", 2), r"is of format 2: a newer SQLite Courier wrote it"),
        (change("created_at", "yesterday"), "created_at"),
        (change("created_at", "2026-03-29T01:30:07"), "without a time zone"),
        (change("databases", {}), "databases"),
        (change("databases.0.name", "../../etc/passwd"), "no file name"),
        (change("databases.0.name", ""), "no file name"),
        (change("databases.0.name", "FTS.db"), "twice"),
        (change("databases.0.name", "Manifest.json"), "twice"),
        (change("databases.0.bytes", -1), "size or checksum"),
        (change("databases.0.bytes", 1 << 70), "size or checksum"),
        (change("databases.0.bytes", "many"), r"databases\.0\.bytes"),
        (change("databases.0.sha256", "xyz"), "size or checksum"),
        (change("databases.0.sha256", ...), r"databases\.0\.sha256"),
        (change("databases.0.verdict", "fine"), "verdict"),
        (change("skipped", None), "skipped"),
    ],
)
def test_lies_are_refused(lie: Callable[[dict[str, Any]], None], fault: str, manifest: Manifest) -> None:
    """A manifest that can't be true, or would be unsafe to act upon, is refused with what is wrong in it."""
    head = json.loads(manifest.to_json())
    lie(head)
    with pytest.raises(DamagedArchiveError, match=fault):
        Manifest.from_json(json.dumps(head).encode())


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[]", b"null", b"{", b"[" * 200_000, b'{"format": 1}', b"1" * 9999]
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    """Anything but a manifest, deep nesting and huge numbers included, is refused with a sentence."""
    with pytest.raises(DamagedArchiveError, match=r"manifest\.json"):
        Manifest.from_json(data)


def test_what_a_later_version_adds_is_ignored(manifest: Manifest) -> None:
    """Within a format, fields that this version does not know do no harm."""
    head = json.loads(manifest.to_json())
    head["added"] = head["databases"][0]["added"] = 1
    assert Manifest.from_json(json.dumps(head).encode()) == manifest


def test_what_is_to_be_known_of_a_database_stands_in_words_beside_its_causes(manifest: Manifest) -> None:
    """What an earlier version wrote in words is kept whole, but that tables are not listed is told apart."""
    known = (Reason(Cause.RECOVERED), because(Cause.BROKEN_RULE, said="CHECK constraint failed in child"))
    first, *others = manifest.databases
    written = replace(manifest, databases=(replace(first, warnings=known), *others))
    head = json.loads(written.to_json())
    told = head["databases"][0]["warning"]
    assert told.endswith("was rolled back. Rows break a rule of their table: CHECK constraint failed in child.")
    assert Manifest.from_json(json.dumps(head).encode()) == written
    unlisted = Reason(Cause.TOO_MANY_TABLES)
    kept = Reason(OTHER, (("said", told),))
    for words, read in ((told, (kept,)), (f"{told} {in_full(unlisted)}", (kept, unlisted)), ("", ())):
        for newer in ({}, {"warnings": [{"code": "of a newer version", "facts": []}]}):
            record = {name: value for name, value in head["databases"][0].items() if name != "warnings"}
            head["databases"][0] = record | newer | {"warning": words}
            assert Manifest.from_json(json.dumps(head).encode()).databases[0].warnings == read


def test_why_a_database_could_not_be_checked_stands_in_words_beside_its_code(manifest: Manifest) -> None:
    """An earlier version had it before what SQLite says, and a later one knows other codes: both are said as told."""
    head = json.loads(manifest.to_json())
    second = head["databases"][1]
    assert second["detail"] == "SQLite says “no such function: stem”"
    assert not {"detail", "unchecked"} & head["databases"][0].keys()

    def read(record: dict[str, Any]) -> BackedUp:
        content = json.dumps(head | {"databases": [record]}).encode()
        return Manifest.from_json(content).databases[0]

    earlier = {name: value for name, value in second.items() if name not in ("unchecked", "detail")}
    told = read(earlier | {"messages": ["its check was stopped after 9 s", "row 1 is odd"]})
    assert (unchecked_words(told.unchecked), told.messages) == ("its check was stopped after 9 s", ("row 1 is odd",))
    assert read(earlier | {"messages": []}).unchecked == NO_REASON
    later = read(second | {"unchecked": {"code": "too hot", "facts": [["degrees", 90]]}, "detail": "it was too hot"})
    assert later.unchecked == Reason(OTHER, (("said", "it was too hot"),))
    with pytest.raises(DamagedArchiveError, match="unchecked"):
        read(second | {"unchecked": 7, "detail": None})


def test_the_page_of_the_manifest_names_every_field(manifest: Manifest) -> None:
    """Programs of other people are written by it."""
    page = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
    head = json.loads(replace(manifest, skipped=manifest.skipped[:1]).to_json())
    fields = {*head, *head["databases"][1], *head["skipped"][0]}
    named = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    assert fields == {field for names in named for field in re.findall(r"`(\w+)`", names)}
    codes = {code for code in UNCHECKED if code != OTHER}
    assert all(f"`{code}`" in page for code in codes)


def test_the_info_file_tells_everything(manifest: Manifest) -> None:
    """A person finds what, when in both times, from where, the checks in words, rows, warnings and what is missing."""
    text = build_info(manifest, NAME).decode("utf-8-sig")
    for part in (
        NAME,
        "2026-03-29 03:30:07 (Europe/Berlin)",
        "2026-03-29 01:30:07 UTC",
        "On:       server",
        "my shop.db",
        str(Path("/srv/app/my shop.db")),
        "8.0 KB (8,192 bytes)",
        "passed (PRAGMA integrity_check)",
        "2 rows with a broken foreign key",
        "COULD NOT BE CHECKED",
        "no such function: stem",
        "            12  users",
        "   not counted  broken",
        "MISSING:  1 database",
        "gone.db: missing",
        "There is no such file.",
    ):
        assert part in text


def test_the_info_file_tells_how_to_restore(manifest: Manifest) -> None:
    """The steps for Linux and Windows name the stale sidecars, the check, and how volumes are joined."""
    text = build_info(manifest, NAME).decode("utf-8-sig")
    for part in (
        f"cat {NAME}.[0-9]* > {NAME}",
        f"copy /b {NAME}.001 + {NAME}.002 {NAME}",
        "7-Zip",
        f"unzip {NAME} -d restored",
        "sqlite3 restored/'my shop.db' \"PRAGMA integrity_check\"",
        "'/srv/app/my shop.db'-wal".replace("/", str(Path("/"))[-1]),
        "-journal",
        "Stop the application",
        "Windows",
    ):
        assert part in text


def test_the_info_file_is_plain_text(manifest: Manifest) -> None:
    """Every line ends with CR LF, and names that hold control characters can't forge lines or move a cursor."""
    evil = replace(manifest.databases[0], path="/srv/a\nChecked: yes\x1b[2J", method=CheckMethod.QUICK)
    info = build_info(replace(manifest, databases=(evil,)), NAME)
    assert info.count(b"\n") == info.count(b"\r\n") == info.count(b"\r")
    assert b"\x1b" not in info
    assert b"a\\x0aChecked: yes" in info


def test_many_tables_do_not_fill_the_info_file(manifest: Manifest) -> None:
    """Beyond two hundred tables the rest is counted, and found in the manifest."""
    rows = tuple((f"table{number}", number) for number in range(1000))
    info = build_info(replace(manifest, databases=(replace(manifest.databases[0], rows=rows),)), NAME)
    assert b"and 800 tables more, listed in manifest.json" in info
    assert info.count(b"table") < 250


def test_what_is_written_is_never_larger_than_what_is_read(manifest: Manifest) -> None:
    """Five thousand tables with names of 3,400 letters are not listed; the other database's rows are."""
    small = manifest.databases[0]
    wide = replace(small, name="wide.db", rows=tuple((f"{number:03400}", number) for number in range(5000)))
    written = manifest_with(wide, small)
    content = written.to_json()
    assert len(content) <= MAX_MANIFEST
    assert Manifest.from_json(content) == written
    assert written.databases[1] == small
    assert written.databases[0].rows == ()
    assert Reason(Cause.TOO_MANY_TABLES) in written.databases[0].warnings


def test_a_manifest_that_no_reader_takes_is_not_written(manifest: Manifest) -> None:
    """Where even the warnings are too large, there is a sentence and no archive."""
    skipped = SkippedRecord(
        name="a.db", path="/srv/a.db", reason=SkipReason.FAILED, why=Reason(OTHER, (("said", "x" * MAX_MANIFEST),))
    )
    with pytest.raises(ArchiveError, match="no restore reads"):
        manifest_with(skipped=skipped)
