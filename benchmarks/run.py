"""One run of the whole way, and one of the way back, in this process and without Telegram: what measures build on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from loguru import logger

from bot.app.service import open_courier
from bot.cli.restore_opening import open_for_restore
from bot.config.settings import Settings, load_settings
from bot.models import RestoreProgress, RunResult, Trigger
from bot.services.concurrency.abort import Abort
from bot.services.manager import Courier
from bot.services.restore.restorer import Restorer
from bot.services.restore.sources import find_source

logger.remove()  # the tables alone are printed


def settings_for(folder: Path, sources: Iterable[Path], **more: str) -> Settings:
    """Settings from a `.env` in `folder`, as a user would have them."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "DATABASES": ",".join(f"'{source}'" for source in sources),
        "BACKUP_DIR": f"'{folder / 'backups'}'",
        "LOG_DIR": f"'{folder / 'logs'}'",
        **more,
    }
    env = folder / ".env"
    env.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    return load_settings(env, need_telegram="BOT_TOKEN" in more)


@asynccontextmanager
async def courier_for(folder: Path, sources: Iterable[Path], **more: str) -> AsyncIterator[Courier]:
    """A manager on its own store in `folder`."""
    async with open_courier(settings_for(folder, sources, **more), deliver="BOT_TOKEN" in more) as courier:
        yield courier


async def timed_backup(courier: Courier) -> tuple[float, RunResult]:
    """Seconds from the request to the proven, stored, catalogued backup."""
    start = time.perf_counter()
    result = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="benchmark")
    return time.perf_counter() - start, result


async def restored(folder: Path, target: Path) -> tuple[float, float]:
    """Seconds of the plan and of the act, as the command does them, safety copy included."""
    settings = settings_for(folder, [target])
    async with open_for_restore(settings, reading=False) as (context, configured):
        start = time.perf_counter()
        restorer = Restorer(context, configured)
        origin = await find_source(context.catalogue, context.store.folder, "latest", settings.timezone)
        async with restorer.prepare(origin, abort=Abort(), report=unseen) as prepared:
            planned = time.perf_counter()
            await restorer.restore(prepared, requested_by="a benchmark", abort=Abort(), report=unseen)
            return planned - start, time.perf_counter() - planned


def unseen(_progress: RestoreProgress) -> None:
    pass
