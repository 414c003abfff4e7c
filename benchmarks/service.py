"""Measures the running service from outside: its start, its memory, and what an idle minute costs (Linux only)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import data
from benchmarks.process import configured
from bot.demo.stand_in.standin import StandIn

ADMIN = 11
IDLE = 60  # seconds


@dataclass(frozen=True, slots=True)
class _Now:
    cpu: float
    resident_mb: float


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """With one tiny database, an admin, and a Bot API on loopback."""
    source = data.forty_tables(folder / "tiny.db", 1)
    async with StandIn() as api:
        ann = api.add_user(ADMIN, "Ann")
        more = {"BOT_TOKEN": api.create_bot_token(), "ADMIN_IDS": str(ADMIN), "TELEGRAM_API": api.url}
        here = configured(folder / "courier", [source], **more)
        service = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--env-file", str(here / ".env")),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await ann.send("/admin")
            await ann.wait_for(lambda message: "Database Backup" in str(message.markup), within=60)
            answered = _now(service.pid)
            await ann.wait_for(lambda message: message.file is not None, within=60)  # that of the first start
            await ann.press("Database Backup")
            await ann.wait_for(lambda message: "Manual Backup" in str(message.markup))
            await ann.press("Manual Backup")
            await ann.wait_for(lambda message: message.file is not None, within=60)
            await asyncio.sleep(3)
            backed_up = _now(service.pid)
            await asyncio.sleep(IDLE)
            idle = _now(service.pid)
        finally:
            service.send_signal(signal.SIGTERM)
            await service.wait()
    return [
        "| the service | CPU s | resident MB |",
        "|---|---|---|",
        f"| from its start to its first answer | {answered.cpu:.2f} | {answered.resident_mb:.0f} |",
        f"| after its first backups | {backed_up.cpu - answered.cpu:.2f} more | {backed_up.resident_mb:.0f} |",
        f"| in an idle minute | {idle.cpu - backed_up.cpu:.2f} more | {idle.resident_mb:.0f} |",
    ]


def _now(pid: int) -> _Now:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    resident = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]
    return _Now((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(resident) / 1e3)
