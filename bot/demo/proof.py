"""Checks the archive that arrived on a simulated phone."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.demo.samples import REQUESTS, requests_and_total
from bot.models import INFO_NAME, MANIFEST_NAME, BackedUp, CheckMethod, CheckReport, Database, Snapshot
from bot.services.archive.manifest import Manifest
from bot.services.concurrency.abort import Abort
from bot.services.files.private_file import sha256_of
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import take_snapshot
from bot.words.causes import in_full


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that held or did not."""

    what: str
    held: bool
    detail: str = ""


async def check_delivered(path: Path) -> list[Finding]:
    """Open the delivered ZIP with the standard library alone; compare it with its manifest and the live databases.

    The live ones are looked at through snapshots of their own: they may be the user's, and are left as they are.
    """
    with tempfile.TemporaryDirectory(prefix="sqlite-courier-check-") as folder:
        found, manifest = await asyncio.to_thread(_unpack, path, Path(folder))
        for entry in manifest.databases:
            live = await _look_at_live(entry, Path(folder) / "live")
            found.append(await asyncio.to_thread(_check, entry, Path(folder) / entry.name, live))
        return found


def _unpack(path: Path, folder: Path) -> tuple[list[Finding], Manifest]:
    with zipfile.ZipFile(path) as archive:
        manifest = Manifest.from_json(archive.read(MANIFEST_NAME))
        names = {entry.name for entry in manifest.databases}
        for name in names:
            archive.extract(name, folder)
        return [
            Finding("the delivered ZIP is whole", archive.testzip() is None),
            Finding(
                "it holds every database, the manifest and the note for people",
                set(archive.namelist()) == names | {MANIFEST_NAME, INFO_NAME} and not manifest.skipped,
                ", ".join(in_full(record.why) for record in manifest.skipped),
            ),
        ], manifest


async def _look_at_live(entry: BackedUp, into: Path) -> tuple[Snapshot, CheckReport]:
    snapshot = await take_snapshot(
        Database(path=Path(entry.path), name=entry.name), into, busy_timeout=10, abort=Abort()
    )
    return snapshot, await check_snapshot(snapshot, CheckMethod.QUICK, abort=Abort())


def _check(entry: BackedUp, copy: Path, live: tuple[Snapshot, CheckReport]) -> Finding:
    same = sha256_of(copy) == entry.sha256
    with closing(sqlite3.connect(copy)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = _tables(connection)
        rows = {table: _count(connection, table) for table in tables}
    promised = {table: count for table, count in entry.rows if table in rows}
    snapshot, report = live
    consistent = report.schema_sha256 == entry.schema_sha256
    detail = f"{sum(rows.values()):,} rows"
    if entry.name == REQUESTS and {"requests", "totals"} <= set(tables):
        counted, recorded = requests_and_total(copy)
        now, _ = requests_and_total(snapshot.file)
        consistent = consistent and counted == recorded <= now
        detail += f"; {counted:,} requests, as its own total says; the live database has {now:,} by now"
    held = same and whole and rows == promised and consistent
    return Finding(f"{entry.name}: sha256, integrity and rows as promised", held, detail)


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in rows]


def _count(connection: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    (count,) = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608 - quoted
    return int(count)
