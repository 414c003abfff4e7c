"""A run that falls due while another run is under way: covered by that one, or made right after it; never dropped."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from loguru import logger

from bot.app.service import Service, open_courier
from bot.config.settings import Settings
from bot.errors import AbortedError
from bot.models import Actor, BackupState, Trigger
from bot.services.files.locks import RunLock
from bot.services.schedule.missed import read_missed
from bot.services.schedule.plan import read_plan
from tests.world.catalogue import run_sql
from tests.world.clock import HeldClock, MovedClock, until
from tests.world.databases import make_database
from tests.world.endpoint import Endpoint
from tests.world.phones import Person
from tests.world.service import settings_for
from tests.world.stand_in import StandIn


@pytest.fixture
def watched(standin: StandIn, ann: Person, endpoint: Endpoint, tmp_path: Path) -> Settings:
    """The settings of an hourly service whose runs the endpoint watches."""
    users = make_database(tmp_path / "users.db", wal=False)
    url = f"http://127.0.0.1:{endpoint.port}/uuid"
    return settings_for(tmp_path, standin, users, HEARTBEAT_URL=url, BUSY_TIMEOUT="20")


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What is logged, line by line."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    yield lines
    logger.remove(sink)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep every backup of a database waiting."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


async def waits(logged: list[str]) -> bool:
    return any("waits for the backup" in line for line in logged)


async def waits_no_more(service: Service) -> bool:
    return service.parts.planned.scheduler.running is None


async def is_under_way(service: Service) -> bool:
    return await service.courier.under_way.anywhere() is not None


@pytest.mark.parametrize("comes_to_nothing", [False, True])
async def test_a_backup_of_another_process_counts_if_it_comes_out_well(
    comes_to_nothing: bool, watched: Settings, endpoint: Endpoint, logged: list[str], tmp_path: Path
) -> None:
    """The hour is kept by one backup or the other, no run is missed, and the watchdog hears of a success."""
    clock = HeldClock(0.3)
    hour = clock() + timedelta(seconds=0.3)
    async with (
        Service.started(watched, clock=clock) as service,
        open_courier(watched, deliver=True, clock=clock) as other,
    ):
        catalogue = service.courier.catalogue
        with locked(tmp_path / "users.db"):
            making = asyncio.create_task(other.runs.back_up(trigger=Trigger.COMMAND, requested_by=Actor.COMMAND_LINE))
            await until(lambda: is_under_way(service))
            clock.release()
            await until(lambda: waits(logged))
            if comes_to_nothing:
                await other.runs.stop("by a test")
        with suppress(AbortedError):
            await making
        await until(lambda: waits_no_more(service))
        (start, success) = await endpoint.until(2)
        (newest, *others) = await catalogue.backups.select()
        assert (newest.state, newest.trigger) == (
            BackupState.DELIVERED, Trigger.SCHEDULE if comes_to_nothing else Trigger.COMMAND,
        )  # fmt: skip
        assert [backup.state for backup in others] == [BackupState.INTERRUPTED] * comes_to_nothing
        assert await catalogue.service.last_planned() == hour
        plan = await read_plan(watched.schedule, catalogue)
        later = clock() + timedelta(minutes=59)
        assert await read_missed(catalogue, plan, watched.timezone, hour - timedelta(hours=1), later) == ()
    assert (start.path, success.path) == ("/uuid/start", "/uuid")


async def test_what_makes_no_backup_is_waited_for(watched: Settings, logged: list[str]) -> None:
    """A command that puts the store in order at the full hour costs nobody a backup."""
    clock = HeldClock(0.3)
    async with Service.started(watched, clock=clock) as service:
        async with RunLock(watched.backup_dir).hold(trigger=Trigger.COMMAND, requested_by=Actor.START):
            clock.release()
            await until(lambda: waits(logged))
        await until(lambda: waits_no_more(service))
        (backup,) = await service.courier.catalogue.backups.select()
    assert (backup.trigger, backup.state) == (Trigger.SCHEDULE, BackupState.DELIVERED)


@pytest.mark.parametrize(("minutes", "made"), [(9, 1), (11, 2)])
async def test_a_backup_that_took_long_does_not_count(
    minutes: int, made: int, watched: Settings, logged: list[str], tmp_path: Path
) -> None:
    """What began well before the hour and lasts beyond it does not hold what is to be backed up then."""
    clock, settings = MovedClock(), watched.model_copy(update={"schedule": "0 0 1 1 *"})
    async with Service.started(settings, clock=clock) as service:
        with locked(tmp_path / "users.db"):
            back_up = service.courier.runs.back_up
            making = asyncio.create_task(back_up(trigger=Trigger.BUTTON, requested_by="Ann (11)"))
            await until(lambda: is_under_way(service))
            clock.go(minutes * 60)
            planned = asyncio.create_task(service.parts.planned.run_now())
            await until(lambda: waits(logged))
        await making
        await planned
        assert len(await service.courier.catalogue.backups.select()) == made


async def test_a_pause_that_can_not_be_read_drops_no_run(watched: Settings, endpoint: Endpoint) -> None:
    """Whatever comes of the run then, the watchdog hears of it."""
    clock = HeldClock(0.3)
    async with Service.started(watched, clock=clock) as service:
        run_sql(service.courier.catalogue, "ALTER TABLE overrides RENAME TO away")
        clock.release()
        start, end = await endpoint.until(2)
        run_sql(service.courier.catalogue, "ALTER TABLE away RENAME TO overrides")
        await until(lambda: waits_no_more(service))
    assert (start.path, end.path.split("/")[1]) == ("/uuid/start", "uuid")
