"""The report: one file that tells all by itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from tests.world.databases import make_database, write_env
from tests.world.shell import Shell


class _Words(HTMLParser):
    """What a browser would show, and every address that it would open."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def read(page: Path) -> _Words:
    words = _Words()
    words.feed(page.read_text(encoding="utf-8"))
    return words


def test_the_report_is_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    """Databases, pictures, what is not covered; names from outside stay text."""
    shell = Shell(tmp_path)
    write_env(tmp_path, [make_database(tmp_path / "live" / "x&y.db"), tmp_path / "live" / "gone.db"])
    assert shell("backup", "--no-deliver").returncode == 6
    done = shell("report", "--out", "page.html")
    assert done.returncode == 0, done.stderr
    page = read(tmp_path / "page.html")
    said = "".join(page.shown)
    for words in (
        "x&y.db",
        "gone.db is not backed up now",
        "Backups lie on this server's disk alone.",
        "No test-restore has proven that a backup comes back.",
        "A year of backups",
        "How far back",
    ):
        assert words in said
    assert page.addresses == []
    assert not page.tags & {"script", "link", "img", "iframe", "i"}
    assert not re.search(r"url\(|@import|javascript:", (tmp_path / "page.html").read_text(encoding="utf-8"))


def test_a_report_of_nothing_says_so(tmp_path: Path) -> None:
    """Before the first backup, too, there is something to read; a place that can't be written is named."""
    shell = Shell(tmp_path)
    write_env(tmp_path, [make_database(tmp_path / "live" / "one.db")])
    (tmp_path / "folder").mkdir()
    refused = shell("report", "--out", "folder")
    assert refused.returncode == 2
    assert "folder can't be written" in refused.stderr
    assert shell("report").returncode == 0
    assert "one.db" in " ".join(read(tmp_path / "report.html").shown)
