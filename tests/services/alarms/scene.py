"""A service with two admins and two databases, and the alarms of it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from bot.demo.stand_in.state import Message
from bot.errors import CourierError
from bot.models import Alarm, Backup
from tests.world.messages import House, texts
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.values import NOON

HOUR = timedelta(hours=1)


class Scene(House):
    """users.db has 500 rows. `open` and `close` are the start and the end of a process."""

    def __init__(self, standin: StandIn, folder: Path, **settings: str) -> None:
        super().__init__(standin, folder, NOON, rows=500, RETRY_ATTEMPTS="1", **settings)

    async def pass_time(
        self, length: timedelta, each: Callable[[], Awaitable[object]] | None = None, *, every: timedelta = HOUR
    ) -> list[str]:
        """Let hours go by; at each one the service looks and tells, after `each`. The keys of what is open then."""
        ends = self.now + length
        while self.now < ends:
            self.pass_to(min(self.now + every, ends))
            if each is not None:
                await each()
            await self.courier.alarm_loop.deliver()
        return await self.open_keys()

    async def back_up(self) -> Backup | None:
        """Make the hourly backup, and let everybody be told of what came of it; None when it failed."""
        with suppress(CourierError):
            return await self.run()
        return None

    async def alarmed(self) -> list[str]:
        """Make the hourly backup; the keys of the alarms that are open then."""
        await self.back_up()
        return await self.open_keys()

    async def open_keys(self) -> list[str]:
        return [alarm.key for alarm in await self.open_alarms()]

    async def open_alarms(self) -> tuple[Alarm, ...]:
        return await self.courier.alarms.open_alarms()

    async def accept(self, kind: str) -> None:
        """Let Ann say of the alarm of that kind that it is right."""
        (alarm,) = [alarm for alarm in await self.open_alarms() if alarm.kind == kind]
        await self.courier.alarms.accept(alarm.id, actor="Ann (11)")


def texts_of(person: Person) -> list[str]:
    """What a phone shows besides backups."""
    return [message.text for message in texts(person)]


def loud(person: Person) -> list[Message]:
    """The messages that are still there and came with a sound."""
    return [message for message in person.messages if not message.silent]
