"""Giving it back: in place against SQLite's own `.restore`, what readers feel meanwhile, and from the chat alone."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from benchmarks import data
from benchmarks.run import courier_for, restored, timed_backup
from benchmarks.writers import p99
from bot.demo.stand_in.standin import StandIn

ADMIN = 11


class Reader:
    """Reads rows at random on a thread and notes how long each took, in seconds."""

    def __init__(self, path: Path) -> None:
        self.times: list[float] = []
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def finish(self) -> list[float]:
        self._stop.set()
        self._thread.join()
        return self.times

    def _read(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            (rows,) = connection.execute("SELECT max(id) FROM items").fetchone()
            while not self._stop.wait(0.002):
                wanted = random.randrange(1, rows)
                start = time.perf_counter()
                connection.execute("SELECT * FROM items WHERE id = ?", (wanted,)).fetchone()
                self.times.append(time.perf_counter() - start)


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """Every restore replaces a live WAL database whose newest rows differ from the backup's."""
    source = await asyncio.to_thread(data.indexed, folder / "restored.db", megabytes)
    copy = folder / "copy.db"
    await asyncio.to_thread(shutil.copy, source, copy)
    async with courier_for(folder / "restore", [source]) as courier:
        await timed_backup(courier)
    stock, planned, done = [], [], []
    for _ in range(runs):
        stock.append(await asyncio.to_thread(_stock, source, copy))
        _differ(source)
        for taken, seconds in zip((planned, done), await restored(folder / "restore", source), strict=True):
            taken.append(seconds)
    act = statistics.median(o / s for o, s in zip(done, stock, strict=True))
    whole = statistics.median((p + o) / s for p, o, s in zip(planned, done, stock, strict=True))
    idle = await _read(source, asyncio.sleep(5))
    busy = await _read(source, restored(folder / "restore", source))
    seconds = await _recovered(folder, megabytes // 3)
    return [
        "| what | figure |",
        "|---|---|",
        f"| `.restore` and integrity_check by sqlite3, {megabytes} MB | {statistics.median(stock):.2f} s |",
        f"| the plan: unpack, verify, compare with what is there | {statistics.median(planned):.2f} s |",
        f"| the restore in place: verify again, safety copy, copy, check | {statistics.median(done):.2f} s |",
        f"| the restore, and with its plan, times the stock way | {act:.2f}, {whole:.2f} |",
        f"| reader in WAL mode, p99 idle and during a restore | {p99(idle) * 1e3:.2f}, {p99(busy) * 1e3:.2f} ms |",
        f"| `recover` of {megabytes // 3} MB from the chat, the whole command | {seconds:.1f} s |",
    ]


def _stock(target: Path, copy: Path) -> float:
    start = time.perf_counter()
    for command in (f".restore '{copy}'", "PRAGMA integrity_check"):
        subprocess.run(["sqlite3", str(target), command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _differ(target: Path) -> None:
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("UPDATE items SET score = 0 WHERE id % 1000 = 0")


async def _read(target: Path, meanwhile) -> list[float]:
    """The reader runs in a process of its own."""
    program = (
        "import json, sys; from pathlib import Path; from benchmarks.restore import Reader;"
        "r = Reader(Path(sys.argv[1])); print('reads', flush=True); sys.stdin.read(); print(json.dumps(r.finish()))"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(target), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )  # fmt: skip
    await child.stdout.readline()
    await meanwhile
    out, _ = await child.communicate(b"")
    return json.loads(out)


async def _recovered(folder: Path, megabytes: int) -> float:
    """Seconds of `sqlite-courier recover` in a process of its own, from a stand-in that holds the volumes."""
    source = await asyncio.to_thread(data.indexed, folder / "lost.db", megabytes)
    async with StandIn() as api:
        token = api.create_bot_token()
        api.add_user(ADMIN)
        more = {"BOT_TOKEN": token, "TELEGRAM_API": api.url, "ADMIN_IDS": str(ADMIN)}
        async with courier_for(folder / "recover", [source], **more) as courier:
            await timed_backup(courier)
            if courier.pins is not None:
                await courier.pins.refresh()
        new = folder / "new machine"
        new.mkdir()
        start = time.perf_counter()
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "recover", "--admin", str(ADMIN), "--to", "back"),
            cwd=new,
            env={**os.environ, "BOT_TOKEN": token, "TELEGRAM_API": api.url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        if await command.wait() != 0:
            raise RuntimeError("recover failed")
        return time.perf_counter() - start
