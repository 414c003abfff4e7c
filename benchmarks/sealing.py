"""What sealing costs: seconds and peak memory of a backup in the open, for a key and by a passphrase (Linux only)."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from statistics import median

from benchmarks import data
from bot.services.sealing.age import new_identity

PASSPHRASE = "quartz lantern forty meadow ribbon"

PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from benchmarks.run import courier_for, timed_backup

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

async def main(folder, warm, source, settings):
    async with courier_for(folder / "warm", [warm], **settings) as courier:
        await timed_backup(courier)
    idle = peak()
    async with courier_for(folder / "real", [source], **settings) as courier:
        seconds, result = await timed_backup(courier)
        if courier.settings.keys:
            drill = await courier.drills.drill_newest()
            assert drill.ok and drill.opened, drill
    print(json.dumps({"idle": idle, "peak": peak(), "seconds": seconds, "bytes": result.backup.archive_bytes}))

asyncio.run(main(*map(Path, sys.argv[1:4]), json.loads(sys.argv[4])))
"""


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """`idle` is the process after a small backup of the same kind; the rise is what the large archive adds to it."""
    lines = ["| archive | MB | seconds | idle MB | peak MB | rise MB |", "|---|---|---|---|---|---|"]
    secret, public = new_identity()
    key = folder / "key.txt"
    key.write_text(f"{secret}\n")
    key.chmod(0o600)
    ways = {
        "in the open": {},
        "for a key": {"AGE_RECIPIENTS": public},
        "for a key, and test-restored": {"AGE_RECIPIENTS": public, "AGE_IDENTITY_FILE": str(key)},
        "by a passphrase, and test-restored": {"AGE_PASSPHRASE": PASSPHRASE},
    }
    warm = await asyncio.to_thread(data.noise, folder / "warm-noise.db", 1)
    source = await asyncio.to_thread(data.noise, folder / "noise.db", megabytes)
    for label, settings in ways.items():
        seen = [await _one(folder / f"{label}-{n}", warm, source, settings) for n in range(runs)]
        idle, peak = (max(run[name] for run in seen) for name in ("idle", "peak"))
        lines.append(
            f"| {label} | {seen[0]['bytes'] / 1e6:.0f} | {median(run['seconds'] for run in seen):.2f} "
            f"| {idle:.0f} | {peak:.0f} | {peak - idle:.0f} |"
        )
    return lines


async def _one(folder: Path, warm: Path, source: Path, settings: dict[str, str]) -> dict[str, float]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(folder), str(warm), str(source), json.dumps(settings)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    return dict(json.loads(out))
