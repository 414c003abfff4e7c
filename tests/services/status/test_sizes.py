"""The size of a database on the screens is that of all its rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import Trigger
from tests.world.databases import make_database, write_env


async def test_what_lies_in_the_log_counts(tmp_path: Path) -> None:
    """A program that has never folded its log into the file has nearly all of its rows beside it."""
    path = make_database(tmp_path / "live" / "users.db", 1)
    settings = load_settings(write_env(tmp_path, [path], ADMIN_IDS="11"), need_telegram=False)
    with closing(sqlite3.connect(path)) as program:
        program.execute("PRAGMA wal_autocheckpoint = 0")
        program.execute("CREATE TABLE more AS SELECT randomblob(200000) AS bytes")
        program.commit()
        async with open_courier(settings, deliver=False) as courier:
            (before,) = (await courier.status()).databases
            assert before.bytes == path.stat().st_size < 200_000
            await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
            (after,) = (await courier.status()).databases
    assert after.bytes is not None
    assert after.bytes > 200_000
