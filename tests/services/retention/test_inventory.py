"""Archives that are gone, cut or damaged keep nobody else from being kept, and everybody who looks is told."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.cli.restore_opening import open_for_restore
from bot.config.settings import load_settings
from bot.errors import CourierError, DamagedArchiveError, NotFoundError
from bot.models import Backup, Cause, Reason, RetentionCode, Trigger, because
from bot.services.concurrency.abort import Abort
from bot.services.restore.restorer import Restorer
from bot.services.restore.sources import find_source
from bot.services.retention.inventory import record_fault
from bot.texts import history as history_texts
from bot.words.retention import retention_words
from tests.world.catalogue import House

HOUR = timedelta(hours=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def cut(archive: Path) -> None:
    with archive.open("r+b") as file:
        file.truncate(archive.stat().st_size // 2)


def flip(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[100] ^= 1
    archive.write_bytes(content)


def delete(archive: Path) -> None:
    archive.unlink()


async def drill(house: House, backup: Backup) -> None:
    """Let reading find what no size tells."""
    async with house.courier() as courier:
        with pytest.raises(DamagedArchiveError):
            await courier.drills.prove(house.archive(backup), backup)


@pytest.mark.parametrize("spoil", [delete, cut, flip])
async def test_a_lost_archive_does_not_let_the_last_good_one_go(house: House, spoil) -> None:
    """The newest archive of a database that is gone since is lost: the older one that holds it stays."""
    first, second = await house.back_up(), await house.back_up()
    house.x.unlink()
    spoil(house.archive(second))
    if spoil is flip:
        await drill(house, second)
    await house.back_up()
    newest = await house.back_up()
    assert house.archive(first).is_file()
    async with house.courier() as courier:
        kept = {
            decision.backup.id: retention_words(decision.why) for decision in await courier.housekeeping.plan_prune()
        }
        assert kept[first.id] == "the last good backup of x.db"
        assert kept[newest.id] == "the newest backup"
        assert kept.get(second.id, "damaged: counts as no backup") == "damaged: counts as no backup"
        words = history_texts.details(await courier.details(second.id), house.now, courier.settings.timezone)
        assert ("is gone from" if spoil is delete else "is damaged") in words
        lost = await courier.catalogue.backups.select(on_disk_only=True, gone_too=True)
        assert {b.id for b in lost if b.fault} == {second.id}
        assert [one.backup_id for one in (await courier.status()).lost] == [second.id]


async def test_what_is_lost_is_noticed_before_the_very_next_deletion(house: House) -> None:
    """Also by a process that runs for months: it compares with the disk before it deletes, not only at its start."""
    first, second = await house.back_up(), await house.back_up()
    house.x.unlink()
    async with house.courier() as courier:
        delete(house.archive(second))
        for _ in range(2):
            house.now += HOUR
            await courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by="schedule")
        assert house.archive(first).is_file()
        assert (await courier.catalogue.backups.get(second.id)).gone


async def test_the_only_good_one_is_never_deleted_on_request_and_a_damaged_one_may_be(house: House) -> None:
    """An admin who deletes is told by what is really there."""
    first, second = await house.back_up(), await house.back_up()
    cut(house.archive(second))
    async with house.courier() as courier:
        with pytest.raises(CourierError, match="last good backup of"):
            await courier.housekeeping.delete(first.id, actor="Ann")
        await courier.housekeeping.delete(second.id, actor="Ann")
    assert not (await house.backup(second.id)).fault


async def test_an_archive_that_is_put_right_counts_again(house: House, tmp_path: Path) -> None:
    """Copied back, it is read in full and believed; a damaged one in its place stays what it is."""
    backup = await house.back_up()
    saved = shutil.copy(house.archive(backup), tmp_path / "saved.zip")
    cut(house.archive(backup))
    assert (await house.backup(backup.id)).damaged
    shutil.copy(saved, house.archive(backup))
    flip(house.archive(backup))
    assert (await house.backup(backup.id)).damaged
    house.archive(backup).unlink()
    assert (await house.backup(backup.id)).gone
    shutil.copy(saved, house.archive(backup))
    assert (await house.backup(backup.id)).sound


async def test_an_archive_that_is_cut_off_is_so_whatever_reads_it(house: House) -> None:
    """Its size says more than what a test-restore, or somebody else, has found in it; of another file it says less."""
    backup = await house.back_up()
    content = house.archive(backup).read_bytes()
    cut(house.archive(backup))
    await drill(house, backup)
    said = because(Cause.ARCHIVE_CUT, bytes=len(content) // 2, written=len(content))
    assert (await house.backup(backup.id)).fault == said
    async with house.courier() as courier:
        (test,) = await courier.catalogue.drills.of(backup.id)
        assert test.result == Reason(Cause.ARCHIVE_CUT_OFF)
        damaged = DamagedArchiveError("It is odd.", cause=Reason(Cause.ARCHIVE_CHANGED))
        await record_fault(courier.store, courier.catalogue, backup, damaged)
        assert (await courier.catalogue.backups.get(backup.id)).fault == said
    house.archive(backup).write_bytes(content[:-1] + b"?")
    assert (await house.backup(backup.id)).fault == Reason(Cause.ARCHIVE_OTHER)
    async with house.courier() as courier:
        await record_fault(courier.store, courier.catalogue, backup, damaged)
        assert (await courier.catalogue.backups.get(backup.id)).fault == damaged.cause


async def test_a_damaged_archive_goes_when_it_is_old_unless_it_is_all_there_is(house: House) -> None:
    """What can be saved out of it by hand may be all there is of a database."""
    first = await house.back_up()
    house.x.unlink()
    second = await house.back_up()
    cut(house.archive(first))
    cut(house.archive(second))
    house.now += timedelta(days=30)
    await house.back_up()
    assert house.archive(first).is_file()
    assert not house.archive(second).exists()
    async with house.courier() as courier:
        assert {d.backup.id: retention_words(d.why) for d in await courier.housekeeping.plan_prune()}[first.id] == (
            "damaged, and yet the only archive of x.db"
        )


@pytest.mark.parametrize("spoil", [delete, cut])
async def test_restore_latest_names_the_newest_good_older_one(house: House, spoil) -> None:
    """Nothing older is taken unasked, and nobody is told to bring volumes."""
    first, second = await house.back_up(), await house.back_up()
    spoil(house.archive(second))
    async with house.courier() as courier:
        with pytest.raises((NotFoundError, DamagedArchiveError)) as raised:
            await find_source(courier.catalogue, house.store, "latest", ZoneInfo("UTC"))
        assert f"backup {second.id}" in raised.value.sentence
        assert f"`restore {first.id}` takes it" in raised.value.hint
        origin = await find_source(courier.catalogue, house.store, str(first.id), ZoneInfo("UTC"))
        assert origin.files == (house.archive(first),)


async def test_a_restore_that_finds_the_archive_damaged_records_it_and_names_the_older_one(
    house: House, tmp_path: Path
) -> None:
    """Of the same size and yet not the same: the restore itself is what finds it."""
    first, second = await house.back_up(), await house.back_up()
    flip(house.archive(second))
    settings = load_settings(house.env, need_telegram=False)
    async with open_for_restore(settings, reading=False) as (context, configured):
        restorer = Restorer(context, configured)
        origin = await find_source(context.catalogue, house.store, "latest", ZoneInfo("UTC"))
        with pytest.raises(DamagedArchiveError) as raised:
            async with restorer.prepare(origin, folder=tmp_path / "out", abort=Abort()):
                pass
    assert f"`restore {first.id}` takes it" in raised.value.hint
    assert (await house.backup(second.id)).damaged


@pytest.mark.parametrize("service", ["killed", "running"])
async def test_a_clock_that_leaps_ahead_deletes_nothing_for_a_day(house: House, service: str) -> None:
    """Years ahead of the last heartbeat, every archive looks old: nothing goes, also under the runs that follow."""
    made = [await house.back_up()]
    house.now += timedelta(days=4)
    made.append(await house.back_up())
    right = house.now
    async with house.courier() as courier:
        await courier.catalogue.service.beat(pid=1, started_at=house.now, next_run_at=None)
        house.now += timedelta(days=1900)
        if service == "running":
            await courier.catalogue.service.beat(pid=1, started_at=house.now, next_run_at=None)
    made += [await house.back_up() for _ in range(3)]
    assert all(house.archive(backup).is_file() for backup in made)
    async with house.courier() as courier:
        assert RetentionCode.CLOCK_DOUBTED in {
            decision.why.code for decision in await courier.housekeeping.plan_prune()
        }
    house.now = right  # put right: retention goes on
    await house.back_up()
    assert len(list(house.store.glob("*.zip"))) < 6
