"""Peak memory of a backup over the idle process, for databases of very different size (Linux only)."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from benchmarks import data

PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from benchmarks.run import manager_for, timed_backup

def peak():
    # Not getrusage: its high-water mark is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

async def main(folder, warm, source):
    async with manager_for(folder / "warm", [warm]) as manager:
        await timed_backup(manager)
    idle = peak()
    async with manager_for(folder / "real", [source]) as manager:
        seconds, _ = await timed_backup(manager)
    print(json.dumps({"idle": idle, "peak": peak(), "seconds": seconds}))

asyncio.run(main(*map(Path, sys.argv[1:])))
"""


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """`idle` is the process after a small backup; the rise is what the measured size adds to its high-water mark."""
    lines = ["| database | idle MB | peak MB | rise MB |", "|---|---|---|---|"]
    warm = await asyncio.to_thread(data.indexed, folder / "warm.db", 1)
    for size in (megabytes // 10, megabytes, megabytes * 10):
        source = await asyncio.to_thread(data.indexed, folder / f"memory-{size}.db", size)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(folder / f"m{size}"), str(warm), str(source),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await child.communicate()
        seen = json.loads(out)
        await asyncio.to_thread(source.unlink)
        lines.append(f"| {size} MB | {seen['idle']:.0f} | {seen['peak']:.0f} | {seen['peak'] - seen['idle']:.0f} |")
    return lines
