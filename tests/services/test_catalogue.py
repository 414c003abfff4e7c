"""The catalogue's API on a real file."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from bot.models import BackedUp, Backup, BackupState, CheckMethod, SkippedRecord, SkipReason, Trigger, Verdict
from bot.services.catalogue import Catalogue, open_or_rebuild

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def backed_up(name: str = "shop.db", **changes: object) -> BackedUp:
    facts: dict[str, object] = {
        "name": name,
        "path": f"/srv/{name}",
        "sha256": "ab" * 32,
        "bytes": 8192,
        "compressed_bytes": 900,
        "page_size": 4096,
        "page_count": 2,
        "journal_mode": "wal",
        "application_id": 7,
        "user_version": 3,
        "sqlite_version": "3.40.1",
        "taken_at": NOW - timedelta(microseconds=1),
        "verdict": Verdict.OK,
        "method": CheckMethod.FULL,
        "messages": ("a line “quoted”",),
        "rows": (("order", 3), ("größe", -1)),
        "schema_sha256": "cd" * 32,
        "warning": "left -shm beside it",
    }
    return BackedUp(**(facts | changes))  # type: ignore[arg-type]


SKIPPED = SkippedRecord(name="log.db", path="/srv/log.db", reason=SkipReason.BUSY, detail="locked for 30 s")


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[Catalogue]:
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: NOW) as opened:
        yield opened


async def stored(catalogue: Catalogue, at: datetime = NOW, *names: str, **changes: object) -> Backup:
    backup_id = await catalogue.begin_backup(trigger=Trigger.SCHEDULE, requested_by="schedule", started_at=at)
    facts: dict[str, object] = {
        "state": BackupState.STORED,
        "finished_at": at + timedelta(seconds=5),
        "archive_name": f"database_backup_{at:%Y%m%d_%H%M%S}.zip",
        "archive_bytes": 1000,
        "archive_sha256": "ef" * 32,
        "databases": tuple(backed_up(name) for name in names or ("shop.db",)),
    }
    return await catalogue.finish_backup(backup_id, **(facts | changes))  # type: ignore[arg-type]


async def test_a_finished_backup_comes_back_as_it_was_told(catalogue: Catalogue) -> None:
    """Every field of a backup, its databases and its skipped ones survives the file."""
    backup_id = await catalogue.begin_backup(trigger=Trigger.BUTTON, requested_by="77", started_at=NOW)
    assert (await catalogue.backup(backup_id)).state is BackupState.RUNNING
    finished = await catalogue.finish_backup(
        backup_id,
        state=BackupState.PARTIAL,
        finished_at=NOW + timedelta(seconds=9),
        archive_name="database_backup_20250301_120000.zip",
        archive_bytes=123,
        archive_sha256="00ff",
        databases=(backed_up(), backed_up("other.db", messages=(), rows=(), verdict=Verdict.UNCHECKED)),
        skipped=(SKIPPED,),
        error_code="no-space",
        error="half of it",
    )
    assert finished == Backup(
        id=backup_id,
        started_at=NOW,
        trigger=Trigger.BUTTON,
        requested_by="77",
        state=BackupState.PARTIAL,
        finished_at=NOW + timedelta(seconds=9),
        archive_name="database_backup_20250301_120000.zip",
        archive_bytes=123,
        archive_sha256="00ff",
        databases=(backed_up(), backed_up("other.db", messages=(), rows=(), verdict=Verdict.UNCHECKED)),
        skipped=(SKIPPED,),
        error_code="no-space",
        error="half of it",
        on_disk=True,
    )
    assert await catalogue.backup(backup_id) == finished


async def test_every_method_answers_on_an_empty_catalogue(catalogue: Catalogue) -> None:
    """A first start finds nothing and no error."""
    assert await catalogue.backups() == ()
    assert await catalogue.count_backups(on_disk_only=True, proven_only=True) == 0
    assert await catalogue.latest_proven() is None
    assert await catalogue.latest_by_database() == {}
    assert await catalogue.mark_interrupted() == ()
    assert await catalogue.success_since(NOW) == (0, 0)
    assert await catalogue.known_names() == {}
    assert await catalogue.owed() == ()
    assert await catalogue.deliveries(1) == ()
    assert await catalogue.file_id(1, 1) is None
    assert await catalogue.file_ids(1) == {}
    assert await catalogue.parked() == {}
    assert await catalogue.heartbeat() is None
    assert await catalogue.overrides() == {}
    assert await catalogue.audits() == ()
    assert await catalogue.last_planned() is None


async def test_the_file_and_its_sidecars_are_the_owners_alone(tmp_path: Path) -> None:
    """The folder is 0700 and the catalogue 0600 with its -wal and -shm, whatever the umask."""
    if os.name == "nt":
        pytest.skip("modes are POSIX")
    before = os.umask(0)
    try:
        async with await Catalogue.open(tmp_path / "new" / "catalogue.db") as catalogue:
            await catalogue.audit("77", "pause")
            folder = tmp_path / "new"
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {"catalogue.db": 0o600, "catalogue.db-wal": 0o600, "catalogue.db-shm": 0o600}


@dataclass(frozen=True)
class Told:
    """A manifest as the catalogue needs it."""

    created_at: datetime
    trigger: str = "schedule"
    databases: tuple[BackedUp, ...] = ()
    skipped: tuple[SkippedRecord, ...] = ()


async def test_a_lost_catalogue_is_rebuilt_from_the_archives(tmp_path: Path) -> None:
    """Archives with a readable manifest are adopted oldest first; the others are left alone and named."""
    names = ["database_backup_20250301_110000.zip", "database_backup_20250301_100000.zip"]
    manifests = {
        names[0]: Told(NOW - timedelta(hours=1), databases=(backed_up(),), skipped=(SKIPPED,)),
        names[1]: Told(NOW - timedelta(hours=2), databases=(backed_up(name="old.db", path="/srv/shop.db"),)),
    }
    for name in (*names, "database_backup_20250301_090000.zip"):
        (tmp_path / name).write_bytes(name.encode())
    catalogue, rebuilt = await open_or_rebuild(
        tmp_path / "catalogue.db", tmp_path, read_manifest=lambda archive: manifests[archive.name], clock=lambda: NOW
    )
    async with catalogue:
        assert rebuilt is not None
        assert [backup.archive_name for backup in rebuilt.adopted] == list(reversed(names))
        assert [archive.name for archive in rebuilt.unreadable] == ["database_backup_20250301_090000.zip"]
        assert rebuilt.set_aside == ()
        assert await catalogue.known_names() == {"/srv/shop.db": "shop.db", "/srv/log.db": "log.db"}
        newest = await catalogue.find_backup("latest")
        assert (newest.archive_name, newest.on_disk, newest.proven) == (names[0], True, True)
        assert newest.archive_sha256 == sha256(names[0].encode()).hexdigest()
        assert newest.state is BackupState.PARTIAL
    again, nothing = await open_or_rebuild(
        tmp_path / "catalogue.db", tmp_path, read_manifest=lambda archive: manifests[archive.name]
    )
    await again.close()
    assert nothing is None
