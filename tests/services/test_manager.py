"""The courier: one run at a time, honest records, retention, and what admins do."""

import asyncio
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.errors import AbortedError, ArchiveError, BusyError, CourierError, NotFoundError, NothingToBackUpError
from bot.models import (
    Actor,
    BackupState,
    DeliveryState,
    Progress,
    Recipient,
    ReportRun,
    SkipReason,
    Stage,
    Trigger,
    Verdict,
)
from bot.services.archive import screening
from bot.services.archive.manifest import read_manifest
from bot.services.archive.verify import verify_archive
from bot.services.catalogue import CATALOGUE_NAME
from bot.services.concurrency.abort import Abort
from bot.services.manager import Courier
from bot.words.drills import result_words
from tests.world.clock import StandingClock
from tests.world.databases import damage, make_database, members_of, rows_in, write_env
from tests.world.values import NOON


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NOON)


OpenCourier = Callable[..., Awaitable[Courier]]


@pytest.fixture
async def opened(tmp_path: Path, clock: StandingClock) -> AsyncIterator[OpenCourier]:
    """Products without Telegram on a store in the test's folder, closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_one(*sources: Path | str, **more: str) -> Courier:
            env = write_env(tmp_path, sources, **more)
            settings = load_settings(env, need_telegram=False)
            return await stack.enter_async_context(open_courier(settings, deliver=False, clock=clock))

        yield open_one


async def back_up(courier: Courier, report: ReportRun = lambda _: None):
    return await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test", report=report)


async def test_a_backup_holds_every_database_and_says_so(opened, tmp_path: Path) -> None:
    """The archive holds what was live, the catalogue and the manifest agree, and no private copy is left."""
    live = tmp_path / "live"
    courier = await opened(make_database(live / "one.db", 30), make_database(live / "two.db", 7, wal=False))
    backup = (await back_up(courier)).backup
    archive = courier.store.folder / backup.archive_name
    assert members_of(archive) == {"one.db", "two.db", "manifest.json", "backup_info.txt"}
    assert backup.state is BackupState.STORED
    assert [entry.verdict for entry in backup.databases] == [Verdict.OK, Verdict.OK]
    assert read_manifest(archive).databases == backup.databases
    with zipfile.ZipFile(archive) as opened_archive:
        opened_archive.extractall(tmp_path / "out")
    assert rows_in(tmp_path / "out" / "one.db") == (30, 30)
    assert not list(courier.store.folder.rglob("*.part"))
    assert not list((courier.store.folder / ".work").glob("*"))


async def test_a_damaged_database_is_left_out_and_the_others_go_out(opened, tmp_path: Path) -> None:
    """A snapshot that fails its check is named and skipped; the archive is written again without it."""
    good, bad = make_database(tmp_path / "good.db"), damage(make_database(tmp_path / "bad.db"))
    courier = await opened(bad, good)
    backup = (await back_up(courier)).backup
    assert [entry.name for entry in backup.databases] == ["good.db"]
    assert [(record.name, record.reason) for record in backup.skipped] == [("bad.db", SkipReason.DAMAGED)]
    assert "bad.db" not in members_of(courier.store.folder / backup.archive_name)
    assert backup.state is BackupState.PARTIAL


async def test_what_cannot_be_read_is_skipped_with_its_reason(opened, tmp_path: Path) -> None:
    """Missing, empty, foreign and locked files are each reported as what they are."""
    good = make_database(tmp_path / "good.db")
    empty, text = tmp_path / "empty.db", tmp_path / "text.db"
    empty.touch()
    text.write_text("this is no database, but it is long enough to be looked at " * 30)
    locked = make_database(tmp_path / "locked.db", wal=False)
    courier = await opened(good, empty, text, locked, tmp_path / "missing.db")
    with closing(sqlite3.connect(locked, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        backup = (await back_up(courier)).backup
    assert {record.name: record.reason for record in backup.skipped} == {
        "empty.db": SkipReason.EMPTY,
        "text.db": SkipReason.NOT_A_DATABASE,
        "locked.db": SkipReason.BUSY,
        "missing.db": SkipReason.MISSING,
    }
    assert [entry.name for entry in backup.databases] == ["good.db"]


async def test_nothing_to_back_up_is_a_failed_run_with_its_reasons(opened, tmp_path: Path) -> None:
    """Without any database there is no archive, and the failed run says why."""
    courier = await opened(tmp_path / "missing.db")
    with pytest.raises(NothingToBackUpError, match=r"missing\.db"):
        await back_up(courier)
    (failed,) = await courier.catalogue.backups.select()
    assert failed.state is BackupState.FAILED
    assert [record.reason for record in failed.skipped] == [SkipReason.MISSING]
    assert not list(courier.store.folder.glob("*.zip*"))


async def test_a_second_request_is_told_what_runs(opened, tmp_path: Path) -> None:
    """Whoever asks second learns who asked first, and the first run is not disturbed."""
    courier = await opened(make_database(tmp_path / "one.db"))
    first = asyncio.create_task(courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE))
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="the schedule"):
        await back_up(courier)
    assert (await first).backup.proven


async def test_a_run_of_another_process_is_told_too(opened, tmp_path: Path) -> None:
    """Two managers on one BACKUP_DIR never run at once."""
    source = make_database(tmp_path / "one.db")
    first, second = await opened(source), await opened(source)
    await first.under_way.lock.acquire(trigger=Trigger.BUTTON, requested_by="Ann")
    try:
        assert await second.under_way.anywhere() is not None
        with pytest.raises(BusyError, match="Ann"):
            await back_up(second)
    finally:
        await first.under_way.lock.release()
    assert (await back_up(second)).backup.proven


async def test_progress_is_reported_and_ends(opened, tmp_path: Path) -> None:
    """Stage by stage, in their order; the last word is that the run is over."""
    courier = await opened(make_database(tmp_path / "one.db", 5000))
    stages: list[Stage] = []
    await back_up(courier, lambda progress: stages.append(progress.stage))
    assert list(dict.fromkeys(stages)) == [stage for stage in Stage if stage in stages]
    assert stages[-1] is Stage.DONE
    assert {Stage.SNAPSHOT, Stage.CHECK, Stage.PROVE, Stage.DELIVER} <= set(stages)


async def test_a_stopped_run_leaves_nothing_half_done(opened, tmp_path: Path) -> None:
    """An aborted run is catalogued as interrupted and leaves neither archive nor copies."""
    courier = await opened(make_database(tmp_path / "one.db", 20000, filler=400))

    def stop(_: Progress) -> None:
        assert courier.runs._run is not None
        courier.runs._run.abort.set("a test stops it")

    with pytest.raises(AbortedError):
        await back_up(courier, stop)
    (backup,) = await courier.catalogue.backups.select()
    assert backup.state is BackupState.INTERRUPTED
    assert not list(courier.store.folder.glob("database_backup*"))
    assert not list((courier.store.folder / ".work").glob("*"))
    assert courier.runs.running is None


async def test_what_nobody_delivers_is_owed(opened, tmp_path: Path) -> None:
    """Without Telegram in this process, the deliveries wait in the ledger for the one that has it."""
    courier = await opened(make_database(tmp_path / "one.db"), DELIVER_TO="77,-1001234567890/42")
    result = await back_up(courier)
    assert {delivery.recipient for delivery in result.deliveries} == {
        Recipient(chat_id=77),
        Recipient(chat_id=-1001234567890, thread_id=42),
    }
    assert {delivery.state for delivery in result.deliveries} == {DeliveryState.PENDING}


async def test_retention_drops_the_oldest_and_never_a_pinned_one(opened, tmp_path: Path, clock: StandingClock) -> None:
    """Past MAX_BACKUP_COUNT the oldest archives go, but not one that an admin pinned."""
    courier = await opened(make_database(tmp_path / "one.db"), MAX_BACKUP_COUNT="3")
    made = []
    for _ in range(5):
        made.append((await back_up(courier)).backup)
        if len(made) == 1:
            await courier.housekeeping.pin(made[0].id, True, actor="Ann")
        clock.now += timedelta(hours=1)
    left = {backup.id for backup in await courier.catalogue.backups.select(on_disk_only=True)}
    on_disk = {path.name for path in courier.store.folder.glob("*.zip")}
    assert made[0].id in left
    assert made[1].id not in left
    assert on_disk == {backup.archive_name for backup in made if backup.id in left}


async def test_the_last_backup_of_a_database_survives_its_age(opened, tmp_path: Path, clock: StandingClock) -> None:
    """A database that vanished keeps its last backup however old it grows."""
    gone, stays = make_database(tmp_path / "gone.db"), make_database(tmp_path / "stays.db")
    courier = await opened(gone, stays)
    first = (await back_up(courier)).backup
    gone.unlink()
    for _ in range(3):
        clock.now += timedelta(days=5)
        await back_up(courier)
    assert (await courier.catalogue.backups.get(first.id)).on_disk
    assert (courier.store.folder / first.archive_name).exists()


async def test_the_last_good_backup_is_not_deleted_on_request(opened, tmp_path: Path, clock: StandingClock) -> None:
    """Delete works for older backups, and is refused with a reason for the last good and for pinned ones."""
    courier = await opened(make_database(tmp_path / "one.db"))
    first = (await back_up(courier)).backup
    with pytest.raises(CourierError, match="last good backup"):
        await courier.housekeeping.delete(first.id, actor="Ann")
    clock.now += timedelta(hours=1)
    await back_up(courier)
    await courier.housekeeping.pin(first.id, True, actor="Ann")
    with pytest.raises(CourierError, match="pinned"):
        await courier.housekeeping.delete(first.id, actor="Ann")
    await courier.housekeeping.pin(first.id, False, actor="Ann")
    await courier.housekeeping.delete(first.id, actor="Ann")
    assert not (courier.store.folder / first.archive_name).exists()
    with pytest.raises(NotFoundError):
        await courier.housekeeping.delete(first.id, actor="Ann")


async def test_a_refused_deletion_names_a_few_databases_in_short(opened, tmp_path: Path) -> None:
    """Sixty databases with names of 200 characters still make a sentence that fits a phone."""
    courier = await opened(*(make_database(tmp_path / f"{number}_{'x' * 190}.db") for number in range(5)))
    made = (await back_up(courier)).backup
    with pytest.raises(CourierError, match="and 2 more; it is never deleted") as caught:
        await courier.housekeeping.delete(made.id, actor="Ann")
    assert len(str(caught.value)) < 200
    assert "0_xxx" in str(caught.value)


async def test_the_catalogue_is_rebuilt_from_the_archives(opened, tmp_path: Path, clock: StandingClock) -> None:
    """A corrupt catalogue is set aside, not replaced, and the restore points are known again."""
    source = make_database(tmp_path / "one.db")
    courier = await opened(source)
    made = (await back_up(courier)).backup
    await courier.catalogue.close()
    (courier.store.folder / CATALOGUE_NAME).write_bytes(b"\0garbage" * 500)
    settings = load_settings(tmp_path / ".env", need_telegram=False)
    async with open_courier(settings, deliver=False, clock=clock) as again:
        (found,) = await again.catalogue.backups.select()
    assert (found.archive_name, found.archive_sha256) == (made.archive_name, made.archive_sha256)
    assert found.databases == made.databases
    assert list(courier.store.folder.glob("*broken*"))


async def test_what_is_called_proven_can_be_read_again_whatever_it_holds(opened, tmp_path: Path) -> None:
    """A database with more names of tables than a manifest may hold goes out, and a restore takes it."""
    wide = tmp_path / "wide.db"
    with closing(sqlite3.connect(wide)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        for number in range(200):
            connection.execute(f"CREATE TABLE t{number:090000} (a)")
    courier = await opened(wide, make_database(tmp_path / "good.db", 7))
    backup = (await back_up(courier)).backup
    archive = courier.store.folder / backup.archive_name
    assert read_manifest(archive).databases == backup.databases
    assert {entry.name: bool(entry.rows) for entry in backup.databases} == {"wide.db": False, "good.db": True}
    await verify_archive(archive, expected_sha256=backup.archive_sha256, abort=Abort())
    assert "restored and checked" in result_words(await courier.drills.prove(archive, backup))


async def test_an_archive_that_no_restore_would_take_is_not_called_a_backup(
    opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proof reads the archive as a restore does; what fails there leaves no file behind."""
    monkeypatch.setattr(screening, "MAX_MEMBERS", 2)
    courier = await opened(make_database(tmp_path / "one.db"))
    with pytest.raises(ArchiveError, match="could not be proven"):
        await back_up(courier)
    assert not await courier.store.archives()
