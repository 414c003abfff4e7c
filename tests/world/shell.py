"""`sqlite-courier` as a process of its own: beside a `.env`, and on a new machine that knows the token alone."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import Trigger
from tests.world.databases import write_env
from tests.world.stand_in import StandIn

ROOT = Path(__file__).parent.parent.parent


class Shell:
    """Runs `sqlite-courier` in a folder, as a person would; whatever it does, it must not end in a traceback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "bot", *arguments],
            cwd=self.folder, env=self.environment | environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, encoding="utf-8", check=False, timeout=120,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    @property
    def environment(self) -> dict[str, str]:
        given = {name: value for name, value in os.environ.items() if name not in ("BOT_TOKEN", "ADMIN_IDS")}
        return {**given, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "300"}

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


async def begun(folder: Path, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    """Start a command in a folder, with no more of this process's environment than Python needs."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "HOME") if name in os.environ}
    usual = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "bot", *arguments), cwd=folder, env=kept | usual | environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ended(process: asyncio.subprocess.Process, api: StandIn, code: int = 0) -> Done:
    """Wait for the end of a command, which has this exit code and must not tell the bot's token."""
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert api.bot().token.partition(":")[2].encode() not in out + err
    assert b"Traceback" not in err
    assert process.returncode == code, err.decode()
    return Done(out.decode(), err.decode())


async def serving(folder: Path, api: StandIn, *, out: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
    """Run the service as a process, and wait until it polls."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", "--env-file", str(folder / ".env"),
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=out, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    await api.polled(within=30)
    return process


@dataclass
class NewMachine:
    """An empty folder, and the token of the bot."""

    folder: Path
    api: StandIn

    async def recover(self, *arguments: str, code: int = 0, **environment: str) -> Done:
        return await ended(await self.start(*arguments, **environment), self.api, code)

    async def start(self, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
        self.folder.mkdir(exist_ok=True)
        known = {"BOT_TOKEN": self.api.bot().token, "TELEGRAM_API": self.api.url, "TIMEZONE": "UTC"}
        return await begun(self.folder, "recover", *arguments, **known | environment)


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
