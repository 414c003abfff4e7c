"""The catalogue's file: damage, versions, second processes, cancelled callers, and the way back from the archives."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import CatalogueError
from bot.models import BackupState, Trigger
from bot.services.catalogue import BrokenCatalogueError, Catalogue, open_or_rebuild, schema
from tests.world.catalogue import NOW, Told, archive_named, backed_up, stored

ARCHIVE = "database_backup_20250301_110000.zip"


def manifest(archive: Path) -> Told:
    return Told(NOW - timedelta(hours=1), databases=(backed_up(),))


async def filled(path: Path) -> None:
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        for number in range(40):
            await stored(catalogue, NOW - timedelta(hours=number))


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("not a database, but long enough to be looked at" * 30),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096),
    "cut to nothing": lambda path: path.write_bytes(b""),
    "a page overwritten": lambda path: overwrite(path, 4096, b"\xff" * 4096),
    "most pages overwritten": lambda path: overwrite(path, 3 * 4096, os.urandom(path.stat().st_size - 3 * 4096)),
    "a table gone": lambda path: sql(path, "DROP TABLE volumes"),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_broken_catalogue_is_set_aside_and_rebuilt(tmp_path: Path, damage: str) -> None:
    """However it is broken, the old file is kept with its content and the archives on disk are known again."""
    path = tmp_path / "catalogue.db"
    await filled(path)
    DAMAGE[damage](path)
    broken = path.read_bytes()
    (tmp_path / ARCHIVE).write_bytes(b"zip")
    if broken:
        with pytest.raises(BrokenCatalogueError) as raised:
            await Catalogue.open(path)
        assert "rebuilds it" in raised.value.hint
        assert path.read_bytes() == broken or damage == "a table gone"
    catalogue, rebuilt = await open_or_rebuild(path, tmp_path, read_manifest=manifest, clock=lambda: NOW)
    async with catalogue:
        assert rebuilt is not None
        assert [backup.archive_name for backup in rebuilt.adopted] == [ARCHIVE]
        assert rebuilt.set_aside[0].name == "catalogue.db.broken-20250301_120000"
        assert rebuilt.set_aside[0].read_bytes() == broken or damage == "a table gone"
        assert len(await catalogue.backups.select(on_disk_only=True)) == 1
    DAMAGE["text"](path)
    again, rebuilt = await open_or_rebuild(path, tmp_path, read_manifest=manifest, clock=lambda: NOW)
    await again.close()
    assert rebuilt.set_aside[0].name == "catalogue.db.broken-20250301_120000-2"


async def test_the_sidecars_go_aside_with_the_file(tmp_path: Path) -> None:
    """The log of a broken or vanished catalogue never meets a new one."""
    path = tmp_path / "catalogue.db"
    for name in ("catalogue.db", "catalogue.db-wal", "catalogue.db-shm"):
        (tmp_path / name).write_bytes(b"x" * 5000)
    catalogue, rebuilt = await open_or_rebuild(path, tmp_path, read_manifest=manifest, clock=lambda: NOW)
    await catalogue.close()
    assert rebuilt is not None
    suffix = ".broken-20250301_120000"
    assert {file.name for file in rebuilt.set_aside} == {f"catalogue.db{suffix}{tail}" for tail in ("", "-wal", "-shm")}
    path.unlink()
    (tmp_path / "catalogue.db-wal").write_bytes(b"y" * 5000)
    catalogue, rebuilt = await open_or_rebuild(path, tmp_path, read_manifest=manifest, clock=lambda: NOW)
    await catalogue.close()
    assert rebuilt is not None
    assert [file.read_bytes()[:1] for file in rebuilt.set_aside] == [b"y"]


async def test_a_first_start_rebuilds_nothing(tmp_path: Path) -> None:
    """Without a catalogue and without archives there is nothing to tell."""
    catalogue, rebuilt = await open_or_rebuild(
        tmp_path / "new" / "catalogue.db", tmp_path / "new", read_manifest=manifest
    )
    async with catalogue:
        assert rebuilt is None
        assert await catalogue.backups.select() == ()


async def test_a_rebuild_that_was_cut_off_begins_again(tmp_path: Path) -> None:
    """A crash while archives are being read leaves no catalogue that has forgotten some of them."""
    path = tmp_path / "catalogue.db"
    (tmp_path / ARCHIVE).write_bytes(b"zip")
    (tmp_path / "catalogue.db.rebuilding").write_bytes(b"half a catalogue")
    (tmp_path / "catalogue.db.rebuilding-wal").write_bytes(b"its log")

    def crash(archive: Path) -> Told:
        loop.call_soon_threadsafe(rebuilding.cancel)
        return manifest(archive)

    loop = asyncio.get_running_loop()
    rebuilding = asyncio.ensure_future(_rebuild(path, crash))
    with pytest.raises(asyncio.CancelledError):
        await rebuilding
    assert not path.exists()
    catalogue, rebuilt = await open_or_rebuild(path, tmp_path, read_manifest=manifest)
    async with catalogue:
        assert len(rebuilt.adopted) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["catalogue.db", ARCHIVE]


async def _rebuild(path: Path, read_manifest: Callable[[Path], Told]) -> None:
    await open_or_rebuild(path, path.parent, read_manifest=read_manifest)


async def test_a_newer_catalogue_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An older program neither changes nor sets aside what a newer one wrote."""
    path = tmp_path / "catalogue.db"
    await filled(path)
    sql(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    for attempt in (Catalogue.open(path), Catalogue.open(path, read_only=True), _rebuild(path, manifest)):
        with pytest.raises(CatalogueError, match=f"version {schema.VERSION + 1}") as raised:
            await attempt
        assert not isinstance(raised.value, BrokenCatalogueError)
        assert "newer" in raised.value.hint
    assert path.read_bytes() == before


async def test_another_applications_database_is_left_alone(tmp_path: Path) -> None:
    """A database that is none of ours is refused, not migrated and not moved."""
    path = tmp_path / "catalogue.db"
    sql(path, "CREATE TABLE orders (id)")
    with pytest.raises(CatalogueError, match="another application's"):
        await _rebuild(path, manifest)
    assert [file.name for file in tmp_path.iterdir()] == ["catalogue.db"]


async def test_a_catalogue_that_cannot_be_opened_is_no_broken_one(tmp_path: Path) -> None:
    """A folder in its place, or a folder that is a file, is told with its path."""
    (tmp_path / "catalogue.db").mkdir()
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "catalogue.db", tmp_path / "file" / "catalogue.db"):
        with pytest.raises(CatalogueError) as raised:
            await Catalogue.open(path)
        assert not isinstance(raised.value, BrokenCatalogueError)
        assert str(path) in raised.value.sentence + raised.value.hint


async def test_every_version_is_migrated_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of the version before gets the new step alone, with its rows kept; until then nobody reads it."""
    path = tmp_path / "catalogue.db"
    await filled(path)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, ("ALTER TABLE audit ADD COLUMN via TEXT",)))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(CatalogueError, match="older than"):
        await Catalogue.open(path, read_only=True)
    async with await Catalogue.open(path) as catalogue:
        assert await catalogue.backups.count() == 40
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert database.execute("SELECT via FROM audit").fetchall() == []


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a step is rolled back with its version number."""
    path = tmp_path / "catalogue.db"
    await filled(path)
    version = schema.VERSION
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, ("CREATE TABLE half (x)", "CREATE TABLE audit (x)")))
    monkeypatch.setattr(schema, "VERSION", version + 1)
    with pytest.raises(CatalogueError, match="already exists"):
        await Catalogue.open(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (version,)
        assert database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)


def test_the_schema_knows_its_own_tables() -> None:
    """The list that tells a whole catalogue from a broken one is the list of what the steps create."""
    with closing(sqlite3.connect(":memory:")) as database:
        for step in schema.STEPS:
            for statement in step:
                database.execute(statement)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in tables if not name.startswith("sqlite_")} == schema.TABLES


async def test_a_loose_mode_is_tightened(tmp_path: Path) -> None:
    """A catalogue that was copied back readable for all is private again after the next open."""
    if os.name == "nt":
        pytest.skip("modes are POSIX")
    path = tmp_path / "catalogue.db"
    await filled(path)
    path.chmod(0o644)
    await (await Catalogue.open(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


READ = """
import asyncio, sys
from pathlib import Path
from bot.services.catalogue import Catalogue

async def read():
    async with await Catalogue.open(Path(sys.argv[1]), read_only=True) as catalogue:
        print(await catalogue.backups.count(), flush=True)

asyncio.run(read())
"""

WRITE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.models import Trigger
from bot.services.catalogue import Catalogue

async def write():
    catalogue = await Catalogue.open(Path(sys.argv[1]))
    while True:
        now = datetime.now(UTC)
        print(await catalogue.backups.begin(trigger=Trigger.SCHEDULE, requested_by="", started_at=now), flush=True)

asyncio.run(write())
"""


async def test_a_second_process_reads_while_the_service_writes(tmp_path: Path) -> None:
    """`status` sees what was written, without a wait, and can't write; the service notices another writer."""
    path = tmp_path / "catalogue.db"
    with pytest.raises(CatalogueError, match="no catalogue"):
        await Catalogue.open(path, read_only=True)
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        await stored(catalogue)
        read = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
        )
        assert read.stdout.strip() == "1"
        version = await catalogue.data_version()
        async with await Catalogue.open(path, read_only=True) as reader:
            with pytest.raises(CatalogueError):
                await reader.service.audit("77", "write")
            assert await reader.backups.count() == 1
        async with await Catalogue.open(path) as other:
            await other.service.audit("77", "write")
        assert await catalogue.data_version() != version
        assert [entry.actor for entry in await catalogue.service.audits()] == ["77"]


async def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    """After kill -9 in the middle of writing, every row whose method had returned is there, and the file is whole."""
    path = tmp_path / "catalogue.db"
    with subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            last = int(process.stdout.readline())
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        last = max([last, *(int(line) for line in process.stdout if line.endswith("\n"))])
        process.wait()
    async with await Catalogue.open(path) as catalogue:
        assert len(await catalogue.backups.mark_interrupted()) >= last


async def test_a_cancelled_caller_leaves_a_whole_transaction(tmp_path: Path) -> None:
    """Cancelled at any of its steps, a method has done all of its work or none, and the next one goes on."""
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: NOW) as catalogue:
        for steps in range(12):
            task = asyncio.ensure_future(stored(catalogue, NOW + timedelta(seconds=steps), "a.db", "b.db"))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await stored(catalogue, NOW + timedelta(minutes=1))
        for backup in await catalogue.backups.select():
            finished = backup.state is not BackupState.RUNNING
            assert finished == bool(backup.databases) == backup.on_disk


async def test_methods_called_side_by_side_queue(tmp_path: Path) -> None:
    """Fifty calls at once on one connection are fifty transactions, none inside another."""
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: NOW) as catalogue:
        backups = await asyncio.gather(*(stored(catalogue, NOW + timedelta(seconds=n)) for n in range(25)))
        assert len({backup.id for backup in backups}) == 25
        await asyncio.gather(
            *(catalogue.service.audit("77", "x") for _ in range(25)), *(catalogue.backups.select() for _ in range(25))
        )
        assert len(await catalogue.service.audits()) == 25


async def test_a_failed_method_takes_nothing_with_it(tmp_path: Path) -> None:
    """What fails half-way is rolled back, and the connection goes on."""
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: NOW) as catalogue:
        backup_id = await catalogue.backups.begin(trigger=Trigger.BUTTON, requested_by="77", started_at=NOW)
        bad = backed_up(taken_at=NOW.replace(tzinfo=None))
        with pytest.raises(ValueError, match="no time zone"):
            await catalogue.backups.finish(
                backup_id,
                state=BackupState.STORED,
                finished_at=NOW,
                archive=archive_named(ARCHIVE),
                databases=(backed_up(), bad),
            )
        assert (await catalogue.backups.get(backup_id)).state is BackupState.RUNNING
        await stored(catalogue)


async def test_a_locked_catalogue_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that keeps the file for itself is named as the fault, and the file is not taken for broken."""
    monkeypatch.setattr("bot.services.catalogue.connection.BUSY_SECONDS", 0.05)
    path = tmp_path / "catalogue.db"
    await filled(path)
    async with await Catalogue.open(path) as catalogue:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CatalogueError, match="locked"):
                await catalogue.service.audit("77", "x")
            with pytest.raises(CatalogueError, match="locked"):
                await _rebuild(path, manifest)
            other.execute("ROLLBACK")
        await catalogue.service.audit("77", "x")


async def test_a_closed_catalogue_says_so(tmp_path: Path) -> None:
    """Closing twice is closing once; afterwards every method refuses in words."""
    catalogue = await Catalogue.open(tmp_path / "catalogue.db")
    await catalogue.close()
    await catalogue.close()
    with pytest.raises(CatalogueError, match="is closed"):
        await catalogue.backups.select()
    with pytest.raises(CatalogueError, match="is closed"):
        await catalogue.data_version()
