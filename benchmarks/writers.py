"""What a writer feels: commit times while backups run, against idle, in WAL mode."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from benchmarks import data
from benchmarks.run import courier_for, timed_backup


class Writer:
    """Commits small transactions on a thread and notes how long each took, in seconds."""

    def __init__(self, path: Path) -> None:
        self.times: list[float] = []
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def finish(self) -> list[float]:
        self._stop.set()
        self._thread.join()
        return self.times

    def _write(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            connection.execute("PRAGMA synchronous=NORMAL")
            while not self._stop.wait(0.002):
                start = time.perf_counter()
                with connection:
                    connection.execute("INSERT INTO items (key, owner, score) VALUES ('w', 1, 0.5)")
                self.times.append(time.perf_counter() - start)


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """The writer runs in a process of its own, so that what it feels is SQLite's locks and the machine, not the GIL."""
    lines = ["| writer in WAL mode | p99 idle ms | p99 during backups ms | ratio |", "|---|---|---|---|"]
    source = await asyncio.to_thread(data.indexed, folder / "written.db", megabytes)
    async with courier_for(folder / "writers", [source]) as courier:
        for _ in range(runs):
            idle = await _written(source, asyncio.sleep(3))
            busy = await _written(source, _backups(courier, 2))
            lines.append(f"| | {p99(idle) * 1e3:.2f} | {p99(busy) * 1e3:.2f} | {p99(busy) / p99(idle):.2f} |")
    return lines


async def _backups(courier, count: int) -> None:
    for _ in range(count):
        await timed_backup(courier)


async def _written(source: Path, meanwhile) -> list[float]:
    program = (
        "import json, sys; from pathlib import Path; from benchmarks.writers import Writer;"
        "w = Writer(Path(sys.argv[1])); sys.stdin.read(); print(json.dumps(w.finish()))"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(source), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )  # fmt: skip
    await asyncio.sleep(0.5)
    await meanwhile
    out, _ = await child.communicate(b"")
    return json.loads(out)
