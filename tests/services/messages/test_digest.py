"""The daily digest: one message a day, edited in place, through restarts, waits and the days when clocks change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.errors import NothingToBackUpError
from bot.models import BackupDay, BackupState, DeliveryState, MessageMode, Trigger
from bot.services.messages.digest import Digest
from bot.services.messages.maintenance import day_bounds
from bot.texts import digest as digest_texts
from bot.texts import history as history_texts
from bot.texts.markup import MESSAGE_LIMIT, length
from bot.texts.notices import KeptTexts
from tests.services.messages.samples import NOON, backup
from tests.world import faults
from tests.world.messages import MakeHouse, archives, texts


async def test_days_of_runs_are_one_message_and_one_archive_a_day(make_house: MakeHouse) -> None:
    """Over the weekend on which Berlin's clocks go forward, with a restart every ninth run, all without a sound."""
    house = await make_house(datetime(2027, 3, 27, 1, 0, tzinfo=UTC), ann=MessageMode.DIGEST)
    per_day = []
    for number in range(24):
        house.change(house.users)
        backup = await house.run()
        per_day.append(backup.started_at.astimezone(house.courier.settings.timezone).date())
        house.pass_by(hours=3)
        if number % 9 == 8:
            await house.restart()
    days = sorted(set(per_day))
    digests = texts(house.ann)
    assert [per_day.count(day) for day in days] == [8, 7, 8, 1]  # the Sunday is an hour short
    assert [message.text.splitlines()[0] for message in digests] == [f"📰 Backups of {d.day} Mar 2027" for d in days]
    for day, digest in zip(days, digests, strict=True):
        assert digest.silent
        assert f"{per_day.count(day)} run" in digest.text
        assert sum("2 databases" in line for line in digest.text.splitlines()) == per_day.count(day)
    assert [m.silent for m in archives(house.ann)] == [True] * len(days)
    assert len(archives(house.ben)) == 24
    assert await house.owes(house.ann) == 0


async def test_what_was_not_sent_by_choice_is_listed_with_its_reason(make_house: MakeHouse) -> None:
    """Nothing is owed, nothing is called delivered that was not, and the backup counts as delivered to who wants it."""
    house = await make_house(ann=MessageMode.DIGEST, ben=MessageMode.TROUBLE)
    first, second = await house.hours(house.users, house.users)
    assert [state for state, _ in (await house.rows(first)).values()] == [DeliveryState.SENT] * 2
    assert await house.rows(second) == {
        11: (DeliveryState.SENT, ""),  # nobody wants every backup, so it goes to her
        12: (DeliveryState.NOT_DUE, "trouble only was chosen there"),
    }
    assert second.state is BackupState.DELIVERED
    shown = history_texts.details(await house.courier.details(second.id), house.now, house.courier.settings.timezone)
    assert "Delivered to 1 of 1, not sent to 1" in shown
    assert "🔕 user 12: not sent, trouble only was chosen there" in shown
    assert len(texts(house.ben)) == 0


async def test_a_failed_run_and_a_missing_database_stand_in_the_digest(make_house: MakeHouse) -> None:
    """Trouble is in the digest, and comes as a loud message of its own as well."""
    house = await make_house(ann=MessageMode.DIGEST)
    await house.hours(house.users)
    house.shop.rename(house.folder / "elsewhere.db")
    await house.hours(house.users)
    house.users.rename(house.folder / "elsewhere too.db")
    with pytest.raises(NothingToBackUpError):
        await house.run()
    await house.upkeep.refresh()
    (digest,) = [m for m in texts(house.ann) if "📰" in m.text]
    failed, missing, good = [line for line in digest.text.splitlines() if line[:2].isdigit()]
    assert failed.startswith("08:00 ❌ failed")
    assert missing.startswith("07:00 ⚠️ NOT backed up: shop.db")
    assert good.startswith("06:00 ✅ 2 databases")
    assert "2 with trouble" in digest.text
    alarms = [m for m in texts(house.ann) if "🚨" in m.text]
    assert len(alarms) == 2
    assert not any(message.silent for message in alarms)


async def test_a_digest_that_was_deleted_comes_anew(make_house: MakeHouse) -> None:
    """Who deletes it gets the whole day again with the next run, not an edit of nothing."""
    house = await make_house(ann=MessageMode.DIGEST)
    await house.hours(house.users)
    (digest,) = texts(house.ann)
    await house.ann.delete(digest)
    await house.hours(house.users)
    (again,) = texts(house.ann)
    assert "2 runs" in again.text


async def test_telegrams_wish_to_be_left_alone_is_obeyed_and_edits_join(make_house: MakeHouse) -> None:
    """No edit before `retry_after` is over; then one edit tells everything."""
    house = await make_house(ann=MessageMode.DIGEST)
    await house.hours(house.users)
    house.standin.inject(faults.flood(5000), "editMessageText")
    await house.hours(house.users)
    before = len(house.standin.calls_of("editMessageText"))
    assert await house.upkeep.refresh() == pytest.approx(1400)
    await house.run()
    assert len(house.standin.calls_of("editMessageText")) == before
    house.pass_by(seconds=1500)
    assert await house.upkeep.refresh() == 0
    assert len(house.standin.calls_of("editMessageText")) == before + 1
    assert "3 runs" in texts(house.ann)[0].text


async def test_yesterdays_digest_is_finished_after_a_restart(make_house: MakeHouse) -> None:
    """A run that nobody told of before the machine went down over midnight still gets its line."""
    house = await make_house(datetime(2027, 1, 12, 21, 0, tzinfo=UTC), ann=MessageMode.DIGEST)  # 22:00 in Berlin
    await house.hours(house.users)
    house.change(house.users)
    await house.courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by="a test")  # killed before the digest
    house.pass_by(hours=8)
    await house.restart()
    await house.upkeep.refresh()
    (digest,) = texts(house.ann)
    assert "12 Jan 2027" in digest.text
    assert "2 runs" in digest.text


async def test_who_has_blocked_the_bot_is_let_alone_and_told_when_back(make_house: MakeHouse) -> None:
    """A digest that can't be shown hurts nobody else, and comes whole after Start."""
    house = await make_house(ann=MessageMode.DIGEST, ben=MessageMode.DIGEST)
    house.ann.block_bot()
    await house.hours(house.users, house.users)
    (bens,) = [message for message in texts(house.ben) if "📰" in message.text]
    assert "2 runs" in bens.text
    await house.ann.start()
    await house.courier.recipient_started(11, "Ann")
    await house.upkeep.refresh()
    assert "2 runs" in texts(house.ann)[-1].text


async def test_choosing_the_digest_shows_the_day_so_far_and_no_older_day(make_house: MakeHouse) -> None:
    """The message is there at once; leaving the digest leaves it as it is."""
    house = await make_house(datetime(2027, 1, 12, 21, 0, tzinfo=UTC))
    await house.hours(house.users, house.users, house.users)  # 22:00, 23:00, 00:00
    await house.courier.preferences.choose_mode(11, MessageMode.DIGEST, actor="Ann (11)")
    await house.upkeep.refresh()
    (digest,) = texts(house.ann)
    assert "13 Jan 2027" in digest.text
    await house.courier.preferences.choose_mode(11, MessageMode.EVERY, actor="Ann (11)")
    await house.hours(house.users)
    assert texts(house.ann) == [digest]


def test_a_day_is_as_long_as_the_clocks_make_it() -> None:
    """23 and 25 hours on the days of the change."""
    lengths = []
    for day in (date(2027, 3, 28), date(2027, 10, 31), date(2027, 7, 1)):
        begin, end = day_bounds(day, ZoneInfo("Europe/Berlin"))
        lengths.append((end.astimezone(UTC) - begin.astimezone(UTC)) / timedelta(hours=1))
    assert lengths == [23, 25, 24]


def test_a_digest_of_many_runs_fits_into_a_message() -> None:
    """A run every five minutes makes 288 lines: the newest are shown, the others counted."""
    runs = tuple(backup(n, NOON + timedelta(minutes=5 * n), **{f"a{'x' * 200}": "a"}) for n in range(288, 0, -1))
    digest = Digest(day=NOON.date(), runs=runs, received=frozenset({288}), databases=frozenset({"<b>" * 50}))
    html = digest_texts.digest(digest, None, ZoneInfo("UTC"))
    assert length(html) <= MESSAGE_LIMIT
    assert "and 188 more" in html


async def test_runs_that_did_not_take_place_are_told() -> None:
    """Of that local day alone; a day of good runs between two gaps is not all good."""
    asked: list[datetime] = []

    async def days(since: datetime) -> tuple[BackupDay, ...]:
        asked.append(since)
        return (BackupDay(day=NOON.date(), runs=1, missed=6), BackupDay(day=NOON.date() + timedelta(days=1), missed=9))

    async def nothing() -> Any:
        raise NotImplementedError

    words = KeptTexts(status=nothing, days=days, timezone=ZoneInfo("Europe/Berlin"), left=nothing)
    day = Digest(day=NOON.date(), runs=(backup(1, NOON, a="a"),), received=frozenset(), is_over=True)
    assert "1 run, ❗️ <b>6 missed</b>" in await words.digest(day)
    assert asked == [day_bounds(NOON.date(), ZoneInfo("Europe/Berlin"))[0]]
    failed = replace(day.runs[0], archive_sha256="", state=BackupState.FAILED)
    assert "<b>1 with trouble, 6 missed</b>" in await words.digest(replace(day, runs=(failed,)))
