"""Messages that showed work under way when the program was killed: at the next start each tells how it ended."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.clock import utc_now
from bot.demo.stand_in.state import Message
from bot.models import Actor, BackupState, Trigger
from bot.services.messages.live import LiveKind
from tests.world import faults
from tests.world.clock import until
from tests.world.processes import Child, started
from tests.world.service import Town, opened, pressed, town_in

unkillable = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")


def interval(since: datetime, until: datetime) -> str:
    """When a run began, as it stands on record."""
    return f"{since.isoformat()}/{until.isoformat()}"


async def on_record(town: Town) -> int:
    """How many messages are on record as showing work."""
    return len(await town.service.courier.catalogue.messages.of_kinds(tuple(LiveKind)))


async def shows(town: Town, kind: LiveKind, about: str = "") -> int:
    """A message of a former life that shows work for ever, and is on record as such."""
    courier = town.service.courier
    sent = await town.service.parts.bot.send_message(11, "⏳ Under way, 42 %")
    await courier.live.follow_message(11, sent.message_id, kind, about)
    return sent.message_id


async def after_restart(town: Town, message_id: int, sees: str) -> Message:
    """What the message says after the next start; it is off the record then."""
    await town.restart()
    shown = await town.ann.wait_for(lambda m: m.id == message_id and sees in m.text, since=0, within=20)
    await town.service.courier.maintenance.refresh()
    assert await on_record(town) == 0
    return shown


async def running_in(child_of: Town) -> tuple[Child, Message]:
    """A service in a process of its own, in which Ann has pressed Manual Backup; the screen that shows its progress."""
    child = started(["run"], folder=child_of.folder)
    await child_of.ann.send("/admin")
    await child_of.ann.wait_for(lambda m: "Database Backup" in str(m.button_texts), within=60)
    menu = await opened(child_of.ann, "Database Backup")
    await (await child_of.ann.press("Manual Backup", message=menu)).answered()
    return child, await child_of.ann.wait_for(lambda m: "Backup running" in m.text, since=0, within=30)


async def kill(child: Child) -> None:
    child.send_signal(signal.SIGKILL)
    await child.ended()


@unkillable
async def test_a_kill_during_the_snapshot(tmp_path: Path) -> None:
    """The screen says that it was interrupted and stored nothing; it can be pressed to make one now."""
    async with town_in(tmp_path, start=False, SCHEDULE="0 0 1 1 *", BUSY_TIMEOUT="60") as town:
        await town.start()
        await town.back_up()  # or the service would make its first one by itself
        await town.stop()
        with closing(sqlite3.connect(town.notes, isolation_level=None)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            child, screen = await running_in(town)
            await town.ann.wait_for(lambda m: m.id == screen.id and "▶️ Snapshots" in m.text, since=0, within=30)
            await kill(child)
            writer.execute("ROLLBACK")
        await town.start()
        shown = await town.ann.wait_for(lambda m: m.id == screen.id and "interrupted" in m.text, since=0, within=20)
        assert "Nothing new was stored. Older backups are untouched." in shown.text
        assert "the process or the machine stopped" in shown.text
        assert shown.button_texts == ["💾 Manual Backup", "‹ Back"]
        await pressed(town.ann, "Manual Backup", shown, "Backup done", within=20)

        async def off_the_record() -> bool:
            return await on_record(town) == 0

        await until(off_the_record)


@unkillable
async def test_a_kill_during_the_delivery(tmp_path: Path) -> None:
    """The backup was stored: the screen says what became of it, when it has arrived, and leads to it."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        await town.stop()
        gate = town.api.hold("sendDocument")
        child, screen = await running_in(town)
        await town.ann.wait_for(lambda m: m.id == screen.id and "▶️ Deliver" in m.text, since=0, within=60)
        await kill(child)
        town.api.clear_faults()
        gate.open()
        await town.start()
        shown = await town.ann.wait_for(lambda m: m.id == screen.id and "running" not in m.text, since=0, within=20)
        assert "Backup done" in shown.text
        await pressed(town.ann, "This backup", shown, "Backup 2\n")


async def test_a_run_that_is_made_up_for(tmp_path: Path) -> None:
    """A scheduled run was followed when it was cut off: the message says which backup has taken its place."""
    async with town_in(tmp_path) as town:
        began = utc_now() - timedelta(minutes=20)
        await town.service.courier.catalogue.backups.begin(
            trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE, started_at=began
        )
        shown = await after_restart(town, await shows(town, LiveKind.BACKUP, interval(began, began)), "interrupted")
        assert "has taken its place" in shown.text or "It is made up for now" in shown.text
        newest = (await town.service.courier.catalogue.backups.select(limit=1))[0]
        assert newest.trigger is Trigger.CATCH_UP


async def test_a_run_that_was_cut_off_before_it_was_recorded(tmp_path: Path) -> None:
    """Nothing is known of it but when it began; an earlier backup is not taken for it."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        at = utc_now() + timedelta(milliseconds=1)
        shown = await after_restart(town, await shows(town, LiveKind.BACKUP, interval(at, at)), "interrupted")
        assert "before anything was stored" in shown.text
        assert shown.button_texts == ["💾 Manual Backup", "‹ Back"]


@pytest.mark.parametrize(
    ("kind", "says", "buttons"),
    [
        (LiveKind.PLAN, "The plan was not finished", ["🗂 History", "‹ Back"]),
        (LiveKind.RESTORE, "The restore has ended", ["📜 Actions", "‹ Back"]),
        (LiveKind.DRILL, "The test-restore was cut off", ["🧪 Test-restore now", "‹ Back"]),
        (LiveKind.EXAMINATION, "The full check was cut off", ["🩺 Full check", "‹ Back"]),
        (LiveKind.HEALTH, "not measured to its end", ["🩺 System Health", "‹ Back"]),
        (LiveKind.UPLOAD, "What you sent is no longer here", ["‹ Back"]),
    ],
)
async def test_every_other_view(tmp_path: Path, kind: LiveKind, says: str, buttons: list[str]) -> None:
    """Each says what was cut off, and its buttons lead on."""
    async with town_in(tmp_path) as town:
        shown = await after_restart(town, await shows(town, kind), says)
        assert shown.button_texts == buttons
        answer = await (await town.ann.press(buttons[0], message=shown)).answered()
        assert "no longer works" not in (answer.text or "")


async def test_a_message_that_was_deleted_is_no_fault(tmp_path: Path) -> None:
    """Nothing is sent in its place, and it is forgotten."""
    async with town_in(tmp_path) as town:
        message = await shows(town, LiveKind.DRILL)
        await town.ann.delete(next(m for m in town.ann.messages if m.id == message))
        before = [m.id for m in town.ann.messages]
        await town.restart()
        await town.service.courier.maintenance.refresh()
        assert await on_record(town) == 0
        assert [m.id for m in town.ann.messages] == before


async def test_telegram_that_is_down_is_asked_again(tmp_path: Path) -> None:
    """The end is told when it can be, in the same life too."""
    async with town_in(tmp_path) as town:
        message = await shows(town, LiveKind.DRILL)
        courier = town.service.courier
        courier.live.leave_message(11, message)
        town.api.inject(faults.server_error(), "editMessageText", times=None)
        assert await courier.maintenance.refresh() > 0
        assert await on_record(town) == 1
        town.api.clear_faults()
        await town.restart()
        await town.ann.wait_for(lambda m: m.id == message and "cut off" in m.text, since=0, within=20)


@pytest.mark.parametrize(
    "path", [("Manual Backup",), ("System Health", "Full check"), ("System Health", "Test-restore")]
)
async def test_what_has_told_its_end_is_off_the_record(tmp_path: Path, path: tuple[str, ...]) -> None:
    """After a view has come to its end nothing is written over it, at the next start either."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        screen = await opened(town.ann, "Database Backup", *path)
        ended = await town.ann.wait_for(
            lambda m: m.id == screen.id and "⏳" not in m.text and "Backup running" not in m.text, since=0, within=20
        )
        await town.restart()
        await town.service.courier.maintenance.refresh()
        assert await on_record(town) == 0
        now = next(m for m in town.ann.messages if m.id == screen.id)
        assert now.text == ended.text


async def test_a_run_in_another_process_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    """While it is running nothing is known of its end: the message waits for it."""
    async with town_in(tmp_path) as town:
        courier, began = town.service.courier, utc_now()
        number = await courier.catalogue.backups.begin(trigger=Trigger.COMMAND, requested_by="root", started_at=began)
        message = await shows(town, LiveKind.BACKUP, interval(began, began + timedelta(seconds=2)))
        courier.live.leave_message(11, message)
        assert await courier.maintenance.refresh() > 0
        assert await on_record(town) == 1
        await courier.catalogue.backups.set_state(number, BackupState.INTERRUPTED)
        await courier.maintenance.refresh()
        assert await on_record(town) == 0
        assert "interrupted" in next(m for m in town.ann.messages if m.id == message).text
