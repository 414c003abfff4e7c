"""Wrong presses on a restore: another admin's button, too late, twice, after a restart; each its answer, never two."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from tests.world.clock import MovedClock
from tests.world.databases import change, make_database, rows_in
from tests.world.phones import Person
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
    refused,
    restores_of,
    town_in,
    writing,
)


def data_of(message: Message, button: str) -> str:
    return next(b.callback_data or "" for row in message.buttons for b in row if button in b.text)


async def forged(person: Person, data: str, on: Message) -> str:
    """Send any callback data from a message; what the alert says."""
    answer = await person.press_data(data, on).answered()
    assert answer.show_alert
    return answer.text


async def test_another_admins_buttons(town: Town) -> None:
    """Plan, second step and choice belong to the admin who made them."""
    backup_id = await overtaken(town)
    choice = await choosing(town.ann, backup_id)
    plan = await pressed(town.ann, "Show the plan", choice, ": the plan")
    sure = await pressed(town.ann, RED, plan, "now?")
    bens = await opened(town.ben, "Database Backup")
    for data in (data_of(plan, RED), data_of(sure, YES), data_of(sure, "Cancel")):
        assert "made for another admin" in await forged(town.ben, data, bens)
    town.ben.press_data(data_of(choice, "Show the plan"), bens)
    await town.ben.wait_for(lambda m: "Another admin is choosing here" in m.text)
    assert rows_in(town.users) == (57, 57)
    await (await town.ann.press(YES, message=sure)).answered()
    await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)


async def test_a_plan_belongs_to_its_message(town: Town) -> None:
    """The same data from another message of the same admin confirms nothing."""
    backup_id = await overtaken(town)
    plan = await planned(town.ann, backup_id)
    other = await opened(town.ann, "Database Backup")
    assert "belongs to another message" in await forged(town.ann, data_of(plan, RED), other)
    sure = await pressed(town.ann, RED, plan, "now?")
    assert "belongs to another message" in await forged(town.ann, data_of(sure, YES), other)
    assert rows_in(town.users) == (57, 57)


async def test_two_minutes_and_no_longer(town: Town) -> None:
    """Both steps expire, the copies go, and a new plan is one press away."""
    assert isinstance(town.clock, MovedClock)
    backup_id = await overtaken(town)
    plan = await planned(town.ann, backup_id)
    town.clock.go(119)
    sure = await pressed(town.ann, RED, plan, "now?")
    town.clock.go(2)
    assert "two minutes" in await refused(town.ann, YES, sure)
    gone = await town.ann.wait_for(lambda m: m.id == sure.id and "two minutes" in m.text, since=0)
    await town.service.courier.restores.sweep()
    assert town.rooms == []
    again = await pressed(town.ann, "Make a new plan", gone, ": the plan")
    town.clock.go(121)
    await town.service.courier.restores.sweep()
    assert town.rooms == []
    assert "two minutes" in await refused(town.ann, RED, again)
    assert rows_in(town.users) == (57, 57)
    assert await restores_of(town) == []


async def test_a_restart_in_between(town: Town) -> None:
    """The plan and its copies are gone with the process; the button says so, and the way on is short."""
    backup_id = await overtaken(town)
    plan = await planned(town.ann, backup_id)
    sure = await pressed(town.ann, RED, plan, "now?")
    assert len(town.rooms) == 1
    await town.stop()
    assert town.rooms == []
    await town.start()
    assert "the bot was restarted" in await refused(town.ann, YES, sure)
    await town.ann.wait_for(lambda m: m.id == sure.id and "the bot was restarted" in m.text, since=0)
    assert rows_in(town.users) == (57, 57)
    choice = await choosing(town.ann, backup_id)
    await town.restart()
    said = await pressed(town.ann, "Show the plan", choice, "the bot was restarted")
    assert "press Restore again" in said.text
    await confirmed(town.ann, await planned(town.ann, backup_id))
    assert rows_in(town.users) == (50, 50)


async def test_a_double_press_restores_once(town: Town) -> None:
    """The second Yes is told that it came second, and the first one's progress and result stay on the screen."""
    backup_id = await overtaken(town)
    with writing(town.users):
        sure = await pressed(town.ann, RED, await planned(town.ann, backup_id), "now?")
        first = town.ann.press_data(data_of(sure, YES), sure)
        second = town.ann.press_data(data_of(sure, YES), sure)
        answers = {(await press.answered()).text for press in (first, second)}
        assert "The restore has started." in answers
        assert any("already" in answer for answer in answers)
        await town.ann.wait_for(lambda m: m.id == sure.id and "Restore running" in m.text)
        late = await forged(town.ann, data_of(sure, YES), sure)
        assert "confirmed already" in late
    result = await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)
    assert result.id == sure.id
    assert "confirmed already" in await forged(town.ann, data_of(sure, YES), result)
    assert (await restores_of(town)) == ["confirmed a restore", "restored"]
    assert [m.text for m in town.ann.messages if "Restored" in m.text] == [result.text]


async def test_two_admins_at_once(town: Town) -> None:
    """The second one is told who restores; afterwards their plan no longer holds, since the databases have changed."""
    backup_id = await overtaken(town)
    with writing(town.users):
        anns, bens = await planned(town.ann, backup_id), await planned(town.ben, backup_id)
        ben_sure = await pressed(town.ben, RED, bens, "now?")
        sure = await pressed(town.ann, RED, anns, "now?")
        await (await town.ann.press(YES, message=sure)).answered()
        await town.ann.wait_for(lambda m: "Restore running" in m.text)
        told = await refused(town.ben, YES, ben_sure)
        assert "A restore is already running" in told
        assert "Ann" in told
        again = await choosing(town.ben, backup_id)
        busy = await pressed(town.ben, "Show the plan", again, "A restore is already running")
        assert "Ann" in busy.text
    await town.ann.wait_for(lambda m: "Restored" in m.text, within=20)
    assert "Another restore has taken place" in await refused(town.ben, YES, ben_sure)
    assert (await restores_of(town)) == ["confirmed a restore", "restored"]


async def test_a_newer_plan_takes_the_place_of_the_older(town: Town) -> None:
    """One plan for each admin: the older message says so."""
    backup_id = await town.back_up()
    older = await planned(town.ann, backup_id)
    newer = await planned(town.ann, backup_id)
    assert len(town.rooms) == 1
    assert "newer plan" in await refused(town.ann, RED, older)
    await confirmed(town.ann, newer)


async def changed_schema(town: Town) -> str:
    change(town.users, "ALTER TABLE entries ADD COLUMN more")
    return "The schema of users.db has changed"


async def written(town: Town) -> str:
    add_rows(town.notes, 1)
    return "notes.db has been written to since"


async def gone(town: Town) -> str:
    town.notes.unlink()
    return "notes.db is missing now"


async def broken(town: Town) -> str:
    town.notes.write_bytes(b"garbage" * 900)
    return "notes.db is broken now"


@pytest.mark.parametrize("change", [changed_schema, written, gone, broken])
async def test_what_changed_since_the_plan_is_named(town: Town, change: object) -> None:
    """A consent holds for what was seen; nothing is restored, not even the database that did not change."""
    backup_id = await overtaken(town)
    plan = await planned(town.ann, backup_id)
    sentence = await change(town)  # type: ignore[operator]
    shown = await confirmed(town.ann, plan, "Nothing was restored")
    assert sentence in shown.text
    assert "Make a new plan" in shown.text
    assert rows_in(town.users) == (57, 57)
    assert (await restores_of(town)) == ["confirmed a restore", "restore refused"]
    assert not [m for m in town.ben.messages if "Ann " in m.text and not m.text.startswith("📌")]
    assert town.rooms == []


async def test_an_application_that_opens_its_database_meanwhile(town: Town) -> None:
    """That its program runs now means something else than what was consented to."""
    backup_id = await town.back_up()
    plan = await planned(town.ann, backup_id)
    with closing(sqlite3.connect(town.users)) as connection:
        connection.execute("SELECT count(*) FROM entries").fetchone()
        shown = await confirmed(town.ann, plan, "Nothing was restored")
    assert "users.db has been opened" in shown.text


async def test_what_is_written_to_without_pause_can_be_restored(town: Town) -> None:
    """Opened for each write and closed again, it is caught closed by one plan; the next one knows, and holds."""
    backup_id = await town.back_up()
    add_rows(town.notes, 1)
    plan = await planned(town.ann, backup_id)
    async with writing_without_pause(town.notes) as more:
        await more(2)
        refusal = await confirmed(town.ann, plan, "Nothing was restored")
        assert "notes.db" in refusal.text
        assert "can be confirmed while its application goes on writing" in refusal.text
        plan = await planned(town.ann, backup_id)
        assert "while the last plan was shown" in plan.text
        assert "What is written until the last moment is kept in the safety copy" in plan.text
        assert "gone" in plan.text
        await more(2)
        await confirmed(town.ann, plan)
        await more(2)
    assert [m.text for m in town.ann.messages if "safety" in m.text.lower()]
    assert (await restores_of(town))[-1] != "restore refused"
    with closing(sqlite3.connect(town.notes)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


_WRITER = """
import sqlite3, sys
while True:  # as a job does that opens, writes and closes; without a pause in between
    db = sqlite3.connect(sys.argv[1], timeout=60)
    with db:
        db.execute("INSERT INTO entries (text) VALUES ('meanwhile')")
        db.execute("UPDATE totals SET rows = rows + 1")
    db.close()
    print(flush=True)
"""


@asynccontextmanager
async def writing_without_pause(path: Path) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Have a process write for as long as the context lasts; what is given waits for so many more transactions."""
    out = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, str(path), stdout=out)
    committed = asyncio.Condition()
    count = 0

    async def read() -> None:
        nonlocal count
        while await child.stdout.readline():
            async with committed:
                count += 1
                committed.notify_all()

    async def more(transactions: int) -> None:
        async with committed:
            goal = count + transactions
            await committed.wait_for(lambda: count >= goal)

    reading = asyncio.create_task(read())
    try:
        yield more
    finally:
        child.kill()
        await child.wait()
        await reading


async def test_rows_that_a_running_application_adds_are_no_change(town: Town) -> None:
    """A database in use goes on being written while its admin reads the plan."""
    backup_id = await town.back_up()
    with closing(sqlite3.connect(town.users)) as connection:
        connection.execute("SELECT count(*) FROM entries").fetchone()
        plan = await planned(town.ann, backup_id)
        assert "It is open" in plan.text
        add_rows(town.users, 7)
        await confirmed(town.ann, plan)
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (50,)


async def test_outside_private_chats_and_by_strangers(town: Town) -> None:
    """In a group a restore button leads nowhere but to the private chat; a stranger gets silence."""
    backup_id = await town.back_up()
    plan = await planned(town.ann, backup_id)
    group = town.api.add_group(-100123, members=[town.ann])
    await town.ann.send("/admin", to=group.chat)
    pointer = await town.ann.wait_for(lambda m: "private chat" in m.text, where=group.chat)
    mark = (await town.service.courier.catalogue.backups.get(backup_id)).mark
    for data in (f"bk:restore:{backup_id}:0:{mark}", data_of(plan, RED)):
        assert "private chat" in await forged(town.ann, data, pointer)
    eve = town.api.add_user(66, "Eve")
    await eve.send("hello")
    press = eve.press_data(data_of(plan, RED), plan)
    await opened(town.ben)
    assert press.answer is None
    assert (await restores_of(town)) == []
    await confirmed(town.ann, plan)


@pytest.mark.parametrize(
    "data", ["rst:yes:p0123456789:0", "rst:ask:zzz:0", "rst:tick:c0:5", "rst:undo:r00000000:0",
             "rst:choose:b999:0", "bk:restore:999:0:0badcafe",
             "rst:choose:o0123456789:0", "rst:choose:bx:0", "rst:choose:b99999999999999999999:0",
             "rst:choose::0", "rst:fly:b1:0", "rst:plan:c1:-3", "rst"],
)  # fmt: skip
async def test_forged_and_outdated_data(town: Town, data: str) -> None:
    """Whatever a phone sends is answered, and nothing breaks."""
    menu = await opened(town.ann, "Database Backup")
    await town.ann.press_data(data, menu).answered()
    await town.ben.send("/admin")
    await town.ben.wait_for(lambda m: "Admin menu" in m.text)
    assert not [m for m in town.ann.messages if "something went wrong" in m.text]
    assert await restores_of(town) == []
    assert rows_in(town.users) == (50, 50)
    await opened(town.ann, "Database Backup")


async def test_many_databases_are_paged_and_the_plan_fits(tmp_path: Path) -> None:
    """Forty-five databases with long names: the boxes come in pages, and the plan in one message."""
    names = [f"a database with a long name, number {number:03}, of shop <&>.db" for number in range(45)]
    sources = [make_database(tmp_path / "live" / name, 5) for name in names]
    async with town_in(tmp_path, DATABASES=f"'{tmp_path / 'live'}/*.db'") as town:
        backup_id = await town.back_up()
        for source in sources:
            add_rows(source, 2)
        choice = await choosing(town.ann, backup_id)
        second = await pressed(town.ann, "Next ›", choice, "which databases")
        ticked = await pressed(town.ann, "number 030", second, "46 of 47")
        assert any("▫️" in text and "number 030" in text for text in ticked.button_texts)
        every = await pressed(town.ann, "number 030", ticked)
        plan = await pressed(town.ann, "Show the plan", every, ": the plan", within=30)
        assert "more" in plan.text
        await confirmed(town.ann, plan)
        assert {rows_in(source) for source in sources} == {(5, 5)}
