"""What the demo finds out about the file that arrived on a phone."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.demo.samples import REQUESTS, requests_and_total
from bot.models import INFO_NAME, MANIFEST_NAME, BackedUp
from bot.services.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that held or did not."""

    what: str
    held: bool
    detail: str = ""


def check_delivered(path: Path) -> list[Finding]:
    """Open the delivered ZIP with the standard library alone and compare it with its manifest and the live files."""
    with tempfile.TemporaryDirectory(prefix="sqlite-courier-check-") as folder, zipfile.ZipFile(path) as archive:
        manifest = Manifest.from_json(archive.read(MANIFEST_NAME))
        names = {entry.name for entry in manifest.databases}
        found = [
            Finding("the delivered ZIP is whole", archive.testzip() is None),
            Finding(
                "it holds every database, the manifest and the note for people",
                set(archive.namelist()) == names | {MANIFEST_NAME, INFO_NAME} and not manifest.skipped,
                ", ".join(record.detail for record in manifest.skipped),
            ),
        ]
        for entry in manifest.databases:
            copy = Path(archive.extract(entry.name, folder))
            found.append(_check(entry, copy))
        return found


def _check(entry: BackedUp, copy: Path) -> Finding:
    with copy.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    with closing(sqlite3.connect(copy)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = _tables(connection)
        rows = {table: _count(connection, table) for table in tables}
    same_rows = rows == {table: count for table, count in entry.rows if table in rows}
    detail = f"{sum(rows.values()):,} rows"
    consistent = True
    if entry.name == REQUESTS and {"requests", "totals"} <= set(tables):
        counted, recorded = requests_and_total(copy)
        live, _ = requests_and_total(Path(entry.path))
        consistent = counted == recorded <= live
        detail += f"; {counted:,} requests, as its own total says; the live database has {live:,} by now"
    elif Path(entry.path).is_file():
        consistent = _schema(copy) == _schema(Path(entry.path))
    return Finding(f"{entry.name}: sha256, integrity and rows as promised", same and whole and same_rows and consistent,
                   detail)  # fmt: skip


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in rows]


def _count(connection: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    (count,) = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608 - quoted
    return int(count)


def _schema(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
