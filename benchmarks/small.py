"""The five databases of 3.2 MB in a warm process: stored and proven, sent to ten admins, and the archive size."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.run import courier_for, timed_backup
from bot.demo.samples import make_samples
from bot.demo.stand_in.standin import StandIn

ADMINS = 10


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """Medians over ten backups after two warm ones."""
    (folder / "set").mkdir()
    sources = make_samples(folder / "set")
    stock = folder / "stock.zip"
    subprocess.run(["zip", "-6", "-q", "-j", str(stock), *map(str, sources)], check=True)
    stored, whole, uploaded = [], [], 0
    async with courier_for(folder / "stored", sources) as courier:
        for _ in range(12):
            seconds, result = await timed_backup(courier)
            stored.append(seconds)
    async with StandIn() as api:
        token = api.create_bot_token()
        people = [api.add_user(100 + n, f"Admin {n}") for n in range(ADMINS)]
        more = {"BOT_TOKEN": token, "ADMIN_IDS": ",".join(str(person.id) for person in people), "TELEGRAM_API": api.url}
        async with courier_for(folder / "sent", sources, **more) as courier:
            for _ in range(12):
                before = api.uploaded_bytes
                start = time.perf_counter()
                _, sent = await timed_backup(courier)
                whole.append(time.perf_counter() - start)
                uploaded = api.uploaded_bytes - before
            delivered = sum(delivery.state == "sent" for delivery in sent.deliveries)
    first, both = statistics.median(stored[2:]), statistics.median(whole[2:])
    return [
        "| what | figure |",
        "|---|---|",
        f"| stored and proven | {first:.3f} s |",
        f"| delivered to {delivered} of {ADMINS} admins, in addition | {both - first:.3f} s |",
        f"| archive, times zip -6 | {result.backup.archive_bytes / stock.stat().st_size:.3f} |",
        f"| uploaded for {ADMINS} admins, times one archive | {uploaded / sent.backup.archive_bytes:.3f} |",
    ]
