"""The longest pause of the event loop while a large backup runs: how long a button could have to wait."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks import data
from benchmarks.run import courier_for, timed_backup


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    source = await asyncio.to_thread(data.indexed, folder / "loop.db", megabytes)
    longest = []
    async with courier_for(folder / "loop", [source]) as courier:
        for _ in range(runs):
            probe = asyncio.create_task(_longest_pause())
            await asyncio.sleep(0.1)
            await timed_backup(courier)
            probe.cancel()
            longest.append(await probe)
    pauses = ", ".join(f"{pause * 1e3:.0f}" for pause in longest)
    return [f"longest pause in each of {runs} backups of {megabytes} MB: {pauses} ms"]


async def _longest_pause() -> float:
    longest = 0.0
    try:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - start - 0.001)
    except asyncio.CancelledError:
        return longest
