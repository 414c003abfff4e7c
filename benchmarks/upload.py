"""Bytes uploaded for many admins, in volumes: one archive's worth."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks import data
from benchmarks.run import courier_for, timed_backup
from bot.demo.stand_in.standin import StandIn


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    lines = ["| admins | volumes | uploaded / archive |", "|---|---|---|"]
    source = await asyncio.to_thread(data.indexed, folder / "upload.db", max(30, megabytes // 6))
    for admins in (1, 3, 10):
        async with StandIn() as api:
            token = api.create_bot_token()
            ids = ",".join(str(api.add_user(100 + n, f"Admin {n}").id) for n in range(admins))
            more = {"BOT_TOKEN": token, "ADMIN_IDS": ids, "TELEGRAM_API": api.url, "VOLUME_SIZE_MB": "5"}
            async with courier_for(folder / f"upload-{admins}", [source], **more) as courier:
                _, result = await timed_backup(courier)
            volumes = max(1, -(-result.backup.archive_bytes // (5 * 1024 * 1024)))
            lines.append(f"| {admins} | {volumes} | {api.uploaded_bytes / result.backup.archive_bytes:.3f} |")
    return lines
