"""Sets up what a demo plays on: a clock before the hour, an `.env`, sample databases with somebody who writes."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.app.service import Service
from bot.config.settings import Settings, load_settings
from bot.demo.stand_in.standin import StandIn

ADMINS = {101: "Ann", 102: "Ben", 103: "Cleo"}
SECONDS_TO_THE_HOUR = 3.0


class DemoClock:
    """The time for the service and for Telegram alike: that of this machine, and what was added."""

    def __init__(self, api: StandIn) -> None:
        self._api = api

    def __call__(self) -> datetime:
        """Return the present moment of the demo, aware, in UTC."""
        return datetime.fromtimestamp(self._api.clock.now(), UTC)

    def advance(self, by: timedelta) -> None:
        """Make it later by that much at once."""
        self._api.clock.advance(by.total_seconds())

    def go_before_the_hour(self) -> None:
        """Stand a few seconds before the next full hour, so that nobody waits for the hourly run."""
        now = self()
        hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.advance(hour - timedelta(seconds=SECONDS_TO_THE_HOUR) - now)


async def notice_the_time(service: Service) -> None:
    """Let the service see at once that the clock was set, as it would within half a minute."""
    await service.parts.heartbeat.beat()
    await service.parts.planned.follow()
    scheduler = service.parts.planned.scheduler
    scheduler.reschedule(scheduler.expression)
    service.courier.ledger.nudge()


def write_env(folder: Path, sources: Sequence[str], api: StandIn) -> Settings:
    """Write a `.env` as an admin would, for a new bot; load it as `sqlite-courier run` does."""
    env = folder / ".env"
    lines = [
        f"BOT_TOKEN={api.create_bot_token()}",
        "ADMIN_IDS=" + ",".join(map(str, ADMINS)),
        "DATABASES=" + ",".join(f"'{source}'" for source in sources),
        *places(folder, api),
    ]
    env.touch(mode=0o600)  # as `setup` does: it holds the token, and the full check looks
    env.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_settings(env)


def places(folder: Path, api: StandIn) -> list[str]:
    """Return the lines of an `.env` that say where things are on this machine."""
    return [
        f"BACKUP_DIR='{folder / 'backups'}'",
        f"LOG_DIR='{folder / 'logs'}'",
        f"TELEGRAM_API={api.url}",
        "RETRY_DELAY=1",
    ]


@asynccontextmanager
async def writing(database: Path, *, a_second: float = 50) -> AsyncIterator[None]:
    """Have a process of its own write so many rows a second into a sample database."""
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.demo.writer", str(database), str(1 / a_second)), stdin=asyncio.subprocess.PIPE
    )
    try:
        yield
    finally:
        with suppress(BrokenPipeError, ConnectionResetError):
            await writer.communicate(b"")  # closes its standard input, which ends it; without input it stays open


def whole_seconds(seconds: float) -> int:
    """Return what is left as people count down: 0 only when it is over."""
    return max(0, math.ceil(seconds))
