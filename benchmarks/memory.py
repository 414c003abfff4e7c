"""Peak memory of a backup and of a restore over the idle process, for databases of very different size (Linux only)."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

from benchmarks import data

_PEAK = """
import asyncio, json, sys
from pathlib import Path

def peak():
    # Not getrusage: its high-water mark is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
"""

BACKUP = f"""{_PEAK}
from benchmarks.run import courier_for, timed_backup

async def main(folder, warm, source):
    async with courier_for(folder / "warm", [warm]) as courier:
        await timed_backup(courier)
    idle = peak()
    async with courier_for(folder / "real", [source]) as courier:
        await timed_backup(courier)
    print(json.dumps([idle, peak()]))

asyncio.run(main(*map(Path, sys.argv[1:])))
"""

RESTORE = f"""{_PEAK}
from benchmarks.run import restored

async def main(folder, warm, source):
    await restored(folder / "warm", warm)
    idle = peak()
    await restored(folder / "real", source)
    print(json.dumps([idle, peak()]))

asyncio.run(main(*map(Path, sys.argv[1:])))
"""


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """`idle` is the process after the same with a small database; the rise is what the measured size adds to its
    high-water mark."""
    lines = ["| database | backup: idle, peak, rise MB | restore in place: idle, peak, rise MB |", "|---|---|---|"]
    warm = await asyncio.to_thread(data.indexed, folder / "warm.db", 1)
    for size in (megabytes // 10, megabytes, megabytes * 10):
        source = await asyncio.to_thread(data.indexed, folder / f"memory-{size}.db", size)
        cells = []
        for program in (BACKUP, RESTORE):  # the restore takes what the backup has left
            idle, peak = await _in_a_process(program, folder / f"m{size}", warm, source)
            cells.append(f"{idle:.0f}, {peak:.0f}, {peak - idle:.0f}")
        await asyncio.to_thread(source.unlink)
        await asyncio.to_thread(shutil.rmtree, folder / f"m{size}")
        lines.append(f"| {size} MB | {' | '.join(cells)} |")
    return lines


async def _in_a_process(program: str, *arguments: Path) -> tuple[float, float]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    idle, peak = json.loads(out)
    return idle, peak
