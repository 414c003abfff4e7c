"""Every screen of the dashboard in every state, as the real service draws it; `--update-screens` writes them anew."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from bot.errors import CourierError
from tests.world.databases import change, damage
from tests.world.gallery import FIVE, SIXTY, Drawing, Gallery
from tests.world.golden import Golden
from tests.world.service import RED, YES, choosing, confirmed, pressed

MENU = "💾 Database Backup"


async def keep_common(golden: Golden, place: Gallery, *, after: float = 3) -> None:
    """The screens at which people look in every state, some minutes later."""
    await place.later(after)
    golden.keep("menu", await place.screen(MENU))
    golden.keep("status", await place.screen(MENU, "📊 Backup Status"))
    golden.keep("health", await health(place))
    golden.keep("databases", await place.screen(MENU, "🗄 Databases"))


async def health(place: Gallery) -> Message:
    """System Health once it was measured."""
    return await pressed(place.ann, "🩺 System Health", await place.screen(MENU), "As of", within=15)


async def test_first_run(drawing: Drawing) -> None:
    """Nothing is backed up yet, and Ben has not pressed Start."""
    async with drawing("first_run", FIVE, ben_started=False) as (place, drawn):
        await place.ann.send("/start")
        drawn.keep("start", await place.ann.wait_for(lambda message: "Welcome" in message.text))
        await keep_common(drawn, place, after=0)
        drawn.keep("history", await place.screen(MENU, "🗂 History"))


async def test_one_database(drawing: Drawing) -> None:
    async with drawing("one") as (place, drawn):
        await place.back_up()
        await keep_common(drawn, place)
        drawn.keep("admin", await place.screen())


async def test_five_databases(drawing: Drawing) -> None:
    """All is well; every screen that is opened from the menu."""
    async with drawing("five", FIVE) as (place, drawn):
        for _ in range(3):
            await place.back_up(after=60)
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


async def test_sixty_databases(drawing: Drawing) -> None:
    async with drawing("sixty", SIXTY) as (place, drawn):
        await place.back_up()
        await keep_common(drawn, place)


async def test_missing(drawing: Drawing) -> None:
    """A database has disappeared."""
    async with drawing("missing", FIVE) as (place, drawn):
        await place.back_up()
        place.path("orders.db").unlink()
        await place.back_up(after=60)
        await place.alarmed("skipped:orders.db")
        await keep_common(drawn, place)
        drawn.keep("database", await place.screen(MENU, "🗄 Databases", "orders.db"))
        history = await place.screen(MENU, "🗂 History")
        drawn.keep("history", history)
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", history))


async def test_missing_of_a_pattern(drawing: Drawing) -> None:
    """DATABASES names the folder's files by a pattern: one that was there before is missed all the same."""
    async with drawing("missing_of_a_pattern", FIVE[:3]) as (place, drawn):
        await place.start(place.path("*.db"))
        await place.back_up()
        place.path("orders.db").unlink()
        await place.back_up(after=60)
        await place.alarmed("gone:orders.db")
        drawn.keep("alarm", next(m for m in place.ann.messages if m.text.startswith("🚨") and not m.document))
        await keep_common(drawn, place)


async def test_no_longer_named(drawing: Drawing) -> None:
    """A database taken out of DATABASES on purpose: no trouble, and a button that forgets it."""
    async with drawing("no_longer_named", FIVE[:2]) as (place, drawn):
        await place.back_up()
        await place.start(place.path("users.db"))
        await place.back_up(after=60)
        await keep_common(drawn, place)


async def test_another_life(drawing: Drawing) -> None:
    """A new BACKUP_DIR and other databases: what the chat still has from before is no trouble, and can be forgotten."""
    async with drawing("another_life", FIVE[:4]) as (place, drawn):
        await place.start(*map(place.path, FIVE[1:4]))
        await place.back_up()
        points = await place.service.courier.catalogue.restore_points.select()
        place.given = {**place.given, "BACKUP_DIR": str(place.folder / "other")}
        await place.start(place.path("users.db"))
        await place.service.courier.catalogue.restore_points.learn(points)
        await place.back_up(after=60)
        await keep_common(drawn, place)


async def test_damaged(drawing: Drawing) -> None:
    async with drawing("damaged", FIVE) as (place, drawn):
        await place.back_up()
        damage(place.path("orders.db"))
        await place.back_up(after=60)
        await place.alarmed("skipped:orders.db")
        await keep_common(drawn, place)


async def test_shrunken(drawing: Drawing) -> None:
    """A database has lost rows; its own screen restores it from the backup that has them."""
    async with drawing("shrunken", FIVE) as (place, drawn):
        await place.back_up()
        change(place.path("users.db"), "DELETE FROM entries WHERE id > 7")
        await place.back_up(after=60)
        await place.alarmed("shrunken:users.db")
        await keep_common(drawn, place)
        drawn.keep("database", await place.screen(MENU, "🗄 Databases", "users.db"))


async def test_unreachable(drawing: Drawing) -> None:
    """Ben has blocked the bot."""
    async with drawing("unreachable") as (place, drawn):
        await place.back_up()
        place.ben.block_bot()
        await place.back_up(after=60)
        await place.alarmed("unreachable:12")
        await keep_common(drawn, place)
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", await place.screen(MENU, "🗂 History")))


async def test_paused(drawing: Drawing) -> None:
    async with drawing("paused") as (place, drawn):
        await place.back_up()
        await place.later(3)
        drawn.keep("pressed", await place.screen(MENU, "⏸ Pause", "1 h"))
        await keep_common(drawn, place, after=15)


async def test_stale(drawing: Drawing) -> None:
    """No backup has come for five hours and a half: the runs of five hours are missed."""
    async with drawing("stale") as (place, drawn):
        await place.back_up()
        await place.later(5 * 60 + 30)
        await place.alarmed("stale")
        await keep_common(drawn, place, after=0)


async def test_gaps(drawing: Drawing) -> None:
    """The program was off twice, for seven hours and for four: all is well now, and what is missing is told."""
    async with drawing("gaps") as (place, drawn):
        for minutes in (0, 60, 7 * 60, 60, 4 * 60):
            await place.back_up(after=minutes)
        await keep_common(drawn, place)


async def test_failed(drawing: Drawing) -> None:
    """The newest run stored nothing: no database could be read."""
    async with drawing("failed", FIVE[:2]) as (place, drawn):
        await place.back_up()
        for name in FIVE[:2]:
            damage(place.path(name))
        with suppress(CourierError):
            await place.back_up(after=60)
        await place.alarmed("run")
        await keep_common(drawn, place)
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", await place.screen(MENU, "🗂 History")))


async def test_full_disk(drawing: Drawing) -> None:
    """No room for a copy of any of five databases: said once, with one figure."""
    async with drawing("full_disk", FIVE) as (place, drawn):
        await place.back_up()
        for name in FIVE:  # or their copies of before are taken over
            change(place.path(name), "DELETE FROM entries WHERE id = 1")
        place.disk(free=5 << 20)
        with suppress(CourierError):
            await place.back_up(after=60)
        await place.alarmed("run", "disk")
        await keep_common(drawn, place)


async def test_disk_nearly_full(drawing: Drawing) -> None:
    async with drawing("disk") as (place, drawn):
        await place.back_up()
        place.disk(free=5 << 20)
        await place.alarmed("disk")
        await keep_common(drawn, place)


async def test_archives_gone(drawing: Drawing) -> None:
    """Somebody has deleted archives by hand that the chat still has; an admin says that this is fine."""
    async with drawing("archives_gone", FIVE[:2]) as (place, drawn):
        for _ in range(3):
            made = await place.back_up(after=60)
        for archive in sorted(place.settings.backup_dir.glob("*.zip"))[:2]:
            archive.unlink()
        await place.later(3)
        await place.alarmed("lost")
        drawn.keep("alarm", next(m for m in place.ann.messages if m.text.startswith("⚠️ 2 archives")))
        await keep_common(drawn, place, after=0)
        status = await place.screen(MENU, "📊 Backup Status")
        await place.later(3)
        drawn.keep("accepted", await pressed(place.ann, "👍 Removed on purpose", status, "all is well"))
        await place.service.courier.alarm_loop.deliver()
        drawn.keep("over", next(m for m in place.ann.messages if m.text.startswith("✅ 2 archives")))
        archive = place.settings.backup_dir / made.archive_name
        archive.write_bytes(archive.read_bytes()[:100])
        drawn.keep("cut", await place.screen(MENU, "📊 Backup Status"))


async def test_archives_lost(drawing: Drawing) -> None:
    """The group that is to receive them has never let the bot in, and now the disk's are gone too."""
    async with drawing("archives_lost", DELIVER_TO="-100500") as (place, drawn):
        for _ in range(2):
            made = await place.back_up(after=60)
        await place.alarmed("unreachable:-100500")
        await place.later(3)
        (place.settings.backup_dir / made.archive_name).unlink()
        drawn.keep("some", await place.screen(MENU, "📊 Backup Status"))
        await place.alarmed("lost", "unreachable:-100500")
        for archive in place.settings.backup_dir.glob("*.zip"):
            archive.unlink()
        await keep_common(drawn, place, after=0)
        status = await place.screen(MENU, "📊 Backup Status")
        await place.service.courier.alarm_loop.deliver()
        drawn.keep("alarm", next(m for m in place.ann.messages if m.text.startswith("🚨 No good backup is left")))
        drawn.keep("accepted", await pressed(place.ann, "👍 Removed on purpose", status, "No good backup is left"))


async def test_disk_that_fills(drawing: Drawing) -> None:
    """Said from the figures of a day on, and not before."""
    async with drawing("filling") as (place, drawn):
        place.disk(free=3 << 30)
        await place.back_up()
        change(place.path("users.db"), "CREATE TABLE more AS SELECT randomblob(5000000) AS picture")
        for name, hours in (("after_an_hour", 1), ("after_a_day", 23)):
            await place.back_up(after=hours * 60)
            drawn.keep(name, await health(place))


async def test_without_a_network(drawing: Drawing) -> None:
    """What stands in the way, in words for people; presses still come, or nobody would see it."""
    async with drawing("offline") as (place, drawn):
        await place.back_up()
        place.lose_the_network()
        await place.back_up(after=60)
        await place.later(3)
        drawn.keep("status", await place.screen(MENU, "📊 Backup Status"))
        drawn.keep("health", await health(place))
        drawn.keep("backup", await pressed(place.ann, "bk:open:2:0", await place.screen(MENU, "🗂 History")))


async def test_restoring(drawing: Drawing) -> None:
    """From the choice to the result, its undo, and back again."""
    async with drawing("restore", FIVE[:2]) as (place, drawn):
        ann = place.ann
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


async def test_restore_over_edits(drawing: Drawing) -> None:
    """As many rows as in the backup, but edited, under ids used again, and with a column that the backup lacks."""
    async with drawing("restore_edits", FIVE[:2]) as (place, drawn):
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


async def test_schedules(drawing: Drawing) -> None:
    """Typed in words, and one by which much may be lost."""
    async with drawing("schedules") as (place, drawn):
        for name, words in (("weekly", "every monday"), ("monthly", "0 4 1 * *"), ("daily", "@daily")):
            asked = await place.screen(MENU, "⚙️ Settings", "🗓 Schedule", "⌨️ Type it")
            await place.ann.send(words)
            drawn.keep(name, await place.ann.wait_for(lambda m: "Use this" in m.text and m.id > asked.id))  # noqa: B023


async def test_sent_to_the_bot(drawing: Drawing) -> None:
    """An archive and a database file that an admin sends, and what can be restored from the archive."""
    async with drawing("sent", FIVE[:2]) as (place, drawn):
        drawn.hidden[f"Made on {socket.gethostname()}"] = "Made on server"
        made = await place.back_up()
        await place.ann.send_document(place.settings.backup_dir / made.archive_name)
        ready = await place.ann.wait_for(lambda m: "A backup, intact" in m.text, within=15)
        drawn.keep("archive", ready)
        drawn.keep("choice", await pressed(place.ann, "Restore…", ready, "which databases", within=15))
        await place.ann.send_document(place.path("users.db"))
        drawn.keep("database", await place.ann.wait_for(lambda m: "A database file" in m.text, within=15))


async def test_many_files(drawing: Drawing) -> None:
    """More than three files an hour: said where the schedule is looked at and chosen, and in System Health."""
    async with drawing("many_files", VOLUME_SIZE_MB="1") as (place, drawn):
        change(place.path("users.db"), "CREATE TABLE more AS SELECT randomblob(3500000) AS picture")
        await place.service.parts.first.make()
        drawn.keep("card", await place.ann.wait_for(lambda m: "first backup" in m.text, since=0))
        await place.later(3)
        drawn.keep("health", await health(place))
        schedule = await place.screen(MENU, "⚙️ Settings", "🗓 Schedule")
        drawn.keep("schedule", schedule)
        drawn.keep("rarer", await pressed(place.ann, "Every 6 h", schedule, "Use this"))


async def test_logs(drawing: Drawing) -> None:
    """What happened, what of it was trouble, and what admins did."""
    async with drawing("logs", FIVE[:2]) as (place, drawn):
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


async def test_sealed(drawing: Drawing) -> None:
    key = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    async with drawing("sealed", AGE_RECIPIENTS=key) as (place, drawn):
        await place.back_up()
        await keep_common(drawn, place)
        drawn.keep("backup", await pressed(place.ann, "bk:open:1:0", await place.screen(MENU, "🗂 History")))


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
