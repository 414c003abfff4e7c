"""The document of restore points: what is written can be read, and nothing else is believed."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.models import HeldDatabase, RestorePoint, StoredVolume
from bot.services.files.store import is_plain_name
from bot.services.recovery.document import (
    DOCUMENT_BYTES,
    READABLE_BYTES,
    Document,
    DocumentError,
    choose,
    kept_settings,
    merge,
    read_document,
    write_document,
)
from tests.world.values import NOON


def point(hours: int = 0, *, names: tuple[str, ...] = ("shop.db",), file_id: str = "BQAC_x-1") -> RestorePoint:
    at = NOON - timedelta(hours=hours)
    return RestorePoint(
        at=at,
        archive=f"database_backup_{at:%Y%m%d_%H%M%S}.zip",
        bytes=30,
        sha256=f"{hours:064x}",
        databases=tuple(HeldDatabase(name=name, path=f"/srv/{name}", bytes=4096, sha256="b" * 64) for name in names),
        volumes=(
            StoredVolume(file_id=file_id, bytes=20, sha256="c" * 64),
            StoredVolume(file_id=f"{file_id}2", bytes=10, sha256=""),
        ),
        skipped=("users.db",),
    )


def document(*points: RestorePoint) -> Document:
    return Document(bot_id=7, written_at=NOON, settings={"ADMIN_IDS": "11"}, points=points)


def test_the_format_is_what_old_documents_have() -> None:
    """A document written by the first version is read for ever; a changed name would lose what is pinned out there."""
    content = (Path(__file__).parent / "restore_points_v1.json").read_bytes()
    assert read_document(content, bot_id=7) == document(point())
    written = json.loads(write_document(document(point()))[1])
    # What the first version did not write, and does not mind.
    assert written["points"][0].pop("sealed") == ""
    assert (written.pop("server"), written.pop("others")) == ("", [])
    assert written == json.loads(content)


def altered(path: str, value: Any) -> bytes:
    """The document with one value changed."""
    data = json.loads(write_document(document(point()))[1])
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place = data
    for key in way:
        place = place[key]
    place[last] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("format", "something else", "not a catalogue"),
        ("version", 2, "version 2"),
        ("bot_id", 8, "written by bot 8"),
        ("points.0.archive", "../../etc/cron.d/x", "can't be believed"),
        ("points.0.archive", "C:\\x.zip", "can't be believed"),
        ("points.0.sha256", "0" * 63, "SHA-256"),
        ("points.0.databases.0.sha256", "z" * 64, "SHA-256"),
        ("points.0.databases.0.name", "../shop.db", "no file name"),
        ("points.0.databases.0.name", "/etc/passwd", "no file name"),
        ("points.0.databases.0.name", "..", "no file name"),
        ("points.0.databases.0.name", "a\\b.db", "no file name"),
        ("points.0.databases.0.name", "C:shop.db", "no file name"),
        ("points.0.databases.0.name", "shop\u202edb", "no file name"),
        ("points.0.databases.0.name", "", "no file name"),
        ("points.0.databases.0.bytes", -1, "impossible size"),
        ("points.0.databases", [], "no databases"),
        ("points.0.bytes", 31, "don't add up"),
        ("points.0.bytes", "30", "not a catalogue"),
        ("points.0.volumes.0.bytes", 0, "impossible size"),
        ("points.0.volumes.0.file_id", "a/../b", "file_id"),
        ("points.0.at", "2026-07-13T12:00:00", "time zone"),
        ("points.0.at", 1783944000, "not a catalogue"),
        ("points.0.sealed", "key\u202e", "impossible seal"),
        ("points.0.sealed", "k" * 2001, "impossible seal"),
        ("points", None, "not a catalogue"),
    ],
)
def test_what_can_t_be_meant_is_refused(path: str, value: object, said: str) -> None:
    """One wrong word makes the document worthless, with a sentence that says why."""
    with pytest.raises(DocumentError, match=said):
        read_document(altered(path, value), bot_id=7)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"[" * 200_000, b'{"a":' * 100_000, b"{}", b"null", b" " * (READABLE_BYTES + 1)]
)
def test_junk_is_refused(content: bytes) -> None:
    """Whatever bytes somebody sends, the answer is a sentence."""
    with pytest.raises(DocumentError):
        read_document(content, bot_id=7)


@pytest.mark.parametrize("names", [("Shop.db", "shop.db"), ("\u00fc.db", "u\u0308.db")], ids=["case", "form"])
def test_two_databases_of_one_name_are_refused(names: tuple[str, str]) -> None:
    """One of them would be written over the other; on Windows also where only the case differs, on a Mac the form."""
    databases = [{"name": name, "path": "/srv/x", "bytes": 1, "sha256": "b" * 64} for name in names]
    with pytest.raises(DocumentError, match="two databases"):
        read_document(altered("points.0.databases", databases), bot_id=7)


def test_the_document_stays_small_and_keeps_the_last_of_each_database() -> None:
    """Points are left out from the oldest, but never the newest that holds some database."""
    points = [point(hours) for hours in range(900)] + [point(5000, names=("old.db",))]
    written, content = write_document(document(*points))
    assert len(content) <= DOCUMENT_BYTES
    assert read_document(content, bot_id=7) == written
    kept = [entry.sha256 for entry in written.points]
    assert kept[-1] == point(5000).sha256
    assert kept[:-1] == [entry.sha256 for entry in points[: len(kept) - 1]]
    assert len(kept) > 300


def test_a_point_that_could_not_be_read_again_costs_no_other() -> None:
    """A database with an impossible name is left out; the rest is written."""
    written, content = write_document(document(point(0, names=("a\nb.db",)), point(1)))
    assert [entry.sha256 for entry in written.points] == [point(1).sha256]
    assert read_document(content, bot_id=7) == written


def test_lists_are_merged_by_archive() -> None:
    """Each archive stands there once, newest first, as the first list has it."""
    mine, theirs = point(1, file_id="mine"), point(1, file_id="theirs")
    assert merge([mine], [theirs, point(0), point(2)]) == (point(0), mine, point(2))


def test_the_newest_before_an_instant_is_chosen() -> None:
    """A restore to a moment takes the newest point that is not younger."""
    points = [point(3), point(1), point(2)]
    assert choose(points, now=NOON) == point(1)
    assert choose(points, now=NOON, at=NOON - timedelta(hours=1, minutes=30)) == point(2)
    assert choose(points, now=NOON, at=NOON - timedelta(hours=4)) is None


def test_no_secret_is_kept() -> None:
    """Of the settings only harmless ones go into the chat."""
    harmless = {"ADMIN_IDS": "11", "DATABASES": "/srv/*.db"}
    assert kept_settings(harmless | {"BOT_TOKEN": "1:secret", "PROXY": "http://a:b@c", "CHECK": "a\nb"}) == harmless


@pytest.mark.parametrize("name", ["shop.db", "größe.sqlite3", "my data (1).db", ".hidden"])
def test_ordinary_names_are_plain(name: str) -> None:
    """What people call their databases is taken."""
    assert is_plain_name(name)
