"""A service whose screens are the same at every run: a standing clock, a disk of one size, databases of one size."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import TelegramMethod

from bot.app.service import Service
from bot.config.settings import Settings, load_settings
from bot.demo.stand_in.state import Message
from bot.models import Actor, Backup, Trigger
from bot.services.schedule.scheduler import Scheduler
from bot.services.telegram import requests
from tests.world.clock import StandingClock, until
from tests.world.databases import write_env
from tests.world.golden import Golden
from tests.world.phones import Person
from tests.world.service import opened
from tests.world.stand_in import StandIn
from tests.world.telegram import OfflineSession

EVENING = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
"""A Saturday, 21:00 in Berlin, when a run is planned."""

FIVE = ("users.db", "orders.db", "billing.db", "sessions.db", "analytics.db")
SIXTY = tuple(f"shop{number:02}.db" for number in range(1, 61))

_GB = 1 << 30


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


@dataclass
class Gallery:
    """A service with its databases and two admins, Ann (11) and Ben (12); nothing happens by itself."""

    folder: Path
    api: StandIn
    ann: Person
    ben: Person
    given: Mapping[str, str]
    clock: StandingClock
    patch: pytest.MonkeyPatch
    running: AsyncExitStack
    settings: Settings = field(init=False)
    service: Service = field(init=False)

    @property
    def hidden(self) -> dict[str, str]:
        """What differs from run to run."""
        return {str(self.folder): "/srv/app"}

    def path(self, name: str) -> Path:
        return self.folder / "live" / name

    async def start(self, *sources: Path) -> None:
        """Start the service over these databases; one that runs is stopped before."""
        await self.running.aclose()
        self.settings = load_settings(write_env(self.folder, sources, **self.given))
        self.service = await self.running.enter_async_context(Service.started(self.settings, clock=self.clock))

    async def back_up(self, *, after: float = 0) -> Backup:
        """Let so many minutes pass, then make a backup by the schedule; it has arrived when this returns."""
        await self.later(after)
        return (await self.service.courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE)).backup

    async def later(self, minutes: float) -> None:
        """Let time pass; the service lives on."""
        self.clock.advance(minutes * 60)
        await self.service.parts.heartbeat.beat()

    async def alarmed(self, *keys: str) -> None:
        """Wait until these alarms are open and no others, and Ann was told of each."""

        async def told() -> bool:
            self.service.courier.alarm_loop.nudge()
            alarms = await self.service.courier.catalogue.alarms.open()
            rung = sum(m.text.startswith(("🚨", "⚠️")) and not m.document for m in self.ann.messages)
            return {alarm.key for alarm in alarms} == set(keys) and rung == len(keys)

        await until(told)

    def lose_the_network(self) -> None:
        """Let no name server know Telegram for what goes out; presses still come, and are answered."""
        answered, nowhere = AiohttpSession.make_request, OfflineSession()

        async def asked(
            session: AiohttpSession, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None
        ) -> Any:
            lost = method.__api_method__ in ("getMe", "getChat", "sendDocument")
            return await answered(nowhere if lost else session, bot, method, timeout)

        self.patch.setattr(AiohttpSession, "make_request", asked)
        # The stand-in is a server of one's own, of which other words say that it does not answer.
        self.patch.setattr(requests, "PRODUCTION", TelegramAPIServer.from_base(self.api.url))
        self.running.push_async_callback(nowhere.close)

    async def screen(self, *path: str) -> Message:
        """What Ann sees after /admin and these buttons."""
        return await opened(self.ann, *path)

    def disk(self, free: int, total: int = 40 * _GB) -> None:
        """Let every disk have so many bytes free."""
        self.patch.setattr(shutil, "disk_usage", lambda _: _Usage(total, total - free, free))


@asynccontextmanager
async def gallery(
    patch: pytest.MonkeyPatch, names: Sequence[str] = ("users.db",), *, ben_started: bool = True, **more: str
) -> AsyncIterator[Gallery]:
    """Open a gallery; `patch` sets the size of the disk, and lets no planned run begin."""
    # Of one length wherever it lies, as long names are cut.
    folder = Path(tempfile.mkdtemp(prefix="screens-")).resolve()
    clock = StandingClock(EVENING)
    async with StandIn() as api:
        token = api.create_bot_token()
        ann, ben = api.add_user(11, "Ann"), api.add_user(12, "Ben", started=ben_started)
        usual = {
            "BOT_TOKEN": token,
            "TELEGRAM_API": api.url,
            "ADMIN_IDS": "11,12",
            "DRILL_SCHEDULE": "off",
            "RETRY_DELAY": "0.05",
        }
        sources = [_database(folder / "live" / name, seed) for seed, name in enumerate(names)]
        patch.setattr(shutil, "disk_usage", lambda _: _Usage(40 * _GB, 15 * _GB, 25 * _GB))
        # Its real timer looks at the standing clock every 30 s: on a slow machine, runs that a test passed over began.
        patch.setattr(Scheduler, "fire", lambda *_: False)
        try:
            async with AsyncExitStack() as running:
                place = Gallery(folder, api, ann, ben, usual | more, clock, patch, running)
                await place.start(*sources)
                await until(lambda: _known(place.service))
                yield place
        finally:
            shutil.rmtree(folder)
        assert api.violations == []


Drawing = Callable[..., AbstractAsyncContextManager[tuple[Gallery, Golden]]]
"""A gallery, opened with the name of its state and then as `gallery`, and the kept screens of that state.

At the end of the block what was drawn is compared with them.
"""


async def _known(service: Service) -> bool:
    """Whether the service has asked Telegram for everybody: what they are called, or that they have yet to come."""
    statuses = await service.courier.catalogue.recipients.statuses(service.courier.settings.recipients)
    return all(status.name or status.parked_reason for status in statuses)


def _database(path: Path, seed: int) -> Path:
    """Create a database whose archive has the same size whatever compresses it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT, picture BLOB)")
        rows = ((f"row {number}", chance.randbytes(3000)) for number in range(60 + seed))
        connection.executemany("INSERT INTO entries (text, picture) VALUES (?, ?)", rows)
    return path
