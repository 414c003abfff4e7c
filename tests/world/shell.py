"""`sqlite-courier` as a process of its own: beside a `.env`, and on a new machine that knows the token alone."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import Trigger
from tests.world.databases import write_env
from tests.world.processes import Child, started
from tests.world.stand_in import StandIn

# The product asks bot.clock alone what time it is.
_AT_THAT_TIME = """
import bot.clock, datetime, runpy

class Standing(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromisoformat({now!r})

bot.clock.datetime = Standing
runpy.run_module("bot", run_name="__main__", alter_sys=True)
"""


class Shell:
    """Runs `sqlite-courier` in a folder, as a person would; whatever it does, it must not end in a traceback.

    With `now` it is always that time for the commands; with `together` their errors stand among their output, as a
    terminal shows them.
    """

    def __init__(self, folder: Path, now: datetime | None = None, *, together: bool = False) -> None:
        self.folder = folder
        self._together = together
        self._code = _AT_THAT_TIME.format(now=now.isoformat()) if now else ""

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        child = started(
            arguments, code=self._code, folder=self.folder, environment=self.environment | environment,
            together=self._together,
        )  # fmt: skip
        done = child.done()
        assert "Traceback" not in done.stderr
        return done

    @property
    def environment(self) -> dict[str, str]:
        given = {name: value for name, value in os.environ.items() if name not in ("BOT_TOKEN", "ADMIN_IDS")}
        return {**given, "COLUMNS": "300"}

    def said(self, *arguments: str, **environment: str) -> str:
        """What it prints of its success."""
        done = self(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, code: int, *arguments: str, **environment: str) -> str:
        """What it says of its failure, which has this exit code."""
        done = self(*arguments, **environment)
        assert done.returncode == code, done.stderr
        return done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.said(*arguments, "--json"))


async def back_up(folder: Path, api: StandIn, *sources: Path, times: int = 1) -> list[str]:
    """Back up as the command line does, pinned message included; return the names of the archives."""
    env = write_env(folder, sources, BOT_TOKEN=api.bot().token, TELEGRAM_API=api.url, ADMIN_IDS="11")
    names = []
    async with open_courier(load_settings(env), deliver=True) as courier:
        for _ in range(times):
            made = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
            names.append(made.backup.archive_name)
        assert courier.pins is not None
        assert await courier.pins.refresh() == 0
    return names


class Done(NamedTuple):
    """What a command said."""

    out: str
    err: str


def begun(folder: Path, *arguments: str, **environment: str) -> Child:
    """Start a command in a folder, with no more of this process's environment than Python needs."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "HOME") if name in os.environ}
    return started(arguments, folder=folder, environment=kept | {"COLUMNS": "200"} | environment)


async def ended(process: Child, api: StandIn, code: int = 0) -> Done:
    """Wait for the end of a command, which has this exit code and must not tell the bot's token."""
    done = await process.ended(within=60)
    assert api.bot().token.partition(":")[2] not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    return Done(done.stdout, done.stderr)


async def serving(folder: Path, api: StandIn, *, cold: bool = False) -> Child:
    """Run the service as a process, and wait until it polls."""
    child = started(["run", "--env-file", str(folder / ".env")], folder=folder, environment=os.environ, cold=cold)
    await api.polled(within=30)
    return child


@dataclass
class NewMachine:
    """An empty folder, and the token of the bot."""

    folder: Path
    api: StandIn

    async def recover(self, *arguments: str, code: int = 0, **environment: str) -> Done:
        return await ended(self.start(*arguments, **environment), self.api, code)

    def start(self, *arguments: str, **environment: str) -> Child:
        self.folder.mkdir(exist_ok=True)
        known = {"BOT_TOKEN": self.api.bot().token, "TELEGRAM_API": self.api.url, "TIMEZONE": "UTC"}
        return begun(self.folder, "recover", *arguments, **known | environment)


PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import Trigger
from bot.services.backup.runs import Runs

env, stage, nth = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen = 0
report = Runs._report

def report_and_die(self, run, progress):
    global seen
    report(self, run, progress)
    if progress.stage == stage:
        seen += 1
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

Runs._report = report_and_die

async def main():
    async with open_courier(load_settings(env, need_telegram=False), deliver=False) as courier:
        await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")

asyncio.run(main())
"""
