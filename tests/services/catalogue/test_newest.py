"""What is newest: the same answer for everybody who asks, and a clock that was wrong once does not change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.models import HeldDatabase, RestorePoint, StoredVolume, Trigger
from bot.services.catalogue import Catalogue
from bot.services.catalogue.newest import newest_first
from bot.services.fetch.choice import choose_in_chat
from bot.services.recovery.document import Document, choose, write_document
from bot.services.recovery.recover import Found, choose_point
from bot.services.restore.sources import find_source
from bot.texts import history as history_texts
from bot.words.warnings import warning_words
from tests.world.catalogue import House

NOW = datetime(2026, 7, 13, 12, 0, tzinfo=UTC)


def point(at: datetime, *names: str) -> RestorePoint:
    """A restore point as Telegram holds it, of a moment."""
    sha256 = f"{int(at.timestamp()):064x}"
    return RestorePoint(
        at=at,
        archive=f"database_backup_{at:%Y%m%d_%H%M%S}.zip",
        bytes=9,
        sha256=sha256,
        databases=tuple(HeldDatabase(name=n, path=f"/srv/{n}", bytes=5, sha256=sha256) for n in names or ("x.db",)),
        volumes=(StoredVolume(file_id="BQ", bytes=9, sha256=sha256),),
    )


def test_what_is_dated_in_the_future_comes_last() -> None:
    """Minutes are NTP's; hours and years are a clock that was wrong."""
    dates = [NOW + timedelta(hours=ago) for ago in (-3, 2, 50_000, -1)] + [NOW + timedelta(minutes=5)]
    ranked = newest_first(dates, now=NOW, at=lambda date: date)
    assert ranked == (dates[4], dates[3], dates[0], dates[2], dates[1])


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=1900)])
async def test_everybody_names_the_same_newest_backup(tmp_path: Path, ahead: timedelta) -> None:
    """One backup made under a clock that was ahead is the newest for nobody, and said to be dated in the future."""
    house = House(tmp_path)
    right = house.now
    house.now = right + ahead
    wrong = await house.back_up()
    house.now = right
    newest = await house.back_up()
    async with house.courier() as courier:
        catalogue = courier.catalogue
        assert (await catalogue.backups.find("latest")).id == newest.id
        origin = await find_source(catalogue, house.store, "latest", ZoneInfo("UTC"))
        assert origin.backup.id == newest.id
        assert [other.id for other in origin.ahead] == [wrong.id]
        status = await courier.status()
        assert status.latest.id == status.latest_proven.id == newest.id
        assert any(f"Backup {wrong.id} is dated in the future" in warning_words(warning) for warning in status.warnings)
        words = history_texts.details(await courier.details(wrong.id), house.now, courier.settings.timezone)
        assert "Dated in the future" in words
        drill = await courier.drills.drill_newest()
        assert drill.backup_id == newest.id
        assert {d.last.id for d in status.databases if d.last} == {newest.id}


async def test_a_failed_run_under_a_wrong_clock_is_not_the_latest_for_years(tmp_path: Path) -> None:
    """Its alarm would never end."""
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: NOW) as catalogue:
        for at in (NOW + timedelta(days=900), NOW):
            run = await catalogue.backups.begin(trigger=Trigger.SCHEDULE, requested_by="schedule", started_at=at)
        await catalogue.backups.mark_interrupted()
        latest = await catalogue.backups.latest_run()
        assert latest.id == run
        assert await catalogue.backups.latest_run(interrupted=False) is None


async def test_the_chat_and_recovery_choose_as_the_disk_does(tmp_path: Path) -> None:
    """From Telegram, from the pinned list and from a store's index alike; by `--at` a wrong date can still be had."""
    old, new, wrong = (point(NOW + timedelta(hours=hours)) for hours in (-5, -1, 30_000))
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: NOW) as catalogue:
        await catalogue.restore_points.learn([old, wrong, new])
        assert (await choose_in_chat(catalogue)).archive == new.archive
        assert (await catalogue.restore_points.select(limit=1))[0].archive == new.archive
        assert [p.archive for p in await catalogue.restore_points.last_by_database()] == [new.archive]
    told: list[str] = []
    found = Found(points=(wrong, new, old), settings={})
    assert choose_point(found, tell=told.append, clock=lambda: NOW) is new
    assert wrong.archive in told[0]
    assert choose_point(found, at=wrong.at, clock=lambda: NOW) is new
    assert choose([wrong], now=NOW) is wrong
    # A new machine whose clock is behind believes who wrote the list.
    behind = NOW - timedelta(hours=3)
    assert choose_point(found, clock=lambda: behind) is old
    assert choose_point(replace(found, written_at=NOW), clock=lambda: behind) is new


def test_the_pinned_list_keeps_the_real_newest_of_a_database_when_it_has_to_leave_some_out() -> None:
    """A point dated in the future does not push it out."""
    wrong, new = point(NOW + timedelta(days=900)), point(NOW)
    many = [point(NOW + timedelta(days=400, minutes=n), "other.db") for n in range(1000)]
    document = Document(bot_id=7, written_at=NOW, settings={}, points=(wrong, *many, new))
    written, _ = write_document(document)
    assert len(written.points) < len(document.points)
    assert new in written.points
