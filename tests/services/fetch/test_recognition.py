"""What a document calls itself, under the names that phones and browsers give it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.fetch.recognition import Kind, archive_meant, recognise
from bot.services.files.names import bare_name, volume_number

OURS = "database_backup_20260713_120000.zip"


@pytest.mark.parametrize(
    ("name", "mime", "kind"),
    [
        (OURS, "", Kind.ARCHIVE),
        (f"{OURS}.002", "", Kind.ARCHIVE),
        ("database_backup_20260713_120000 (1).zip.002", "", Kind.ARCHIVE),
        (f"{OURS}.002 (2)", "", Kind.ARCHIVE),
        ("ARCHIVE.ZIP", "", Kind.ARCHIVE),
        ("document", "", Kind.ARCHIVE),
        ("", "application/zip", Kind.ARCHIVE),
        ("backup.bin", "application/octet-stream", Kind.ARCHIVE),
        ("backup.foo", "application/zip", Kind.ARCHIVE),
        (f"{OURS}.age", "", Kind.SEALED),
        (f"{OURS}.age.003", "", Kind.SEALED),
        ("sqlite_courier_restore_points.json", "application/json", Kind.CATALOGUE),
        ("sqlite_courier_restore_points (3).json", "", Kind.CATALOGUE),
        ("users.db", "", Kind.DATABASE),
        ("users (1).sqlite3", "", Kind.DATABASE),
        ("users.data", "application/vnd.sqlite3", Kind.DATABASE),
        ("users.sqlite3-wal", "", Kind.SIDECAR),
        ("report.2024.pdf", "application/pdf", Kind.OTHER),
        ("photo.jpg", "image/jpeg", Kind.OTHER),
        ("backup.7z", "", Kind.OTHER),
        ("zipper.txt", "text/plain", Kind.OTHER),
        ("x.zipx", "", Kind.OTHER),
    ],
)
def test_what_a_name_says(name: str, mime: str, kind: Kind) -> None:
    """Worth fetching, or not; what it really is, its bytes tell later."""
    assert recognise(name, mime) is kind


@given(number=st.integers(1, 9999), copy=st.sampled_from(["", " (1)", " (12)"]), before=st.booleans())
def test_the_number_survives_what_browsers_do_to_names(number: int, copy: str, before: bool) -> None:
    """A copy's mark before or after the number does not hide it, nor which archive it is of."""
    stem = OURS.removesuffix(".zip")
    name = f"{stem}{copy}.zip.{number:03}" if before else f"{OURS}.{number:03}{copy}"
    assert volume_number(name) == number
    assert archive_meant(name) == OURS
    assert recognise(name) is Kind.ARCHIVE


@given(st.text())
def test_no_name_is_too_strange(name: str) -> None:
    """Whatever people call their files, it is recognised as something."""
    assert recognise(name) in Kind
    assert bare_name(name) or not name
    assert volume_number(name) is None or volume_number(name) in range(1, 10_000)
