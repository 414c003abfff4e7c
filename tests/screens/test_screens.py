"""Every screen of the dashboard in every state, as the real service draws it; `--update-screens` writes them anew."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from bot.errors import CourierError
from tests.world.databases import change, damage
from tests.world.gallery import FIVE, SIXTY, Gallery, gallery
from tests.world.golden import Golden
from tests.world.service import RED, YES, choosing, confirmed, pressed

Draw = Callable[[str, Gallery], Golden]

MENU = "💾 Database Backup"


async def keep_common(golden: Golden, place: Gallery) -> None:
    """The screens at which people look in every state."""
    golden.keep("menu", await place.screen(MENU))
    golden.keep("status", await place.screen(MENU, "📊 Backup Status"))
    golden.keep("health", await health(place))
    golden.keep("databases", await place.screen(MENU, "🗄 Databases"))


async def health(place: Gallery) -> Message:
    """System Health once it was measured."""
    return await pressed(place.ann, "🩺 System Health", await place.screen(MENU), "As of", within=15)


async def test_first_run(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """Nothing is backed up yet, and Ben has not pressed Start."""
    async with gallery(monkeypatch, FIVE, ben_started=False) as place:
        drawn = golden("first_run", place)
        await place.ann.send("/start")
        drawn.keep("start", await place.ann.wait_for(lambda message: "Welcome" in message.text))
        await keep_common(drawn, place)
        drawn.keep("history", await place.screen(MENU, "🗂 History"))
        drawn.finish()


async def test_one_database(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    async with gallery(monkeypatch) as place:
        drawn = golden("one", place)
        await place.back_up()
        await place.later(3)
        await keep_common(drawn, place)
        drawn.keep("admin", await place.screen())
        drawn.finish()


async def test_five_databases(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """All is well; every screen that is opened from the menu."""
    async with gallery(monkeypatch, FIVE) as place:
        drawn = golden("five", place)
        for _ in range(3):
            await place.back_up(after=60)
        await place.later(3)
        await keep_common(drawn, place)
        history = await place.screen(MENU, "🗂 History")
        drawn.keep("history", history)
        drawn.keep("backup", await pressed(place.ann, "bk:open:3:0", history))
        drawn.keep("database", await place.screen(MENU, "🗄 Databases", "orders.db"))
        drawn.keep("pause", await place.screen(MENU, "⏸ Pause"))
        mine = (MENU, "⚙️ Settings", "🔔 My messages")
        drawn.keep("my_messages", await pressed(place.ann, "mymode:digest", await place.screen(*mine)))
        quiet = await place.screen(*mine, "🌙 Quiet hours")
        drawn.keep("no_quiet_hours", quiet)
        drawn.keep("quiet_hours", await pressed(place.ann, "myquiet:1320:420:0", quiet))
        drawn.keep("my_databases", await place.screen(*mine, "🗄 My databases"))
        drawn.finish()


async def test_sixty_databases(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    async with gallery(monkeypatch, SIXTY) as place:
        drawn = golden("sixty", place)
        await place.back_up()
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_missing(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """A database has disappeared."""
    async with gallery(monkeypatch, FIVE) as place:
        drawn = golden("missing", place)
        await place.back_up()
        place.path("orders.db").unlink()
        await place.back_up(after=60)
        await place.alarmed("skipped:orders.db")
        await place.later(3)
        await keep_common(drawn, place)
        drawn.keep("database", await place.screen(MENU, "🗄 Databases", "orders.db"))
        history = await place.screen(MENU, "🗂 History")
        drawn.keep("history", history)
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", history))
        drawn.finish()


async def test_missing_of_a_pattern(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """DATABASES names the folder's files by a pattern: one that was there before is missed all the same."""
    async with gallery(monkeypatch, FIVE[:3]) as place:
        drawn = golden("missing_of_a_pattern", place)
        await place.start(place.path("*.db"))
        await place.back_up()
        place.path("orders.db").unlink()
        await place.back_up(after=60)
        await place.alarmed("gone:orders.db")
        drawn.keep("alarm", next(m for m in place.ann.messages if m.text.startswith("🚨") and not m.document))
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_no_longer_named(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """A database taken out of DATABASES on purpose: no trouble, and a button that forgets it."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn = golden("no_longer_named", place)
        await place.back_up()
        await place.start(place.path("users.db"))
        await place.back_up(after=60)
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_another_life(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """A new BACKUP_DIR and other databases: what the chat still has from before is no trouble, and can be forgotten."""
    async with gallery(monkeypatch, FIVE[:4]) as place:
        drawn = golden("another_life", place)
        await place.start(*map(place.path, FIVE[1:4]))
        await place.back_up()
        points = await place.service.courier.catalogue.restore_points.select()
        place.given = {**place.given, "BACKUP_DIR": str(place.folder / "other")}
        await place.start(place.path("users.db"))
        await place.service.courier.catalogue.restore_points.learn(points)
        await place.back_up(after=60)
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_damaged(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    async with gallery(monkeypatch, FIVE) as place:
        drawn = golden("damaged", place)
        await place.back_up()
        damage(place.path("orders.db"))
        await place.back_up(after=60)
        await place.alarmed("skipped:orders.db")
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_shrunken(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """A database has lost rows; its own screen restores it from the backup that has them."""
    async with gallery(monkeypatch, FIVE) as place:
        drawn = golden("shrunken", place)
        await place.back_up()
        change(place.path("users.db"), "DELETE FROM entries WHERE id > 7")
        await place.back_up(after=60)
        await place.alarmed("shrunken:users.db")
        await place.later(3)
        await keep_common(drawn, place)
        drawn.keep("database", await place.screen(MENU, "🗄 Databases", "users.db"))
        drawn.finish()


async def test_unreachable(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """Ben has blocked the bot."""
    async with gallery(monkeypatch) as place:
        drawn = golden("unreachable", place)
        await place.back_up()
        place.ben.block_bot()
        await place.back_up(after=60)
        await place.alarmed("unreachable:12")
        await place.later(3)
        await keep_common(drawn, place)
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", await place.screen(MENU, "🗂 History")))
        drawn.finish()


async def test_paused(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    async with gallery(monkeypatch) as place:
        drawn = golden("paused", place)
        await place.back_up()
        await place.later(3)
        drawn.keep("pressed", await place.screen(MENU, "⏸ Pause", "1 h"))
        await place.later(15)
        await keep_common(drawn, place)
        drawn.finish()


async def test_stale(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """No backup has come for five hours and a half: the runs of five hours are missed."""
    async with gallery(monkeypatch) as place:
        drawn = golden("stale", place)
        await place.back_up()
        await place.later(5 * 60 + 30)
        await place.alarmed("stale")
        await keep_common(drawn, place)
        drawn.finish()


async def test_gaps(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """The program was off twice, for seven hours and for four: all is well now, and what is missing is told."""
    async with gallery(monkeypatch) as place:
        drawn = golden("gaps", place)
        for minutes in (0, 60, 7 * 60, 60, 4 * 60):
            await place.back_up(after=minutes)
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_failed(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """The newest run stored nothing: no database could be read."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn = golden("failed", place)
        await place.back_up()
        for name in FIVE[:2]:
            damage(place.path(name))
        with suppress(CourierError):
            await place.back_up(after=60)
        await place.alarmed("run")
        await place.later(3)
        await keep_common(drawn, place)
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", await place.screen(MENU, "🗂 History")))
        drawn.finish()


async def test_full_disk(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """No room for a copy of any of five databases: said once, with one figure."""
    async with gallery(monkeypatch, FIVE) as place:
        drawn = golden("full_disk", place)
        await place.back_up()
        for name in FIVE:  # or their copies of before are taken over
            change(place.path(name), "DELETE FROM entries WHERE id = 1")
        place.disk(free=5 << 20)
        with suppress(CourierError):
            await place.back_up(after=60)
        await place.alarmed("run", "disk")
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_disk_nearly_full(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    async with gallery(monkeypatch) as place:
        drawn = golden("disk", place)
        await place.back_up()
        place.disk(free=5 << 20)
        await place.alarmed("disk")
        await place.later(3)
        await keep_common(drawn, place)
        drawn.finish()


async def test_archives_gone(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """Somebody has deleted archives by hand that the chat still has; an admin says that this is fine."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn = golden("archives_gone", place)
        for _ in range(3):
            made = await place.back_up(after=60)
        for archive in sorted(place.settings.backup_dir.glob("*.zip"))[:2]:
            archive.unlink()
        await place.later(3)
        await place.alarmed("lost")
        drawn.keep("alarm", next(m for m in place.ann.messages if m.text.startswith("⚠️ 2 archives")))
        await keep_common(drawn, place)
        status = await place.screen(MENU, "📊 Backup Status")
        await place.later(3)
        drawn.keep("accepted", await pressed(place.ann, "👍 Removed on purpose", status, "all is well"))
        await place.service.courier.alarm_loop.deliver()
        drawn.keep("over", next(m for m in place.ann.messages if m.text.startswith("✅ 2 archives")))
        archive = place.settings.backup_dir / made.archive_name
        archive.write_bytes(archive.read_bytes()[:100])
        drawn.keep("cut", await place.screen(MENU, "📊 Backup Status"))
        drawn.finish()


async def test_archives_lost(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """The group that is to receive them has never let the bot in, and now the disk's are gone too."""
    async with gallery(monkeypatch, DELIVER_TO="-100500") as place:
        drawn = golden("archives_lost", place)
        for _ in range(2):
            made = await place.back_up(after=60)
        await place.alarmed("unreachable:-100500")
        await place.later(3)
        (place.settings.backup_dir / made.archive_name).unlink()
        drawn.keep("some", await place.screen(MENU, "📊 Backup Status"))
        await place.alarmed("lost", "unreachable:-100500")
        for archive in place.settings.backup_dir.glob("*.zip"):
            archive.unlink()
        await keep_common(drawn, place)
        status = await place.screen(MENU, "📊 Backup Status")
        await place.service.courier.alarm_loop.deliver()
        drawn.keep("alarm", next(m for m in place.ann.messages if m.text.startswith("🚨 No good backup is left")))
        drawn.keep("accepted", await pressed(place.ann, "👍 Removed on purpose", status, "No good backup is left"))
        drawn.finish()


async def test_disk_that_fills(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """Said from the figures of a day on, and not before."""
    async with gallery(monkeypatch) as place:
        drawn = golden("filling", place)
        place.disk(free=3 << 30)
        await place.back_up()
        change(place.path("users.db"), "CREATE TABLE more AS SELECT randomblob(5000000) AS picture")
        for name, hours in (("after_an_hour", 1), ("after_a_day", 23)):
            await place.back_up(after=hours * 60)
            drawn.keep(name, await health(place))
        drawn.finish()


async def test_without_a_network(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """What stands in the way, in words for people; presses still come, or nobody would see it."""
    async with gallery(monkeypatch) as place:
        drawn = golden("offline", place)
        await place.back_up()
        place.lose_the_network()
        await place.back_up(after=60)
        await place.later(3)
        drawn.keep("status", await place.screen(MENU, "📊 Backup Status"))
        drawn.keep("health", await health(place))
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", await place.screen(MENU, "🗂 History")))
        drawn.finish()


async def test_restoring(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """From the choice to the result, its undo, and back again."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn, ann = golden("restore", place), place.ann
        made = await place.back_up()
        change(place.path("users.db"), "INSERT INTO entries (text) VALUES ('a'), ('b'), ('c')")
        await place.later(3)
        choice = await choosing(ann, made.id)
        drawn.keep("choice", choice)
        plan = await pressed(ann, "Show the plan", await pressed(ann, "orders.db", choice, "ticked"), ": the plan")
        drawn.keep("plan", plan)
        sure = await pressed(ann, RED, plan, "now?")
        drawn.keep("question", sure)
        result = await pressed(ann, YES, sure, "Restored", within=60)
        drawn.keep("restored", result)
        undo = await pressed(ann, "Undo", result, "Undo: the plan", within=60)
        drawn.keep("undo", undo)
        undone = await confirmed(ann, undo, "is undone", red="Undo the restore")
        drawn.keep("undone", undone)
        redo = await pressed(ann, "Redo", undone, "Redo: the plan", within=60)
        drawn.keep("redo", redo)
        drawn.keep("redone", await confirmed(ann, redo, "Restored again", red="Redo the restore"))
        drawn.finish()


async def test_restore_over_edits(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """As many rows as in the backup, but edited, under ids used again, and with a column that the backup lacks."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn = golden("restore_edits", place)
        made = await place.back_up()
        change(
            place.path("users.db"),
            "UPDATE entries SET text = 'edited' WHERE id <= 2",
            "DELETE FROM entries WHERE id > 57",
            "INSERT INTO entries (text) VALUES ('a'), ('b'), ('c')",
        )
        change(
            place.path("orders.db"), "ALTER TABLE entries ADD COLUMN paid", "UPDATE entries SET paid = 1 WHERE id <= 5"
        )
        await place.later(3)
        plan = await pressed(place.ann, "Show the plan", await choosing(place.ann, made.id), ": the plan")
        drawn.keep("plan", plan, long=True)
        drawn.keep("question", await pressed(place.ann, RED, plan, "now?"))
        drawn.finish()


async def test_schedules(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """Typed in words, and one by which much may be lost."""
    async with gallery(monkeypatch) as place:
        drawn = golden("schedules", place)
        for name, words in (("weekly", "every monday"), ("monthly", "0 4 1 * *"), ("daily", "@daily")):
            asked = await place.screen(MENU, "⚙️ Settings", "🗓 Schedule", "⌨️ Type it")
            await place.ann.send(words)
            drawn.keep(name, await place.ann.wait_for(lambda m: "Use this" in m.text and m.id > asked.id))  # noqa: B023
        drawn.finish()


async def test_sent_to_the_bot(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """An archive and a database file that an admin sends, and what can be restored from the archive."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn = golden("sent", place)
        drawn.hidden[f"Made on {socket.gethostname()}"] = "Made on server"
        made = await place.back_up()
        await place.ann.send_document(place.settings.backup_dir / made.archive_name)
        ready = await place.ann.wait_for(lambda m: "A backup, intact" in m.text, within=15)
        drawn.keep("archive", ready)
        drawn.keep("choice", await pressed(place.ann, "Restore…", ready, "which databases", within=15))
        await place.ann.send_document(place.path("users.db"))
        drawn.keep("database", await place.ann.wait_for(lambda m: "A database file" in m.text, within=15))
        drawn.finish()


async def test_many_files(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """More than three files an hour: said where the schedule is looked at and chosen, and in System Health."""
    async with gallery(monkeypatch, VOLUME_SIZE_MB="1") as place:
        drawn = golden("many_files", place)
        change(place.path("users.db"), "CREATE TABLE more AS SELECT randomblob(3500000) AS picture")
        await place.service.parts.first.make()
        drawn.keep("card", await place.ann.wait_for(lambda m: "first backup" in m.text, since=0))
        await place.later(3)
        drawn.keep("health", await health(place))
        schedule = await place.screen(MENU, "⚙️ Settings", "🗓 Schedule")
        drawn.keep("schedule", schedule)
        drawn.keep("rarer", await pressed(place.ann, "Every 6 h", schedule, "Use this"))
        drawn.finish()


async def test_logs(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """What happened, what of it was trouble, and what admins did."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn = golden("logs", place)
        drawn.keep("empty", await place.screen(MENU, "📜 Detailed Logs"))
        await place.back_up()
        await place.screen(MENU, "⏸ Pause", "1 h")
        await place.later(3)
        await place.screen(MENU, "▶️ Resume")
        orders = place.path("orders.db")
        away = orders.rename(orders.with_suffix(".away"))
        await place.back_up(after=60)
        away.rename(orders)
        place.ben.block_bot()
        await place.back_up(after=60)
        await place.service.courier.drills.drill_newest()
        await place.alarmed("unreachable:12")
        await place.later(3)
        logs = await place.screen(MENU, "📜 Detailed Logs")
        drawn.keep("all", logs)
        drawn.keep("trouble", await pressed(place.ann, "⚠️ Trouble", logs))
        drawn.keep("actions", await pressed(place.ann, "👤 Actions", logs))
        drawn.finish()


async def test_sealed(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    key = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    async with gallery(monkeypatch, AGE_RECIPIENTS=key) as place:
        drawn = golden("sealed", place)
        await place.back_up()
        await place.later(3)
        await keep_common(drawn, place)
        drawn.keep("backup", await pressed(place.ann, "bk:open:1:0", await place.screen(MENU, "🗂 History")))
        drawn.finish()


def test_a_changed_screen_is_told_as_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A golden screen that can't fail would be none: changed, new and vanished screens, and one that is too long."""
    monkeypatch.setattr("tests.world.golden.SCREENS", tmp_path)
    first = Golden("state", {"/tmp/x": "/srv/app"}, rewrite=True)
    first.keep("a", "All is well at /tmp/x.\n")
    first.keep("b", "There is more.\n")
    first.finish()
    again = Golden("state", {}, rewrite=False)
    again.keep("a", "All is well at /srv/app.\n")
    again.keep("b", "There is more.\n")
    again.finish()
    later = Golden("state", {}, rewrite=False)
    later.keep("a", "All is lost at /srv/app.\n")
    later.keep("c", "\n".join(["A line."] * 21))
    with pytest.raises(AssertionError) as told:
        later.finish()
    for part in ("-All is well", "+All is lost", "state/b.txt: no screen", "state/c: 21 lines", "state/c.txt (now)"):
        assert part in str(told.value)
