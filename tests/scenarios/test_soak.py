"""Simulated days of hourly runs in which anything may go wrong; at their end, what should exist does, and opens.

Two days by default, as many as SOAK_DAYS says. SEED chooses what happens, always the same unless it says otherwise;
SEED=0 draws one and prints it.
"""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.app.service import Service
from bot.demo.stand_in.calls import CallStage
from bot.models import Backup, DeliveryState, Trigger
from bot.services.archive.verify import verify_archive
from bot.services.catalogue import ALL
from bot.services.concurrency.abort import Abort
from bot.services.files.private_file import PART_SUFFIX
from tests.world import faults
from tests.world.clock import until
from tests.world.databases import change, make_database
from tests.world.phones import Person
from tests.world.service import settings_for
from tests.world.stand_in import StandIn

DAYS = int(os.environ.get("SOAK_DAYS", "2"))
HOUR = timedelta(hours=1)
ADMINS = {11: "Ann", 12: "Ben", 13: "Cem"}
KEPT_DAYS, KEPT_COUNT = 1, 30
SPARE_FILES = 12  # descriptors that connections to Telegram and to clients may hold open at one moment or another
SPARE_MB = 48 + DAYS  # the stand-in keeps every message, and lives in the same process


class World:
    """The service with its databases, its admins and their phones, and a clock that only moves when it is told."""

    def __init__(self, folder: Path, api: StandIn, chance: random.Random) -> None:
        self.folder, self.api, self.chance = folder, api, chance
        self.now = datetime(2026, 3, 27, 5, 0, tzinfo=UTC)  # the clocks of Berlin change on the 29th
        self.people = {number: api.add_user(number, name) for number, name in ADMINS.items()}
        self.databases = [make_database(folder / name) for name in ("shop.db", "users.db", "stats.db")]
        self.hidden: list[Path] = []
        self.possible = 0
        """Hours in which there was a database to back up."""
        self.settings = settings_for(
            folder, api, *self.databases, ADMIN_IDS=",".join(map(str, ADMINS)), RETRY_DELAY="0.01", RETRY_ATTEMPTS="2",
            MAX_BACKUP_AGE_DAYS=str(KEPT_DAYS), MAX_BACKUP_COUNT=str(KEPT_COUNT),
        )  # fmt: skip
        self._stack = AsyncExitStack()
        self._service: Service | None = None

    def clock(self) -> datetime:
        return self.now

    @property
    def service(self) -> Service:
        assert self._service is not None
        return self._service

    async def start(self) -> None:
        self.set_telegrams_clock()
        self._service = await self._stack.enter_async_context(Service.started(self.settings, clock=self.clock))
        await self.settled()

    async def stop(self) -> None:
        await self._stack.aclose()
        self._service = None

    async def pass_hour(self) -> None:
        """Let the clock strike: the planned run happens, and what is owed is looked at."""
        self.now += HOUR
        self.set_telegrams_clock()
        self.possible += len(self.hidden) < len(self.databases)
        planned = self.now.replace(minute=0, second=0)
        self.service.parts.planned.scheduler.fire(planned)
        await self.settled()

    def set_telegrams_clock(self) -> None:
        self.api.clock.advance(self.now.timestamp() - self.api.clock.now())

    async def settled(self) -> None:
        """Wait until no run is under way."""
        await until(self._idle)

    async def _idle(self) -> bool:
        return self.service.parts.planned.scheduler.running is None and self.service.courier.runs.running is None

    def write(self) -> None:
        """Let the application of one database commit something."""
        path = self.chance.choice(self.databases)
        if path in self.hidden:
            return
        change(path, f"INSERT INTO entries (text) VALUES ('at {self.now}')", "UPDATE totals SET rows = rows + 1")

    def hide(self) -> None:
        """Take a database away."""
        path = self.chance.choice(self.databases)
        if path not in self.hidden:
            path.rename(path.with_suffix(".hidden"))
            self.hidden.append(path)

    def bring_back(self) -> None:
        for path in self.hidden:
            path.with_suffix(".hidden").rename(path)
        self.hidden.clear()

    def person(self) -> Person:
        return self.people[self.chance.choice(list(self.people))]


async def trouble(world: World) -> None:
    """Let one thing go wrong, or right again."""
    api, chance = world.api, world.chance
    match chance.randrange(12):
        case 0:
            world.hide()
        case 1 | 2:
            world.bring_back()
        case 3:
            world.person().block_bot()
        case 4 | 5:
            await world.person().start()
        case 6:
            api.inject(faults.flood(1), "sendDocument", chat_id=chance.choice(list(ADMINS)))
        case 7:
            api.inject(faults.server_error(502, html=True), chance.choice(["sendDocument", "editMessageMedia", None]))
        case 8:
            api.inject(faults.reset(chance.choice([CallStage.CALL, CallStage.ANSWER])), "sendDocument")
        case 9:
            api.inject(faults.server_error(), "sendDocument", times=chance.randrange(1, 9))
        case 10:
            await world.stop()
            world.now += chance.randrange(0, 3) * HOUR
            await world.start()
        case 11 if len(world.hidden) < len(world.databases):
            path = chance.choice([path for path in world.databases if path not in world.hidden])
            with closing(sqlite3.connect(path)) as app:
                app.execute("BEGIN EXCLUSIVE")  # in WAL mode it keeps others from writing, not from reading
                app.execute("INSERT INTO entries (text) VALUES ('never committed')")
                await world.pass_hour()


async def test_after_days_of_trouble_all_is_as_it_should_be(standin: StandIn, tmp_path: Path) -> None:
    """Archives, deliveries, memory and open files, after runs with faults and admins who come and go."""
    seed = int(os.environ.get("SEED", "1")) or random.SystemRandom().randrange(1, 10**6)
    print(f"SEED={seed} SOAK_DAYS={DAYS}")
    world = World(tmp_path, standin, random.Random(seed))
    await world.start()
    try:
        begun = await _days(world)
        await all_served(world)
        await archives_are_right(world)
        await alarms_have_ended(world)
        ended = Used()
    finally:
        await world.stop()
    assert ended.files <= begun.files + SPARE_FILES
    assert ended.megabytes <= begun.megabytes + SPARE_MB
    assert sorted(path.name for path in world.settings.backup_dir.rglob(f"*{PART_SUFFIX}")) == []


async def _days(world: World) -> Used:
    """Let the days pass, and end them well; return what the process held after the first."""
    begun = Used()
    world.hide()  # whatever chance brings, one alarm begins
    await world.pass_hour()
    for hour in range(DAYS * 24):
        world.write()
        if world.chance.random() < 0.4:
            await trouble(world)
        await world.pass_hour()
        if hour == 23:
            begun = Used()
    world.api.clear_faults()
    world.bring_back()
    for person in world.people.values():
        await person.start()
    await world.pass_hour()
    return begun


class Used:
    """What the process holds, where Linux tells it; nothing elsewhere."""

    def __init__(self) -> None:
        self.files, self.megabytes = 0, 0.0
        status, descriptors = Path("/proc/self/status"), Path("/proc/self/fd")
        if status.exists():
            self.files = len(list(descriptors.iterdir()))
            self.megabytes = int(status.read_text().split("VmRSS:")[1].split()[0]) / 1024


async def all_served(world: World) -> None:
    """Everybody has the newest backup, and nothing is owed any more."""
    catalogue = world.service.courier.catalogue

    async def served() -> bool:
        world.now += timedelta(minutes=5)  # what waits for its next try becomes due
        world.service.courier.ledger.nudge()
        newest = (await catalogue.backups.select(limit=1))[0]
        rows = await catalogue.deliveries.of(newest.id)
        return len(rows) == len(ADMINS) and all(row.state is DeliveryState.SENT for row in rows)

    await until(served)
    newest = (await catalogue.backups.select(limit=1))[0]
    content = (world.settings.backup_dir / newest.archive_name).read_bytes()
    for person in world.people.values():
        documents = [m.document for m in person.messages if m.document and m.document.name == newest.archive_name]
        assert documents
        assert await documents[-1].read() == content


async def alarms_have_ended(world: World) -> None:
    """Every alarm that began has ended, and the phones were told so."""
    alarms, alarm_loop = world.service.courier.alarms, world.service.courier.alarm_loop

    async def over() -> bool:
        await alarm_loop.deliver()
        if await alarms.open_alarms() == ():
            return True
        await world.pass_hour()  # what could not be told is tried again after some minutes
        return False

    await until(over)
    said = [message.text for person in world.people.values() for message in person.messages]
    assert any(text.startswith("✅") and " for " in text for text in said)


async def archives_are_right(world: World) -> None:
    """What the catalogue says is on the disk is there and whole, nothing else is, and the limits are kept."""
    catalogue, folder = world.service.courier.catalogue, world.settings.backup_dir
    on_disk = await catalogue.backups.select(limit=ALL, on_disk_only=True)
    assert {backup.archive_name for backup in on_disk} == {path.name for path in folder.glob("database_backup_*")}
    assert len(on_disk) <= KEPT_COUNT + len(world.databases)
    floors = {backup.id for backup in (await catalogue.backups.latest_by_database()).values()}
    for backup in on_disk:
        await verify_archive(folder / backup.archive_name, expected_sha256=backup.archive_sha256, abort=Abort())
        assert backup.id in floors or world.now - backup.started_at <= timedelta(days=KEPT_DAYS) + 3 * HOUR
    every = await catalogue.backups.select(limit=ALL)
    assert {backup.trigger for backup in every} <= {Trigger.SCHEDULE, Trigger.CATCH_UP}
    assert sum(1 for backup in every if backup.proven) >= world.possible * 0.9
    assert all(_accounted(backup) for backup in every)


def _accounted(backup: Backup) -> bool:
    """Whether a run holds all three databases, or says which it is without."""
    return not backup.proven or len(backup.databases) + len(backup.skipped) == 3
