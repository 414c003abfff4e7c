"""The disk of the backups fills up, for real: told before it is full, survived when it is, over with room."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bot.errors import CourierError, NoSpaceError
from bot.models import Actor, BackupState, ServiceState, Trigger
from tests.world import faults
from tests.world.clock import until
from tests.world.databases import make_database, write_env
from tests.world.full_disk import MB, SmallDisk, small_disk
from tests.world.processes import started
from tests.world.service import Town, town_in


@asynccontextmanager
async def town_on(tmp_path: Path, megabytes: int = 64, **more: str) -> AsyncIterator[tuple[Town, SmallDisk]]:
    """A service whose backups lie on a small disk, with one database of 3 MB that does not compress."""
    with small_disk(tmp_path / "disk", megabytes) as disk:
        async with town_in(tmp_path, BACKUP_DIR=str(disk.folder / "backups"), **more) as town:
            with closing(sqlite3.connect(town.users)) as connection, connection:
                connection.execute("CREATE TABLE pictures (content BLOB)")
                connection.execute("INSERT INTO pictures VALUES (?)", (os.urandom(3 * MB),))
            await town.back_up()
            yield town, disk


def alarms_of(town: Town) -> list[str]:
    return [m.text.splitlines()[0] for m in town.ann.messages if m.text.startswith("🚨")]


async def over(town: Town) -> bool:
    town.service.courier.alarms.nudge()
    return await town.service.courier.alarms.open_alarms() == ()


async def test_a_disk_that_fills_is_told_and_ends_when_there_is_room(tmp_path: Path) -> None:
    """Less room than two backups need: one loud alarm with the figures; backups go on; room again ends it."""
    async with town_on(tmp_path) as (town, disk):
        assert alarms_of(town) == []
        disk.fill(leave=21 * MB)  # 16 are left free, a backup takes 6, two take 12
        await town.back_up()
        alarm = await town.ann.wait_for(lambda m: "Disk nearly full" in m.text, since=0)
        assert not alarm.silent
        assert f"disk of {disk.folder / 'backups'}" in alarm.text
        assert (await town.service.courier.catalogue.backups.select(limit=1))[0].state is BackupState.DELIVERED
        assert [title.split(":")[0] for title in alarms_of(town)] == ["🚨 Disk nearly full"]
        disk.clear()
        await until(lambda: over(town))
        await town.ann.wait_for(lambda m: m.id == alarm.id and m.text.startswith("✅ The disk has room again"), since=0)


@pytest.mark.parametrize("leave", [2 * MB, 0])
async def test_a_backup_on_a_full_disk_fails_cleanly_and_the_service_recovers(
    tmp_path: Path, leave: int, log_lines: list[str]
) -> None:
    """No half archive is left, the older one is untouched, everybody is told; with room all is well, by itself."""
    async with town_on(tmp_path) as (town, disk):
        courier, store = town.service.courier, town.settings.backup_dir
        (whole,) = store.glob("database_backup_*")
        content = whole.read_bytes()
        disk.fill(leave=leave)
        for _ in range(2):
            with pytest.raises(CourierError) as refused:
                await town.back_up()
            assert ("not enough disk space" if leave else "the disk is full") in refused.value.sentence.lower()
            assert not leave or "Free some space" in refused.value.hint  # DATABASES is not at fault
        assert [path.name for path in store.glob("*database_backup*")] == [whole.name]
        assert list((store / ".work").iterdir()) == []
        assert whole.read_bytes() == content
        await town.ann.wait_for(lambda m: "🚨 Disk nearly full" in m.text, since=0)
        if leave:
            await town.ann.wait_for(lambda m: "🚨 Backup failed" in m.text, since=0)
        await town.ann.send("/status")
        shown = await town.ann.wait_for(lambda m: "Backup Status" in m.text)
        # Without any room not even the failed run can be written down.
        assert ("Disk nearly full" in shown.text, "not enough disk space" in shown.text) == (not leave, bool(leave))
        for _ in range(3):  # its own signs of life, with nothing to write them on
            await town.service.look_for_news()
            await town.service.parts.planned.follow()
            await courier.alarm_loop.deliver()
        assert not town.service._failed.done()
        assert sum("could not be written down" in line for line in log_lines) <= 1  # however often it is tried
        disk.clear()
        result = await courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE)
        assert result.backup.state is BackupState.DELIVERED
        await until(lambda: over(town))
        await courier.alarm_loop.deliver()
        await town.ann.wait_for(lambda m: "The disk has room again" in m.text, since=0)
        assert alarms_of(town) == []


@pytest.mark.parametrize("answered", [False, True])
async def test_what_is_owed_on_a_full_disk_waits_for_room_and_ends_no_service(
    tmp_path: Path, answered: bool, log_lines: list[str]
) -> None:
    """Neither a try that can't be written down nor its answer that can't: one line says so; with room it goes out."""
    async with town_on(tmp_path) as (town, disk):
        ledger = town.service.courier.ledger
        down = town.api.inject(faults.server_error(), "sendDocument", chat_id=town.ben.id, times=None)
        backup = await town.made()
        down.cancel()
        gate = town.api.hold("sendDocument", chat_id=town.ben.id)
        if answered:
            town.clock.go(3600)
            ledger.nudge()
            await gate.reached()
        disk.fill(leave=0)
        gate.open()
        if not answered:
            town.clock.go(3600)
            ledger.nudge()
        await until(lambda: told(log_lines))
        assert not town.service._failed.done()
        disk.clear()
        await town.ben.wait_for(lambda m: m.document is not None and m.document.name == backup.archive_name, since=0)
        await until(lambda: delivered(town, backup.id))
        assert sum("what is owed waits" in line for line in log_lines) == 1


async def told(log_lines: list[str]) -> bool:
    said = "what is owed waits: The catalogue catalogue.db can't be written: the disk is full."
    return any(said in line for line in log_lines)


async def delivered(town: Town, backup_id: int) -> bool:
    return (await town.service.courier.catalogue.backups.get(backup_id)).state is BackupState.DELIVERED


async def test_a_run_that_a_full_disk_left_out_is_made_up_for(tmp_path: Path) -> None:
    """A run that could not even be written down comes as soon as there is room, and not an hour later."""
    async with town_on(tmp_path, SCHEDULE="0 * * * *") as (town, disk):
        planned, scheduler = town.service.parts.planned, town.service.parts.planned.scheduler
        disk.fill(leave=0)
        town.clock.go(3600)
        await town.service.parts.heartbeat.beat()
        assert (await town.service.courier.status()).state is ServiceState.RUNNING  # it answers, so it lives
        due = scheduler.previous_run(town.clock())
        assert due is not None
        scheduler.fire(due)
        await until(lambda: idle(town))
        await planned.follow()
        await until(lambda: idle(town))
        assert len(await town.service.courier.catalogue.backups.select()) == 1
        disk.clear()
        await planned.follow()
        await until(lambda: caught_up(town))
        await planned.follow()
        assert scheduler.running is None


async def idle(town: Town) -> bool:
    return town.service.parts.planned.scheduler.running is None


async def caught_up(town: Town) -> bool:
    (newest, *_) = await town.service.courier.catalogue.backups.select()
    return newest.trigger is Trigger.CATCH_UP and newest.state is BackupState.DELIVERED and await idle(town)


async def test_a_command_on_a_full_disk_says_that_it_is_full(tmp_path: Path) -> None:
    """Also where SQLite finds no room for its shared memory, and tells of it as of a disk that fails."""
    with small_disk(tmp_path / "disk", 64) as disk:
        env = write_env(tmp_path, [make_database(tmp_path / "shop.db")], BACKUP_DIR=str(disk.folder / "backups"))
        assert (made := await started(["backup", "--no-deliver", "--env-file", str(env)]).ended()).returncode == 0, made
        disk.fill(leave=0)
        for command in (["list"], ["backup", "--no-deliver"]):
            done = await started([*command, "--env-file", str(env)]).ended()
            assert done.returncode == NoSpaceError.exit_code
            assert done.stderr.startswith("error: The catalogue catalogue.db can't be written: the disk is full.\n")
            assert f"Free space at {disk.folder / 'backups'}." in done.stderr
