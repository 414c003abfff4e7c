"""Restoring in the chat, click by click: the real service, real databases, the stand-in over HTTP."""

from __future__ import annotations

import pytest

from bot.app import restore_announcer
from bot.models import Trigger
from bot.services.restore_chat.confirmed import CONFIRMED
from tests.world import faults
from tests.world.catalogue import run_sql
from tests.world.clock import until
from tests.world.databases import rows_in
from tests.world.service import RED, YES, Town, add_rows, choosing, confirmed, history_of, planned, pressed


async def test_from_a_backups_screen_to_the_restored_database_and_back(town: Town) -> None:
    """Choice, plan, two questions, result, undo; the other admin is told, loudly, of both."""
    backup_id = await town.back_up()
    add_rows(town.users, 37)
    add_rows(town.notes, 5)
    plan = await planned(town.ann, backup_id, without="notes.db")
    assert "users.db" in plan.text
    assert "notes.db" not in plan.text
    assert "37 newer rows of “entries” will be gone (87 → 50 rows)" in plan.text
    (red,) = [button for row in plan.buttons for button in row if button.text == RED]
    assert red.style == "danger"
    sure = await pressed(town.ann, RED, plan, "now?")
    assert rows_in(town.users) == (87, 87)
    await (await town.ann.press(YES, message=sure)).answered()
    result = await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)
    assert result.id == plan.id
    assert rows_in(town.users) == (50, 50)
    assert rows_in(town.notes) == (55, 55)
    told = await town.ben.wait_for(lambda m: "restored databases" in m.text, since=0)
    assert not told.silent
    assert "Ann" in told.text
    assert "users.db" in told.text
    assert town.rooms == []

    undo = await pressed(town.ann, "Undo", result, "Undo: the plan")
    await confirmed(town.ann, undo, "is undone", red="Undo the restore")
    assert rows_in(town.users) == (87, 87)
    await town.ben.wait_for(lambda m: "undid a restore" in m.text, since=0)
    audits = [(entry.actor, entry.action) for entry in await town.service.courier.catalogue.service.audits()]
    assert audits[:4] == [
        ("Ann (11)", "undid a restore"),
        ("Ann (11)", "confirmed a restore"),
        ("Ann (11)", "restored"),
        ("Ann (11)", "confirmed a restore"),
    ]
    again = await town.service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    assert {database.name for database in again.backup.databases} == {"users.db", "notes.db"}


async def test_an_admin_whom_telegram_does_not_reach_is_told_of_a_restore_once_it_does(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes, and once; what is to be told is kept until then."""
    monkeypatch.setattr(restore_announcer, "AGAIN_AFTER", 0.05)
    plan = await planned(town.ann, await town.back_up())
    down = town.api.inject(faults.server_error(), "sendMessage", chat_id=town.ben.id, times=None)
    await confirmed(town.ann, plan)
    await down.struck(3 * town.settings.retry_attempts)
    catalogue = town.service.courier.catalogue
    assert await CONFIRMED.get(catalogue) is not None
    down.cancel()
    await town.ben.wait_for(lambda m: "restored databases" in m.text, since=0)

    async def told() -> bool:
        return await CONFIRMED.get(catalogue) is None

    await until(told)
    assert len([m for m in town.ben.messages if "restored databases" in m.text]) == 1


async def test_an_archive_that_left_the_disk_comes_back_from_telegram(town: Town) -> None:
    """Deleted on the server, or gone without a word: what Telegram holds is enough."""
    gone = await town.back_up()
    add_rows(town.users, 10)
    newest = await town.back_up()
    await town.service.courier.housekeeping.delete(gone, actor="a test")
    for path in town.settings.backup_dir.glob("database_backup_*"):
        path.unlink()
    for backup_id, rows in ((newest, 60), (gone, 50)):
        add_rows(town.users, 1)
        await confirmed(town.ann, await planned(town.ann, backup_id))
        assert rows_in(town.users) == (rows, rows)
    assert town.rooms == []


async def test_an_archive_that_is_nowhere_any_more(town: Town) -> None:
    """The button is not offered; pressed all the same, or while choosing, it is answered with what is the matter."""
    first, _ = await town.back_up(), await town.back_up()
    screen = await history_of(town.ann, first)
    choice = await pressed(town.ann, "♻️ Restore", screen, "which databases")
    await town.service.courier.housekeeping.delete(first, actor="a test")
    run_sql(town.service.courier.catalogue, "UPDATE volumes SET file_id = NULL")
    shown = await pressed(town.ann, "Show the plan", choice, "neither on the server's disk nor in the chats")
    assert "Choose another backup" in shown.text
    after = await history_of(town.ann, first)
    assert not [text for text in after.button_texts if "Restore" in text]
    await town.ann.press("♻️ Restore", message=screen, stale=True)
    await town.ann.wait_for(lambda m: "neither on the server's disk nor in the chats" in m.text)


async def test_a_missing_database_is_made_anew_and_taken_away_again(town: Town) -> None:
    """A deleted file comes back, and Undo sets it aside again."""
    backup_id = await town.back_up()
    town.notes.unlink()
    plan = await planned(town.ann, backup_id, without="users.db")
    assert "missing → " in plan.text
    result = await confirmed(town.ann, plan)
    assert rows_in(town.notes) == (50, 50)
    undo = await pressed(town.ann, "Undo", result, "Undo: the plan")
    await confirmed(town.ann, undo, "is undone", red="Undo the restore")
    assert not town.notes.exists()


async def test_what_is_in_the_way_leaves_no_red_button(town: Town) -> None:
    """A broken database that a program has open can't be replaced; once it is closed, a new plan can be confirmed."""
    backup_id = await town.back_up()
    town.notes.write_bytes(b"garbage" * 1000)
    with town.notes.open("rb"):
        plan = await planned(town.ann, backup_id, without="users.db")
        assert "⛔" in plan.text
        assert "nothing can be restored" in plan.text
        assert not [text for text in plan.button_texts if "Restore" in text]
        assert town.rooms == []
    again = await pressed(town.ann, "Make a new plan", plan, "Confirm by")
    await confirmed(town.ann, again)
    assert rows_in(town.notes) == (50, 50)


async def test_nothing_ticked_and_put_aside(town: Town) -> None:
    """Nothing to restore is told at once; a plan put aside leaves no copies behind and can be made anew."""
    backup_id = await town.back_up()
    choice = await choosing(town.ann, backup_id)
    none = await pressed(town.ann, "Untick all", choice, "0 of 2")
    answer = await (await town.ann.press("Show the plan", message=none)).answered()
    assert (answer.text, answer.show_alert) == ("Tick at least one database.", True)
    every = await pressed(town.ann, "Tick all", none, "2 of 2")
    plan = await pressed(town.ann, "Show the plan", every, ": the plan")
    assert len(town.rooms) == 1
    aside = await pressed(town.ann, "Cancel", plan, "Nothing was changed")
    assert town.rooms == []
    again = await pressed(town.ann, "Make a new plan", aside, ": the plan")
    sure = await pressed(town.ann, RED, again, "now?")
    await pressed(town.ann, "Cancel", sure, "Nothing was changed")
    assert town.rooms == []
    assert [entry for entry in await town.service.courier.catalogue.service.audits() if "restore" in entry.action] == []


async def test_the_result_is_not_missed_when_another_screen_is_open(town: Town) -> None:
    """Whoever goes on to the menu meanwhile gets the result in a message of its own."""
    backup_id = await town.back_up()
    plan = await planned(town.ann, backup_id)
    sure = await pressed(town.ann, RED, plan, "now?")
    town.ann.press_data(sure.buttons[0][0].callback_data or "", sure)
    town.ann.press_data("go:menu", sure)
    result = await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)
    assert result.id > sure.id
    assert [text for text in result.button_texts if "Undo" in text]


async def test_only_the_last_restore_can_be_undone(town: Town) -> None:
    """The Undo button of an older restore says so, and undoes nothing."""
    backup_id = await town.back_up()
    first = await confirmed(town.ann, await planned(town.ann, backup_id))
    add_rows(town.users, 3)
    second = await confirmed(town.ann, await planned(town.ann, backup_id))
    assert second.id > first.id
    said = await pressed(town.ann, "Undo", first, "only the last one can be undone")
    assert "is a backup in History" in said.text
    assert rows_in(town.users) == (50, 50)


async def test_a_damaged_archive_is_refused(town: Town) -> None:
    """One flipped byte on the disk, and there is no plan."""
    backup_id = await town.back_up()
    backup = await town.service.courier.catalogue.backups.get(backup_id)
    archive = town.settings.backup_dir / backup.archive_name
    content = bytearray(archive.read_bytes())
    content[200] ^= 1
    archive.write_bytes(content)
    choice = await choosing(town.ann, backup_id)
    await pressed(town.ann, "Show the plan", choice, "is not the archive that was written")
    assert rows_in(town.users) == (50, 50)
