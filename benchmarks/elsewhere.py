"""Peak memory of an upload to S3, and of the largest mail, over the idle process (Linux only)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.world.places import Post, empty_bucket, running_mail, running_s3

PROGRAM = """
import asyncio, json, sys, time
from pathlib import Path
from bot.models import Recipient, Volume
from bot.services.mail.client import MB
from bot.services.contracts.destination import OutgoingVolume
from bot.services.files.slices import ArchiveSlice
from tests.world.places import MAILBOX, mail_destination, s3_bucket

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

async def send(kind, where, file, size):
    volume = Volume(archive=file, name=file.name, number=1, total=1, offset=0, bytes=size)
    if kind == "s3":
        chunks = ArchiveSlice(volume, lambda _: None).chunks()
        await s3_bucket(where).put(file.name, chunks, size=size, attributes={"sha256": "0" * 64})
    else:
        mail = mail_destination(int(where), max_bytes=40 * MB)
        await mail.send_volume(Recipient(place=MAILBOX), OutgoingVolume(volume=volume, caption="", silent=True))

async def main(kind, where, file):
    size = file.stat().st_size
    await send(kind, where, file, 100_000)
    idle, started = peak(), time.perf_counter()
    await send(kind, where, file, size)
    print(json.dumps({"idle": idle, "peak": peak(), "seconds": time.perf_counter() - started}))

asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
"""


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """`idle` is the process after a small upload; the rise is what the measured size adds to its high-water mark."""
    lines = ["| to | archive | idle MB | peak MB | rise MB | seconds |", "|---|---|---|---|---|---|"]

    async def line(kind: str, where: str, size: int) -> None:
        file = folder / "database_backup_20260713_050000.zip"
        await asyncio.to_thread(_fill, file, size)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, kind, where, str(file), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        seen = json.loads(out)
        rise = seen["peak"] - seen["idle"]
        lines.append(
            f"| {kind} | {size} MB | {seen['idle']:.0f} | {seen['peak']:.0f} | {rise:.0f} | {seen['seconds']:.1f} |"
        )

    with running_s3() as url:
        await asyncio.to_thread(empty_bucket, url)
        for size in (20, 200, megabytes):
            await line("s3", url, size)
    async with running_mail(Post()) as port:
        for size in (5, 14):
            await line("mail", str(port), size)
    return lines


def _fill(file: Path, megabytes: int) -> None:
    with file.open("wb") as out:
        for _ in range(megabytes):
            out.write(os.urandom(1_000_000))
