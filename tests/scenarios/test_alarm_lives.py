"""Every kind of alarm through the whole service: loud when it begins, one reminder in its place, and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bot.errors import CourierError
from bot.services.alarms import checks
from bot.services.concurrency.abort import Abort
from tests.world.clock import MovedClock, until
from tests.world.databases import change, damage
from tests.world.service import Town, town_in

HOUR = 3600

Trouble = Callable[[Town, MovedClock], AbstractAsyncContextManager[Callable[[], Awaitable[object]]]]
"""A cause: inside, the alarm's reason is there, and what is given lets the service see it; after it, it is mended."""


@asynccontextmanager
async def no_backup(town: Town, clock: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    clock.go(3 * HOUR)
    yield town.service.courier.alarm_loop.deliver
    await town.back_up()


@asynccontextmanager
async def nothing_to_read(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    live = town.users.parent
    live.rename(live.with_name("away"))

    async def fail() -> None:
        with pytest.raises(CourierError):
            await town.back_up()

    yield fail
    live.with_name("away").rename(live)
    await town.back_up()


@asynccontextmanager
async def missing(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    away = town.users.rename(town.users.with_suffix(".away"))
    yield town.back_up
    away.rename(town.users)
    await town.back_up()


@asynccontextmanager
async def damaged(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    whole = town.users.read_bytes()
    damage(town.users)
    yield town.back_up
    town.users.write_bytes(whole)
    await town.back_up()


@asynccontextmanager
async def shrunken(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    change(town.users, "DELETE FROM entries WHERE id > 3")
    yield town.back_up
    change(
        town.users,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        " INSERT INTO entries (text) SELECT 'row ' || i FROM n",
    )
    await town.back_up()


@asynccontextmanager
async def full(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "disk_usage", lambda _folder: (7 << 20, 100 << 30))
        yield town.service.courier.alarm_loop.deliver


@asynccontextmanager
async def unreachable(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    town.ben.block_bot()

    async def is_parked() -> bool:
        return bool(await town.service.courier.catalogue.recipients.parked())

    await until(is_parked)
    yield town.service.courier.alarm_loop.deliver
    await town.ben.start()


@asynccontextmanager
async def drill_failed(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    (backup,) = await town.service.courier.catalogue.backups.select(limit=1)
    archive = town.settings.backup_dir / backup.archive_name
    whole = archive.read_bytes()

    async def drill() -> None:
        await town.service.courier.drills.drill_on_disk(backup, abort=Abort())
        await town.service.courier.alarm_loop.deliver()

    archive.write_bytes(whole[:200] + b"\0" * 50 + whole[250:])
    yield drill
    archive.write_bytes(whole)
    await drill()


@asynccontextmanager
async def clock_wrong(town: Town, _: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async def hear() -> None:
        for _ in range(3):
            await town.service.parts.bot.get_me()
        await town.service.courier.alarm_loop.deliver()

    town.api.date_ahead = 600
    yield hear
    town.api.date_ahead = 0
    await hear()


@asynccontextmanager
async def second_poller(town: Town, clock: MovedClock) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async def refuse() -> None:
        for _ in range(2):
            town.service.parts.poller._conflict()
        await town.service.courier.alarm_loop.deliver()

    yield refuse
    clock.go(HOUR)  # nobody was refused for so long


@pytest.mark.parametrize(
    ("trouble", "title", "end"),
    [
        (no_backup, "No good backup since", "There is a good backup again"),
        (nothing_to_read, "Backup failed", "Backups are made again"),
        (missing, "users.db is not backed up", "users.db is backed up again"),
        (damaged, "users.db is not backed up", "users.db is backed up again"),
        (shrunken, "users.db has lost rows", "users.db holds as much as before again"),
        (full, "Disk nearly full", "The disk has room again"),
        (unreachable, "Ben can't be reached", "Ben can be reached again"),
        (drill_failed, "Test-restore failed", "A test-restore succeeded"),
        (clock_wrong, "The clock is wrong", "The clock is right again"),
        (second_poller, "Another process uses this bot", "Nobody else uses this bot any more"),
    ],
)
async def test_it_begins_is_repeated_once_and_ends(tmp_path: Path, trouble: Trouble, title: str, end: str) -> None:
    """Loud, then six hours of silence, then loud again in its place; and edited when it is over, after days."""
    clock = MovedClock()
    async with town_in(tmp_path, clock=clock, STALE_AFTER="2h" if trouble is no_backup else "10d") as town:
        await town.ben.start()
        await town.ben.wait_for(lambda m: "Welcome, Ben" in m.text, since=0)
        change(town.users, "INSERT INTO entries (text) SELECT text FROM entries")
        await town.back_up()
        alarms, alarm_loop = town.service.courier.alarms, town.service.courier.alarm_loop

        begins = f"{'⚠️' if trouble is unreachable else '🚨'} {title}"  # nobody's data is in danger

        def ringing() -> list[int]:
            return [m.id for m in town.ann.messages if m.text.startswith(begins)]

        opened = len(await alarms.open_alarms())
        async with trouble(town, clock) as see:
            await see()
            began = await town.ann.wait_for(lambda m: m.text.startswith(begins), since=0)
            assert not began.silent
            clock.go(5 * HOUR + 3000)
            await see()
            await alarm_loop.deliver()
            assert ringing() == [began.id]
            clock.go(700)
            await see()
            reminder = await town.ann.wait_for(lambda m: m.id > began.id and m.text.startswith(begins), since=0)
            await alarm_loop.deliver()
            assert not reminder.silent
            assert ringing() == [reminder.id]
        await alarm_loop.deliver()
        await town.ann.wait_for(lambda m: m.id == reminder.id and m.text.startswith(f"✅ {end}"), since=0)
        await town.ann.wait_for(lambda m: m.reply_to == reminder.id and m.text.startswith(f"✅ {end}"), since=0)
        assert ringing() == []
        assert len(await alarms.open_alarms()) == opened
