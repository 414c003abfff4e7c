"""`sqlite-courier` as a process of its own: beside a `.env`, and on a new machine that knows the token alone."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        return {**given, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"}

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


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


@dataclass
class Done:
    code: int
    out: str
    err: str


@dataclass
class NewMachine:
    """An empty folder and a shell in it."""

    folder: Path
    api: StandIn

    async def recover(self, *arguments: str, token: str | None = None, **environment: str) -> Done:
        process = await self.start(*arguments, token=token, **environment)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        secret = self.api.bot().token.partition(":")[2]
        assert secret.encode() not in out + err
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def start(self, *arguments: str, token: str | None = None, **environment: str) -> asyncio.subprocess.Process:
        self.folder.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "HOME") if name in os.environ}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "bot", "recover", *arguments),
            cwd=self.folder,
            env={
                **kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "200", "TIMEZONE": "UTC",
                "BOT_TOKEN": self.api.bot().token if token is None else token, "TELEGRAM_API": self.api.url,
                **environment,
            },
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip


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
