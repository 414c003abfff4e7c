"""The buttons under alarms through the whole service: each does what it says, once, and the message says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from bot.errors import CourierError
from bot.models import Alarm
from tests.world.clock import MovedClock, until
from tests.world.databases import make_database
from tests.world.service import Town, opened, pressed, town_in

DAY = 86_400


async def alarm_of(town: Town, key: str) -> Alarm:
    """The open alarm of a key, once it is there."""
    found: list[Alarm] = []

    async def is_open() -> bool:
        town.service.courier.alarms.nudge()
        found[:] = [alarm for alarm in await town.service.courier.alarms.open_alarms() if alarm.key == key]
        return bool(found)

    await until(is_open)
    return found[0]


async def is_over(town: Town) -> bool:
    await town.service.courier.alarm_loop.deliver()
    return await town.service.courier.alarms.open_alarms() == ()


async def rung(town: Town, title: str) -> Message:
    return await town.ann.wait_for(lambda m: m.text.startswith(f"🚨 {title}"), since=0)


async def test_a_missing_database_is_restored_from_its_alarm(tmp_path: Path) -> None:
    """The plan of that one database comes below; the alarm stays, says who looks at it, and ends by itself."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        town.users.unlink()
        await town.back_up()
        alarm = await rung(town, "users.db is not backed up")
        assert alarm.button_texts == ["♻️ Restore it", "👍 Removed on purpose", "🔕 Mute for 24 h"]
        assert " has a good copy." in alarm.text
        await (await town.ann.press("Restore it", message=alarm)).answered()
        plan = await town.ann.wait_for(lambda m: "♻️ Restore…" in m.button_texts and ": the plan" in m.text, since=0)
        assert plan.id != alarm.id
        assert "users.db" in plan.text
        assert "notes.db" not in plan.text
        await town.ben.wait_for(lambda m: "🚨" in m.text and "Ann looks at a restore" in m.text, since=0)
        sure = plan.revision
        await (await town.ann.press("♻️ Restore", message=plan)).answered()
        asked = await town.ann.wait_for(lambda m: m.id == plan.id and m.revision > sure and "now?" in m.text, since=0)
        await (await town.ann.press("Yes, replace", message=asked)).answered()
        await town.ann.wait_for(lambda m: "Restored" in m.text, since=0, within=60)
        assert town.users.exists()
        await town.back_up()
        over = await town.ann.wait_for(lambda m: m.id == alarm.id and m.text.startswith("✅"), since=0)
        assert over.text.startswith("✅ users.db is backed up again")


async def test_a_path_that_was_removed_on_purpose_is_missed_no_longer(tmp_path: Path) -> None:
    """Named by its path, over a restart too; back again it is backed up, and missed when it goes."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        away = town.users.rename(town.users.with_suffix(".away"))
        await town.back_up()
        alarm = await rung(town, "users.db is not backed up")
        answer = await (await town.ann.press("Removed on purpose", message=alarm)).answered()
        assert "missed no longer" in answer.text
        over = await town.ben.wait_for(lambda m: "removed on purpose, says Ann" in m.text, since=0)
        assert over.text.startswith("✅")
        assert (await town.made()).skipped == ()
        assert await is_over(town)
        await town.restart()
        assert (await town.made()).skipped == ()
        names = [database.name for database in (await town.service.courier.status()).databases]
        assert names == ["notes.db"]
        away.rename(town.users)
        assert len((await town.made()).databases) == 2
        town.users.unlink()
        assert [record.name for record in (await town.made()).skipped] == ["users.db"]
        await alarm_of(town, "skipped:users.db")


async def test_a_forgotten_pause_is_resumed_from_its_alarm(tmp_path: Path) -> None:
    """The first press resumes; the second, of another admin, is told that it is done."""
    clock = MovedClock()
    async with town_in(tmp_path, clock=clock, SCHEDULE="0 * * * *") as town:
        await town.back_up()
        await town.service.courier.timetable.pause(actor="Ben (12)")
        clock.go(2 * DAY)
        await town.service.courier.alarm_loop.deliver()
        alarm = await rung(town, "No good backup since")
        assert "Ben has paused the backups" in alarm.text
        bens = await town.ben.wait_for(lambda m: m.text.startswith("🚨 No good backup"), since=0)
        assert "Resumed" in (await (await town.ann.press("Resume", message=alarm)).answered()).text
        assert (await town.service.courier.timetable.plan()).paused is None
        answer = await (await town.ben.press("Resume", message=bens, stale=True)).answered()
        assert "not paused any more" in answer.text or "over already" in answer.text


async def test_two_presses_on_try_again_are_one_backup(tmp_path: Path) -> None:
    """Ann's press and Ben's within a minute: one run, whose progress is Ann's; the message says who tried."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        live = town.users.parent
        live.rename(live.with_name("away"))
        with pytest.raises(CourierError):
            await town.back_up()
        alarm = await rung(town, "Backup failed")
        assert "users.db and notes.db are missing" in alarm.text
        bens = await town.ben.wait_for(lambda m: m.text.startswith("🚨 Backup failed"), since=0)
        await (await town.ann.press("Try again", message=alarm)).answered()
        answer = await (await town.ben.press("Try again", message=bens)).answered()
        assert answer.text == "Ann has just done that."
        await town.ann.wait_for(lambda m: "No backup was made" in m.text, since=0)
        await town.ben.wait_for(lambda m: m.id == bens.id and "Ann has started a backup" in m.text, since=0)
        assert len(await town.service.courier.catalogue.backups.select()) == 3


async def test_many_that_are_missing_are_shown_and_let_go_together(tmp_path: Path) -> None:
    """More than five are one alarm: it leads to all databases, and one press lets all of them go."""
    more = [make_database(tmp_path / "disk" / f"n{number}.db", 5) for number in range(6)]
    live = [tmp_path / "live" / name for name in ("users.db", "notes.db")]
    async with town_in(tmp_path, DATABASES=",".join(map(str, live + more))) as town:
        await town.back_up()
        for path in more:
            path.unlink()
        await town.back_up()
        alarm = await rung(town, "6 databases are not backed up")
        assert "They are missing." in alarm.text
        await (await town.ann.press("Show databases", message=alarm)).answered()
        shown = await town.ann.wait_for(
            lambda m: "n3.db" in " ".join(m.button_texts) and m.id != alarm.id, since=alarm.id
        )
        assert "🚨" in alarm.text
        assert shown.button_texts
        await (await town.ann.press("All removed on purpose", message=alarm)).answered()
        await town.ann.wait_for(lambda m: m.id == alarm.id and "removed on purpose, says Ann" in m.text, since=0)
        assert (await town.made()).skipped == ()
        assert await is_over(town)


async def test_a_restore_from_a_backup_that_is_gone_is_answered_below(tmp_path: Path) -> None:
    """Its archive was deleted everywhere: a sentence in a message of its own, and the alarm stays what it is."""
    async with town_in(tmp_path, ADMIN_IDS="11", DELIVER_TO="12") as town:
        town.ben.block_bot()
        made = await town.made()
        town.users.unlink()
        await town.back_up()
        alarm = await rung(town, "users.db is not backed up")
        (town.settings.backup_dir / made.archive_name).unlink()
        await (await town.ann.press("Restore it", message=alarm)).answered()
        told = await town.ann.wait_for(lambda m: "neither on the server's disk" in m.text, since=0)
        assert told.id != alarm.id
        assert alarm.text.startswith("🚨")


async def test_what_an_admin_hushed_says_so_to_that_admin_alone(tmp_path: Path) -> None:
    async with town_in(tmp_path) as town:
        await town.back_up()
        town.users.unlink()
        await town.back_up()
        alarm = await rung(town, "users.db is not backed up")
        bens = await town.ben.wait_for(lambda m: m.text.startswith("🚨"), since=0)
        await (await town.ann.press("Mute for 24 h", message=alarm)).answered()
        hushed = await town.ann.wait_for(lambda m: m.id == alarm.id and "🔕 muted until tomorrow" in m.text, since=0)
        assert "Mute for 24 h" not in "".join(hushed.button_texts)
        assert "🔕 muted until" not in bens.text


async def test_what_databases_names_no_more_is_a_neutral_line_that_can_be_forgotten(tmp_path: Path) -> None:
    """Taken out of DATABASES: no alarm and nothing wrong; one press forgets it, and a stale one forgets nothing."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        env = town.env.read_text()
        town.env.write_text(env.replace(f",'{town.notes}'", ""))
        assert town.env.read_text() != env
        await town.restart()
        await town.back_up()
        assert await is_over(town)
        status = await opened(town.ann, "Database Backup", "Backup Status")
        assert "➖ notes.db" in status.text
        stale = await opened(town.ann, "Database Backup", "Backup Status")
        forgotten = await pressed(town.ann, "✖️ Hide notes.db", stale)
        assert "notes.db" not in forgotten.text
        assert not any("Hide" in text for text in forgotten.button_texts)
        answer = await (await town.ann.press("✖️ Hide notes.db", message=status, stale=True)).answered()
        assert "changed meanwhile" in answer.text
        assert len((await town.service.courier.catalogue.backups.get(1)).databases) == 2
