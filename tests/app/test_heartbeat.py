"""The signs of life: what stands against writing one is logged once, however often it is tried."""

from __future__ import annotations

from pathlib import Path

from loguru import logger

from bot.app.heartbeat import HeartbeatWriter
from bot.services.catalogue import Catalogue
from tests.world.catalogue import NOW, run_sql

GONE, BACK = "ALTER TABLE heartbeat RENAME TO away", "ALTER TABLE away RENAME TO heartbeat"


async def test_what_stands_against_it_is_logged_once_until_it_is_over(tmp_path: Path) -> None:
    """A disk that stays full is one line, not one every few seconds; when it fills again, it is said again."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="ERROR", filter="bot.app.heartbeat")
    try:
        async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: NOW) as catalogue:
            heartbeat = HeartbeatWriter(catalogue, lambda: None, started_at=NOW)
            for often in (1, 2):
                run_sql(catalogue, GONE)
                for _ in range(3):
                    await heartbeat.beat()
                assert len(lines) == often
                run_sql(catalogue, BACK)
                await heartbeat.beat()
    finally:
        logger.remove(sink)
