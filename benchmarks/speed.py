"""The whole way against the stock chain (`sqlite3 .backup`, integrity_check, `zip -6`) and against its own limit."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks import data
from benchmarks.run import courier_for, timed_backup
from bot.models import CheckMethod, Database
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.snapshot import take_snapshot


def stock_chain(source: Path, folder: Path) -> tuple[float, int]:
    """Seconds and bytes of what a careful person does with stock tools, one after another."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy, archive = folder / source.name, folder / "stock.zip"
    start = time.perf_counter()
    subprocess.run(["sqlite3", str(source), f".backup '{copy}'"], check=True)
    subprocess.run(["sqlite3", str(copy), "PRAGMA integrity_check"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["zip", "-6", "-q", "-j", str(archive), str(copy)], check=True)
    return time.perf_counter() - start, archive.stat().st_size


async def limit(source: Path, folder: Path) -> float:
    """Seconds of snapshot and full check alone: nothing that proves a database can be faster."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    start = time.perf_counter()
    snapshot = await take_snapshot(
        Database(path=source, name=source.name), folder / "copy.db", busy_timeout=5, abort=Abort()
    )
    await check_snapshot(snapshot, CheckMethod.FULL, abort=Abort())
    return time.perf_counter() - start


async def ours(source: Path, folder: Path, compression: str) -> tuple[float, int]:
    shutil.rmtree(folder, ignore_errors=True)
    async with courier_for(folder, [source], COMPRESSION=compression) as courier:
        seconds, result = await timed_backup(courier)
    return seconds, result.backup.archive_bytes


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """One table row per database and way; ratios within the same round, their median printed."""
    lines = [
        "| database | way | seconds | times faster than stock | archive vs zip -6 | times the limit |",
        "|---|---|---|---|---|---|",
    ]
    for name, make, size in (("A, indexed", data.indexed, megabytes), ("B, text", data.texts, megabytes * 2 // 3)):
        source = await asyncio.to_thread(make, folder / f"{name[0]}.db", size)
        await asyncio.to_thread(source.read_bytes)  # warm cache; nothing has it open
        rounds: list[dict[str, tuple[float, int]]] = []
        for _ in range(runs):
            rounds.append(
                {
                    "stock": await asyncio.to_thread(stock_chain, source, folder / "stock"),
                    "limit": (await limit(source, folder / "limit"), 0),
                    "auto": await ours(source, folder / "auto", "auto"),
                    "fast": await ours(source, folder / "fast", "fast"),
                    "small": await ours(source, folder / "small", "small"),
                }
            )
        for way in ("stock", "limit", "auto", "fast", "small"):
            seconds = statistics.median(r[way][0] for r in rounds)
            faster = statistics.median(r["stock"][0] / r[way][0] for r in rounds)
            over_limit = statistics.median(r[way][0] / r["limit"][0] for r in rounds)
            bigger = rounds[0][way][1] / rounds[0]["stock"][1]
            size_text = f"{bigger:.3f}" if bigger else "—"
            lines.append(
                f"| {name} {size} MB | {way} | {seconds:.2f} | {faster:.2f} | {size_text} | {over_limit:.2f} |"
            )
    return lines
