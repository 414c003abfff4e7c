"""A service of which only the clock stands still: real databases, real backups, real messages on people's phones."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.demo.stand_in.state import Message
from bot.errors import CourierError
from bot.models import Alarm, Backup, Trigger
from bot.services.manager import Courier
from tests.world.databases import write_env
from tests.world.phones import Person
from tests.world.stand_in import StandIn

START = datetime(2026, 7, 13, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Scene:
    """Two admins, Ann (11) and Ben (12). `open` and `close` are the start and the end of a process."""

    def __init__(self, api: StandIn, folder: Path, sources: list[Path], **settings: str) -> None:
        self.api, self.folder, self.sources = api, folder, sources
        self.settings = {"ADMIN_IDS": "11,12", "RETRY_DELAY": "0.01", "RETRY_ATTEMPTS": "1", **settings}
        self.now = START
        self.ann, self.ben = (api.people.get(n) or api.add_user(n, name) for n, name in ((11, "Ann"), (12, "Ben")))
        self._stack = AsyncExitStack()

    @property
    def courier(self) -> Courier:
        return self._courier

    def clock(self) -> datetime:
        return self.now

    async def open(self) -> "Scene":
        env = write_env(
            self.folder, self.sources, BOT_TOKEN=self.api.bot().token, TELEGRAM_API=self.api.url, **self.settings
        )
        opened = open_courier(load_settings(env), deliver=True, clock=self.clock)
        self._courier = await self._stack.enter_async_context(opened)
        return self

    async def close(self) -> None:
        await self._stack.aclose()

    async def restart(self) -> None:
        await self.close()
        await self.open()

    async def pass_time(
        self, length: timedelta, each: Callable[[], Awaitable[object]] | None = None, *, every: timedelta = HOUR
    ) -> None:
        """Let hours go by; at each one the service looks and tells, after `each` if there is one."""
        ends = self.now + length
        while self.now < ends:
            step = min(every, ends - self.now)
            self.now += step
            self.api.clock.advance(step.total_seconds())
            if each is not None:
                await each()
            await self.courier.alarm_loop.deliver()

    async def back_up(self) -> Backup | None:
        """Make the hourly backup, and let everybody be told of what came of it; None when it failed."""
        made = None
        with suppress(CourierError):
            made = (await self.courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by="the schedule")).backup
        await self.courier.alarm_loop.deliver()
        return made

    async def open_keys(self) -> list[str]:
        return [alarm.key for alarm in await self.open_alarms()]

    async def open_alarms(self) -> tuple[Alarm, ...]:
        return await self.courier.alarms.open_alarms()


def texts_of(person: Person) -> list[str]:
    """What a phone shows besides backups."""
    return [message.text for message in notices(person)]


def notices(person: Person) -> list[Message]:
    return [message for message in person.messages if message.document is None]


def loud(person: Person) -> list[Message]:
    """The messages that are still there and came with a sound."""
    return [message for message in person.messages if not message.silent]
