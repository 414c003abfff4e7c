"""The catalogue stays small over the years, and nothing that anybody needs is forgotten."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import RECENT
from bot.services.manager import Courier
from bot.services.recovery.document import Document, merge, write_document
from bot.services.retention.housekeeping import KEPT_FOR, MOST_ACTIONS, MOST_RUNS
from tests.world.catalogue import run_sql
from tests.world.databases import make_database, write_env

NOW = datetime(2026, 7, 13, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


@pytest.fixture
async def courier(tmp_path: Path) -> AsyncIterator[Courier]:
    env = write_env(tmp_path, [make_database(tmp_path / "live.db")], ADMIN_IDS="11,12")
    async with open_courier(load_settings(env, need_telegram=False), deliver=False, clock=lambda: NOW) as opened:
        yield opened


def simulate(courier: Courier, runs: int, every: timedelta = HOUR, *, delivered: bool = True) -> None:
    """Write so many runs into the catalogue as if they had been, one every hour until now; no archive is left."""
    times = [NOW - every * number for number in range(runs, 0, -1)]
    rows = json.dumps([[f"table{number}", 1000] for number in range(10)])
    with closing(sqlite3.connect(courier.catalogue.path)) as connection, connection:
        first = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM backups").fetchone()[0]
        ids = range(first, first + runs)
        connection.executemany(
            "INSERT INTO backups (id, started_at, finished_at, trigger, requested_by, state, archive_name,"
            " archive_bytes, archive_sha256) VALUES (?, ?, ?, 'schedule', 'schedule', 'delivered', ?, 1000, ?)",
            ((i, text(at), text(at), f"database_backup_{at:%Y%m%d_%H%M%S}.zip", f"{i:064x}")
             for i, at in zip(ids, times, strict=True)),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO backed_up VALUES (?, 0, 'live.db', '/srv/live.db', ?, 1000, 500, 4096, 1, 'wal', 0, 0, '3.45',"
            " ?, 'ok', 'full', '[]', 0, ?, '', '[]', NULL, NULL, '')",
            ((i, f"{i:064x}", text(at), rows) for i, at in zip(ids, times, strict=True)),
        )
        if delivered:
            for admin in ("11", "12"):
                connection.executemany(
                    "INSERT INTO deliveries (backup_id, address, state, sent_at) VALUES (?, ?, 'sent', ?)",
                    ((i, admin, text(at)) for i, at in zip(ids, times, strict=True)),
                )
                connection.executemany(
                    "INSERT INTO sent_volumes (backup_id, address, number, message_id, sent_at) VALUES (?, ?, 1, ?, ?)",
                    ((i, admin, i, text(at)) for i, at in zip(ids, times, strict=True)),
                )
            connection.executemany(
                "INSERT INTO volumes (backup_id, number, file_id, bytes, sha256) VALUES (?, 1, ?, 1000, ?)",
                ((i, f"file-{i}", f"{i:064x}") for i in ids),
            )


def count(courier: Courier, what: str) -> int:
    return int(run_sql(courier.catalogue, f"SELECT count(*) FROM {what}")[0][0])


def page_count(courier: Courier) -> int:
    return int(run_sql(courier.catalogue, "PRAGMA page_count")[0][0])


async def shown(courier: Courier) -> tuple[object, ...]:
    """The status, the deliveries and the restore points, and what the pinned message would hold of these now."""
    catalogue = courier.catalogue
    async with asyncio.timeout(15):  # a third of a second, unless what was ever sent is searched for each backup
        status = await courier.status()
    last = await catalogue.deliveries.last_delivered(courier.settings.recipients)
    points = await catalogue.restore_points.select(recent=RECENT)
    held = merge(points, await catalogue.restore_points.last_by_database())
    return status, last, points, write_document(Document(bot_id=1, written_at=NOW, settings={}, points=held))[1]


async def test_three_years_of_hourly_runs_leave_one_restore_point_a_day_and_what_is_shown_is_the_same(
    courier: Courier,
) -> None:
    """The pinned document, the points it chooses from, the status and the last deliveries stay as they were."""
    simulate(courier, 3 * 365 * 24)
    before = await shown(courier)
    await courier.housekeeping.prune()
    assert await shown(courier) == before
    long_ago = text(NOW - KEPT_FOR)
    days = (3 * 365 * 24 * HOUR - KEPT_FOR).days
    assert days <= count(courier, f"backups WHERE started_at < '{long_ago}'") <= days + 2
    assert count(courier, "backups") <= MOST_RUNS + days
    for table in ("backed_up", "deliveries", "sent_volumes", "volumes"):
        per_backup = 2 if table in ("deliveries", "sent_volumes") else 1
        assert count(courier, table) == per_backup * count(courier, "backups")


async def test_the_file_does_not_grow_from_year_to_year(courier: Courier) -> None:
    """Where nothing goes to a chat, the rows of a year take the room of those of the year before."""
    simulate(courier, 15 * 1000, delivered=False)
    await courier.housekeeping.prune()
    assert count(courier, "backups") <= MOST_RUNS + 1
    pages = page_count(courier)
    for _ in range(2):
        run_sql(
            courier.catalogue,
            "UPDATE backups SET started_at = strftime('%Y-%m-%dT%H:%M:%f000+00:00', started_at, '-500 days')",
        )
        simulate(courier, 9000, delivered=False)
        courier.housekeeping._trimmed_at = None
        await courier.housekeeping.prune()
        assert count(courier, "backups") <= 9001
    assert page_count(courier) <= pages * 2


async def test_runs_that_come_every_minute_are_bounded_by_their_number_and_a_month_always_stays(
    courier: Courier,
) -> None:
    """More than `MOST_RUNS` are kept for a month alone: what the status and the alarms look back on."""
    simulate(courier, 60 * 24 * 40, timedelta(minutes=1), delivered=False)
    before = await courier.status()
    await courier.housekeeping.prune()
    assert count(courier, "backups") == 60 * 24 * 31
    assert await courier.status() == before


async def test_what_somebody_or_something_needs_stays_whatever_its_age(courier: Courier) -> None:
    """Pinned, with a note, on the disk, the last of its database, the last that Ben has, the drilled, the unchanged."""
    simulate(courier, 2 * 365, timedelta(days=1), delivered=False)
    run_sql(courier.catalogue, "UPDATE backups SET pinned = 1 WHERE id = 1")
    run_sql(courier.catalogue, "UPDATE backups SET note = 'before the migration' WHERE id = 2")
    run_sql(courier.catalogue, "UPDATE backups SET on_disk = 1 WHERE id = 3")
    run_sql(courier.catalogue, "UPDATE backed_up SET name = 'old.db' WHERE backup_id IN (4, 5)")
    run_sql(
        courier.catalogue,
        "INSERT INTO deliveries (backup_id, address, state) VALUES (6, '12', 'sent'), (7, '12', 'sent')",
    )
    for backup_id, ok in ((8, 1), (9, 1), (10, 0)):
        drill = "INSERT INTO drills (backup_id, at, source, ok, result) VALUES (?, ?, 'disk', ?, '')"
        run_sql(courier.catalogue, drill, backup_id, text(NOW - 500 * 24 * HOUR), ok)
    run_sql(courier.catalogue, "UPDATE backups SET same_as = 11 WHERE id = 730")
    run_sql(courier.catalogue, "UPDATE backups SET same_as = 12 WHERE id = 13")
    run_sql(courier.catalogue, "UPDATE backups SET state = 'running' WHERE id = 14")
    latest, newest = await courier.catalogue.backups.latest_by_database(), await courier.catalogue.drills.last()
    await courier.housekeeping.trim()
    old = run_sql(courier.catalogue, "SELECT id FROM backups WHERE started_at < ?", text(NOW - KEPT_FOR))
    assert [backup_id for (backup_id,) in old] == [1, 2, 3, 5, 7, 9, 10, 11, 14]
    assert await courier.catalogue.backups.latest_by_database() == latest
    assert await courier.catalogue.drills.last() == newest


async def test_actions_and_ended_alarms_have_an_end_and_it_happens_once_a_day(courier: Courier) -> None:
    """Actions by age and number, alarms ninety days after their end; an open one never goes."""
    catalogue = courier.catalogue
    with closing(sqlite3.connect(catalogue.path)) as connection, connection:
        connection.executemany(
            "INSERT INTO audit (at, actor, action, facts) VALUES (?, 'Ann', 'pinned', '[]')",
            ((text(NOW - timedelta(minutes=number)),) for number in range(MOST_ACTIONS + 50, 0, -1)),
        )
        connection.execute("INSERT INTO audit (at, actor, action, facts) VALUES ('2024-01-01', 'Ann', 'paused', '[]')")
        for key, ended in (("a", NOW - timedelta(days=91)), ("b", NOW - timedelta(days=89)), ("c", None)):
            connection.execute(
                "INSERT INTO alarms (id, key, facts, acted, began_at, ended_at) VALUES (?, ?, '[]', '[]', ?, ?)",
                (key, key, text(NOW - timedelta(days=200)), text(ended) if ended else None),
            )
    await courier.housekeeping.prune()
    assert count(courier, "audit") in (MOST_ACTIONS, MOST_ACTIONS - 1)
    assert count(courier, "audit WHERE action = 'paused'") == 0
    assert run_sql(catalogue, "SELECT key FROM alarms ORDER BY key") == [("b",), ("c",)]
    run_sql(
        courier.catalogue, "INSERT INTO audit (at, actor, action, facts) VALUES ('2024-01-01', 'Ann', 'paused', '[]')"
    )
    await courier.housekeeping.prune()
    assert count(courier, "audit WHERE action = 'paused'") == 1
