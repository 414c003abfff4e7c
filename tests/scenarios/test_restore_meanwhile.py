"""What goes on beside a restore in the chat: backups that wait, failures, a shutdown, kill -9, and who hears of it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.demo.stand_in.calls import Call
from bot.models import BackupState, PendingOutcome, Trigger
from bot.services.restore.unannounced import CUT_OFF
from bot.services.restore_chat.confirmed import CONFIRMED
from tests.world import faults
from tests.world.clock import HeldClock, until
from tests.world.databases import rows_in
from tests.world.processes import started
from tests.world.service import (
    RED,
    YES,
    Town,
    add_rows,
    choosing,
    confirmed,
    opened,
    overtaken,
    planned,
    pressed,
    town_in,
    writing,
)
from tests.world.shell import Shell


async def begun(town: Town, backup_id: int) -> None:
    """Let Ann begin a restore that waits for the application that is writing users.db."""
    sure = await pressed(town.ann, RED, await planned(town.ann, backup_id), "now?")
    await (await town.ann.press(YES, message=sure)).answered()
    await town.ann.wait_for(lambda m: "▶️ Restore" in m.text, within=20)


async def test_who_asks_for_a_backup_is_told_of_the_restore(town: Town) -> None:
    """Manual Backup, the status and a second restore all say who restores."""
    backup_id = await town.back_up()
    with writing(town.users):
        await begun(town, backup_id)
        menu = await opened(town.ben, "Database Backup")
        assert "Restore, restore, by Ann" in menu.text
        press = await town.ben.press("Manual Backup", message=menu)
        assert "A restore is already running" in (await press.answered()).text
        told = await town.ben.wait_for(lambda m: "Not now" in m.text)
        assert "Ann" in told.text
        status = await opened(town.ben, "Database Backup", "Backup Status")
        assert "Running now: Restore" in status.text
    await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)
    menu = await opened(town.ben, "Database Backup", "Manual Backup")
    await town.ben.wait_for(lambda m: "Backup done" in m.text, since=0)


async def test_a_restore_asked_for_during_a_backup_is_told_so(town: Town) -> None:
    """The plan waits until the backup has ended; a plan made before stays valid meanwhile."""
    backup_id = await town.back_up()
    plan = await planned(town.ben, backup_id)
    choice = await choosing(town.ann, backup_id)
    with closing(sqlite3.connect(town.notes, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        running = asyncio.create_task(town.service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="Ben"))
        await until(lambda: _backs_up(town))
        told = await pressed(town.ann, "Show the plan", choice, "A backup is already running")
        assert "asked for by Ben" in told.text
        answer = await (await town.ben.press(RED, message=plan)).answered()
        assert "A backup is already running" in answer.text
        connection.execute("ROLLBACK")
    await running
    await pressed(town.ann, "Make a new plan", told, ": the plan")
    await pressed(town.ben, RED, plan, "now?")


async def _backs_up(town: Town) -> bool:
    return town.service.courier.runs.running is not None


async def test_a_run_that_falls_due_meanwhile_is_made_right_after(tmp_path: Path) -> None:
    """On the hour a restore is under way: the scheduled backup waits for it, and holds the restored rows."""
    clock = HeldClock(2)
    async with town_in(tmp_path, clock=clock, SCHEDULE="0 * * * *", BUSY_TIMEOUT="20") as town:
        backup_id = await overtaken(town)
        with writing(town.users):
            await begun(town, backup_id)
            clock.release()
            await until(lambda: _waits(town))
        await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)
        await until(lambda: _has_scheduled(town))
        newest, safety, first = await town.service.courier.catalogue.backups.select()
        assert (newest.trigger, safety.trigger, first.id) == (Trigger.SCHEDULE, Trigger.SAFETY, backup_id)
        users = next(database for database in newest.databases if database.name == "users.db")
        assert dict(users.rows)["entries"] == 50


async def _waits(town: Town) -> bool:
    return town.service.parts.planned.scheduler.running is not None


async def _has_scheduled(town: Town) -> bool:
    backups = await town.service.courier.catalogue.backups.select()
    return any(b.trigger is Trigger.SCHEDULE and b.state is BackupState.DELIVERED for b in backups)


async def test_a_run_that_waited_when_the_service_stopped_is_caught_up_with(tmp_path: Path) -> None:
    """Stopped in the middle of the restore, the run that waited for it is missed, and made at the next start."""
    clock = HeldClock(2)
    async with town_in(tmp_path, clock=clock, SCHEDULE="0 * * * *", BUSY_TIMEOUT="20") as town:
        backup_id = await town.back_up()
        with writing(town.users):
            await begun(town, backup_id)
            clock.release()
            await until(lambda: _waits(town))
            await town.stop()
        await town.start()
        await until(lambda: _has_caught_up(town))


async def _has_caught_up(town: Town) -> bool:
    return any(b.trigger is Trigger.CATCH_UP for b in await town.service.courier.catalogue.backups.select())


async def test_a_failure_goes_back_by_itself_and_everybody_hears_of_it(tmp_path: Path) -> None:
    """The second database stays locked: the first one is brought back, and the other admin is told, loudly."""
    async with town_in(tmp_path, BUSY_TIMEOUT="0.5") as town:
        backup_id = await overtaken(town)
        with closing(sqlite3.connect(town.users)) as reader, writing(town.users):
            reader.execute("SELECT count(*) FROM entries").fetchone()
            shown = await confirmed(town.ann, await planned(town.ann, backup_id), "The restore failed")
        assert "Everything is as it was before" in shown.text
        assert "Make a new plan" in shown.button_texts[0]
        told = await town.ben.wait_for(lambda m: "A restore by Ann failed" in m.text, since=0)
        assert not told.silent
        assert rows_in(town.users) == (57, 57)
        assert rows_in(town.notes) == (50, 50)
        await confirmed(town.ann, await pressed(town.ann, "Make a new plan", shown, ": the plan"))
        assert rows_in(town.users) == (50, 50)


async def test_a_shutdown_in_the_middle_brings_everything_back(town: Town) -> None:
    """The service ends in time, the databases are as before, and both admins know."""
    backup_id = await overtaken(town)
    with writing(town.users):
        await begun(town, backup_id)
        await town.stop()
    assert rows_in(town.users) == (57, 57)
    assert town.rooms == []
    for person in (town.ann, town.ben):
        await person.wait_for(lambda m: "A restore by Ann" in m.text and "as it was" in m.text, since=0)
    await town.start()
    assert await CUT_OFF.get(town.service.courier.catalogue) is None
    await confirmed(town.ann, await planned(town.ann, backup_id))


# A restore as the chat begins it, in a process that ends itself dead at a step of it.
_RESTORE = """
import asyncio, os, signal, sys
from dataclasses import replace
from pathlib import Path
from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.services.messages.live import LiveKind
from bot.services.restore_chat.pending_plans import Requester

env, backup_id, step, nth = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
seen = 0

def on_step(what):
    global seen
    seen += what == step
    if seen == nth:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with open_courier(load_settings(env), deliver=False) as courier:
        restores, ann = courier.restores, Requester(admin_id=11, name="Ann (11)")
        restores.context = replace(restores.context, on_step=on_step)
        choice = await restores.choose("b" + backup_id, ann)
        held = await restores.plan(choice.id, ann)
        place = (11, int(sys.argv[5]))
        restores.shown(held, place)
        await courier.live.follow_message(*place, LiveKind.RESTORE, "")
        await (await restores.begin(held.id, ann, place))

asyncio.run(main())
"""


async def killed(town: Town, backup_id: int, step: str, nth: int = 1, *, place: int = 0) -> None:
    child = started([str(town.env), str(backup_id), step, str(nth), str(place)], code=_RESTORE)
    assert (done := await child.ended()).returncode == -signal.SIGKILL, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize(
    ("step", "nth", "says", "users", "notes"),
    [
        ("journal written", 1, "Nothing was changed", 57, 52),
        ("one database done", 1, "Restore again to finish it", 50, 52),
        ("one database done", 2, "It is complete", 50, 50),
    ],
)
async def test_killed_in_the_middle_all_admins_are_told_at_the_next_start(
    town: Town, step: str, nth: int, says: str, users: int, notes: int
) -> None:
    """Which state each database is in, and what to do; once, and the next backup works."""
    backup_id = await overtaken(town)
    add_rows(town.notes, 2)
    await town.stop()
    await killed(town, backup_id, step, nth)
    await town.start()
    for person in (town.ann, town.ben):
        told = await person.wait_for(lambda m: "A restore was cut off" in m.text, since=0)
        assert not told.silent
        assert "Ann" in told.text
        assert says in told.text
        assert ("✅ restored: users.db" in told.text) == (users == 50)
        assert ("✅ restored: notes.db" in told.text) == (notes == 50)
        assert told.button_texts == (["↩️ Undo"] if users == 50 else [])
    assert (rows_in(town.users), rows_in(town.notes)) == ((users, users), (notes, notes))
    assert town.rooms == []
    await town.restart()
    await opened(town.ann, "Database Backup", "Manual Backup")
    await town.ann.wait_for(lambda m: "Backup done" in m.text, since=0)
    assert len([m for m in town.ann.messages if "A restore was cut off\nBy" in m.text]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("step", ["verified", "safety copy taken", "checked"])
async def test_killed_before_its_journal_the_end_is_told_and_the_screen_put_right(town: Town, step: str) -> None:
    """Between "Yes, replace" and the first word of its journal, or later: no screen goes on saying "running"."""
    backup_id = await town.back_up()
    screen = await town.service.parts.bot.send_message(11, "Restore running")
    await town.stop()
    await killed(town, backup_id, step, place=screen.message_id)
    await town.start()
    for person in (town.ann, town.ben):
        told = await person.wait_for(lambda m: "A restore was cut off" in m.text, since=0)
        assert "Ann" in told.text
    shown = await town.ann.wait_for(lambda m: m.id == screen.message_id and "cut off" in m.text, since=0)
    assert "Restore running" not in shown.text
    await until(lambda: _forgotten(town))
    assert await CONFIRMED.get(town.service.courier.catalogue) is None
    await confirmed(town.ann, await planned(town.ann, backup_id))
    await until(lambda: _nothing_confirmed(town))


async def _nothing_confirmed(town: Town) -> bool:
    return await CONFIRMED.get(town.service.courier.catalogue) is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
async def test_news_of_a_cut_off_restore_outlive_a_telegram_that_is_down(town: Town) -> None:
    """Nobody could be told at the first start: the next one tells."""
    backup_id = await town.back_up()
    await town.stop()
    await killed(town, backup_id, "one database done")

    def is_news(call: Call) -> bool:
        return "cut off" in str(call.params.get("text", ""))

    rule = town.api.inject(faults.server_error(), "sendMessage", when=is_news, times=None)
    await town.start()
    await rule.struck(6)  # three attempts for each of two admins
    pending = await CUT_OFF.get(town.service.courier.catalogue)
    assert dict(pending.databases)["notes.db"] in (PendingOutcome.OLD, PendingOutcome.NEW)
    await town.stop()
    rule.cancel()
    await town.start()
    for person in (town.ann, town.ben):
        await person.wait_for(lambda m: "A restore was cut off" in m.text, since=0)
    await until(lambda: _forgotten(town))


async def _forgotten(town: Town) -> bool:
    return await CUT_OFF.get(town.service.courier.catalogue) is None


async def test_a_restore_journal_that_can_not_be_read_stands_in_the_status(town: Town) -> None:
    """The service runs all the same, and says that nobody knows whether a restore was cut off."""
    await town.stop()
    (town.settings.backup_dir / "restore.json").write_text("{ torn")
    await town.start()
    status = await opened(town.ann, "Database Backup", "Backup Status")
    assert "unknown whether a restore was cut off" in status.text
    (town.settings.backup_dir / "restore.json").unlink()
    await town.service.courier.under_way.settle()
    assert await town.service.courier.cut_off.said() == ()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
async def test_a_cut_off_restore_is_undone_from_the_word_about_it(town: Town) -> None:
    """The button leads to the plan of the undo, and that to what was there before."""
    backup_id = await overtaken(town)
    await town.stop()
    await killed(town, backup_id, "one database done")
    await town.start()
    told = await town.ann.wait_for(lambda m: "A restore was cut off" in m.text, since=0)
    assert rows_in(town.users) == (50, 50)
    await town.ann.press("↩️ Undo", message=told)
    await town.ann.wait_for(lambda m: "↩️ Undo the restore…" in m.button_texts, since=0)
    await town.ann.press("↩️ Undo the restore")
    await town.ann.wait_for(lambda m: "Yes" in "".join(m.button_texts), since=0)
    await town.ann.press("Yes")
    await town.ann.wait_for(lambda m: "undone" in m.text, since=0)
    assert rows_in(town.users) == (57, 57)


@pytest.mark.parametrize("running", [True, False])
async def test_what_the_command_line_restores_all_admins_hear(town: Town, running: bool) -> None:
    """From the running service or from the next one; once, loudly, with what was lost."""
    await overtaken(town)
    if not running:
        await town.stop()
    words = ("restore", "latest", "--in-place", "--yes", "--only", "users.db")
    await asyncio.to_thread(Shell(town.folder).said, *words)
    await (town.service.look_for_news() if running else town.start())
    for person in (town.ann, town.ben):
        told = await person.wait_for(lambda m: "restored on the command line" in m.text, since=0)
        assert not told.silent
        assert "users.db" in told.text
        assert "7 newer rows of “entries” are gone" in told.text
    await town.restart()
    await town.service.look_for_news()
    assert len([m for m in town.ann.messages if "on the command line" in m.text]) == 1
