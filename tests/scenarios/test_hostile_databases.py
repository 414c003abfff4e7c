"""A database that asks for years, brought by a stranger or among the sources: forgotten, stopped, and nobody waits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.app.service import Service
from bot.models import Trigger, Verdict
from tests.world.archives import foreign
from tests.world.databases import make_database, members_of
from tests.world.hostile import LARGE, SLOW, UNSTOPPABLE, examiners, hostile_database, is_deep_in
from tests.world.inbox import open_house
from tests.world.phones import Person
from tests.world.service import settings_for
from tests.world.shell import serving
from tests.world.stand_in import StandIn

DRAIN = 8
"""Seconds that a service may take to end, as its users read."""


async def seen(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.05)


async def is_checking(pid: int) -> int:
    """Wait until the process `pid` checks what never ends; who checks it."""
    while not (deep := [child for child in examiners(pid) if is_deep_in(child)]):
        await asyncio.sleep(0.05)
    return deep[0]


def bomb(folder: Path, place: str, expression: str) -> Path:
    """An archive of some hundred bytes."""
    folder.mkdir()
    content = hostile_database(folder / "app.db", place, expression).read_bytes()
    return foreign(folder, ("app.db", content))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM on Windows")
async def test_what_never_ends_is_forgotten_and_stopped(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """Forget frees the service at once, the next archive is read, and a signal ends it in the middle of the third."""
    live = make_database(tmp_path / "live.db", wal=False)
    settings_for(tmp_path, standin, live, SCHEDULE="0 0 1 1 *")
    process = await serving(tmp_path, standin)
    archive = bomb(tmp_path / "phone", "an index", SLOW)

    await ann.send_document(archive)
    await is_checking(process.pid)
    reading = await ann.wait_for(lambda m: "✖️ Cancel" in m.button_texts, since=0)
    await (await ann.press("✖️ Cancel", message=reading)).answered(within=20)
    await seen(lambda: not examiners(process.pid))

    folder = tmp_path / "good"
    folder.mkdir()
    await ann.send_document(foreign(folder, ("live.db", live.read_bytes())))
    await ann.wait_for(lambda m: "✅ live.db" in m.text, since=0, within=20)

    await ann.send_document(archive)
    child = await is_checking(process.pid)
    process.send_signal(signal.SIGTERM)
    assert (await process.ended(within=DRAIN + 2)).returncode == 0  # and 2 s for this machine
    assert child not in [*examiners(process.pid), *examiners(1)]


@pytest.mark.parametrize("expression", [UNSTOPPABLE, LARGE])
async def test_what_asks_for_all_memory_is_read_without_giving_any(expression: str, tmp_path: Path) -> None:
    """A constraint says nothing of damage: it is not evaluated, and the archive is as good as any."""
    async with open_house(tmp_path) as house:
        await house.ann.send_document(bomb(tmp_path / "evil", "a constraint", expression))
        ready = await house.shows("✅ app.db", "100 rows")
        await house.press("✖️ Cancel", ready)
        await house.ann.send_document(bomb(tmp_path / "worse", "an index", expression))
        ready = await house.shows("could not be checked", "values of more than 1 MB")
        await house.press("✖️ Cancel", ready)


async def test_a_hostile_source_goes_out_with_its_warning_and_keeps_nobody(
    standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """It could not be checked, and says why; the database beside it is checked as ever."""
    hostile = hostile_database(tmp_path / "hostile.db", "a constraint", UNSTOPPABLE)
    settings = settings_for(tmp_path, standin, hostile, make_database(tmp_path / "live.db"), SCHEDULE="0 0 1 1 *")
    async with Service.started(settings) as there:
        made = await there.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        one, other = sorted(made.backup.databases, key=lambda database: database.name)
        assert (one.name, one.verdict, other.verdict) == ("hostile.db", Verdict.UNCHECKED, Verdict.OK)
        assert one.rows == (("t", 100),)
        assert members_of(there.courier.store.folder / made.backup.archive_name) >= {"hostile.db", "live.db"}


async def test_a_service_ends_in_the_middle_of_a_hostile_source(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """Nothing of its check goes on."""
    hostile = hostile_database(tmp_path / "hostile.db", "a constraint", SLOW)
    settings = settings_for(tmp_path, standin, hostile, make_database(tmp_path / "live.db"), SCHEDULE="0 0 1 1 *")
    async with Service.started(settings) as there:
        running = asyncio.create_task(there.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test"))
        await is_checking(os.getpid())
        ending = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - ending < DRAIN + 2
    assert examiners() == []
    await asyncio.gather(running, return_exceptions=True)
