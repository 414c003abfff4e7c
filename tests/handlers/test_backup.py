"""Manual Backup: live progress in one message, an honest result, and one run at a time."""

from __future__ import annotations

from typing import Any

import pytest
from aiogram.client.session.middlewares.base import BaseRequestMiddleware
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import EditMessageText

from bot.demo.stand_in.state import Message
from bot.errors import AbortedError, CourierError, NothingToBackUpError
from bot.handlers.drawing.live import Pace
from bot.models import BackupState, Stage, Trigger
from tests.world import faults
from tests.world.office import Office


class NoteEdits(BaseRequestMiddleware):
    """Notes at what hand-turned time each edit was asked for."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.at: list[float] = []

    async def __call__(self, make_request: Any, bot: Any, method: Any) -> Any:
        if isinstance(method, EditMessageText):
            self.at.append(self.office.time.seconds)
        return await make_request(bot, method)


async def start_run(office: Office) -> Message:
    """Press Manual Backup, and wait until the run is on and its view is drawn."""
    await office.open_menu()
    press = await office.ann.press("💾 Manual Backup")
    assert (await press.answered()).text == "Backup started."
    shown = await office.ann.wait_for(lambda seen: "Backup running" in seen.text)
    await office.time.someone_sleeps()
    return shown


async def drawn(office: Office, stage: Stage) -> None:
    """Let the run come half-way through a stage, and its view be drawn a second later."""
    office.manager.report(stage, 1, 2)
    await office.time.pass_by(1)
    await office.time.someone_sleeps()


async def ended(office: Office, sees: str = "Backup stored") -> Message:
    """Let the run end; Ann's message with these words."""
    office.manager.finish.set()
    return await office.ann.wait_for(lambda seen: sees in seen.text)


async def test_a_manual_backup_shows_stage_and_progress_and_then_the_result(office: Office) -> None:
    """One message shows the stages as they pass, and at last who has the backup and who has not."""
    view = await start_run(office)
    office.manager.report(Stage.CHECK, 48, 100, "users.db")
    await office.time.pass_by(1)
    shown = await office.ann.wait_for(lambda seen: "48%" in seen.text)
    assert shown.id == view.id
    assert "✅ Snapshots" in shown.text
    assert "▶️ Check and compress" in shown.text
    assert "users.db" in shown.text
    assert "Asked for by Ann" in shown.text
    result = await ended(office, "Backup stored, not delivered to user 77")
    assert result.id == view.id
    assert ", not to user 77" in result.text
    assert "User 77 must open the bot and press Start" in result.text
    assert office.manager.requests == ["Ann (11)"]
    await office.click("🔍 This backup", "Backup 2")


def test_the_views_of_a_chat_share_a_budget_that_leaves_the_archive_room() -> None:
    """Edits count in the flood limit, some 20 a minute: fewer are made, and an archive that must wait goes first."""
    pace = Pace()
    assert 3 <= pace.seconds(11) <= 5
    with pace.watching(11), pace.watching(11), pace.watching(22):
        assert pace.seconds(11) == 2 * pace.every
        assert pace.seconds(22) == pace.every
    assert pace.seconds(11) == pace.every
    flood = TelegramRetryAfter(method=EditMessageText(text="48 %"), message="Too Many Requests", retry_after=30)
    assert pace.after_flood(flood) > 30


async def test_the_view_is_redrawn_at_most_at_its_pace(office: Office) -> None:
    """However fast the run goes on, a second (here) lies between two edits of its progress."""
    notes = NoteEdits(office)
    view = await start_run(office)
    office.bot.session.middleware(notes)
    for step in range(1, 41):
        office.manager.report(Stage.PROVE, step, 40)
        await office.time.pass_by(0.25)
        if office.time.seconds % 1 == 0:
            await office.ann.wait_for(lambda seen, step=step: f"{step / 40:.0%}" in seen.text, since=view.revision)
            await office.time.someone_sleeps()
    assert notes.at == [float(second) for second in range(1, 11)]
    await ended(office)


async def test_a_second_press_says_what_is_running_and_shows_it(office: Office) -> None:
    """Pressed again, by whomever, nothing new starts: stage, who asked and since when are told, live."""
    await start_run(office)
    office.manager.report(Stage.PROVE, 1, 2)
    await office.open_menu(who=office.bob)
    press = await office.bob.press("💾 Manual Backup")
    said = (await press.answered()).text
    assert "already running: read back and compare, asked for by Ann " in said
    live = await office.bob.wait_for(lambda seen: "Backup running" in seen.text)
    assert "50%" in live.text
    await ended(office)
    await office.time.pass_by(1)
    result = await office.bob.wait_for(lambda seen: "Backup stored" in seen.text)
    assert "asked for by Ann" in result.text
    assert office.manager.requests == ["Ann (11)"]


async def test_a_double_press_starts_one_run_and_ends_in_one_result(office: Office) -> None:
    """Two quick presses in one message make one backup, one view and one result."""
    menu = await office.open_menu()
    first = await office.ann.press("💾 Manual Backup", message=menu)
    second = await office.ann.press("💾 Manual Backup", message=menu, stale=True)
    answers = {(await press.answered()).text for press in (first, second)}
    assert "Backup started." in answers
    assert len(answers) == 2
    await office.time.someone_sleeps()
    office.manager.finish.set()
    while office.manager.running is not None or "Backup stored" not in office.ann.last.text:
        await office.time.pass_by(1)
        await office.heard_everything()
    assert len(office.manager.backups) == 2
    assert [message.id for message in office.ann.messages if "Backup stored" in message.text] == [menu.id]


async def test_a_press_while_the_scheduled_run_is_on_follows_that_one_to_its_end(office: Office) -> None:
    """A run nobody pressed for is shown with its trigger, and its result is shown with what was skipped and why."""
    await office.open_menu()
    office.manager.begin(Trigger.SCHEDULE)
    press = await office.ann.press("💾 Manual Backup")
    assert "by schedule" in ((await press.answered()).text or "")
    await office.ann.wait_for(lambda seen: "Backup running" in seen.text)
    await office.time.someone_sleeps()
    office.manager.end(skipped=True)
    await office.time.pass_by(1)
    result = await office.ann.wait_for(lambda seen: "Backup incomplete" in seen.text)
    assert "2 of 3 databases" in result.text
    assert "shop.db: It is damaged: database disk image is malformed." in result.text
    assert office.manager.requests == []


async def test_a_run_that_ends_without_a_record_still_ends_the_view(office: Office) -> None:
    """When the run's result can't be found, the view says that it has ended."""
    await office.open_menu()
    office.manager.begin()
    await office.ann.press("💾 Manual Backup")
    await office.ann.wait_for(lambda seen: "Backup running" in seen.text)
    await office.time.someone_sleeps()
    office.manager.run = None
    await office.time.pass_by(1)
    await office.ann.wait_for(lambda seen: "The run has ended" in seen.text)


@pytest.mark.parametrize(
    ("trouble", "headline", "says"),
    [
        (NothingToBackUpError("None.", hint="Correct DATABASES."), "No backup was made", "💡 Correct DATABASES."),
        (AbortedError("The service was stopped."), "Backup stopped", "The service was stopped."),
    ],
)
async def test_no_backup_is_told_with_the_reason_and_the_mend(
    office: Office, trouble: CourierError, headline: str, says: str
) -> None:
    """A run that fails or is stopped says so, why, and what to do; it does not stand at its last percent for ever."""
    await start_run(office)
    office.manager.run_trouble = trouble
    assert says in (await ended(office, headline)).text


async def test_an_unforeseen_end_of_a_run_gets_an_apology(office: Office, log_lines: list[str]) -> None:
    """An error without a sentence is logged with its traceback."""
    await start_run(office)
    office.manager.run_trouble = ZeroDivisionError("oops")
    await ended(office, "Sorry")
    assert any("ZeroDivisionError: oops" in line for line in log_lines)


@pytest.mark.parametrize(
    "fault", [faults.flood(5), faults.server_error(), faults.reset(), faults.bad_request("Bad Request: whatever")]
)
async def test_failing_edits_never_hurt_the_backup(office: Office, fault: faults.Fault) -> None:
    """Whatever Telegram answers to the view, the run goes on, and its result is shown when edits work again."""
    await start_run(office)
    office.api.inject(fault, "editMessageText", times=2)
    await drawn(office, Stage.PROVE)
    office.manager.report(Stage.DELIVER, 1, 2)
    await office.time.pass_by(5)
    await office.time.someone_sleeps()
    office.manager.finish.set()
    while "Backup stored" not in office.ann.last.text:
        await office.time.pass_by(6) if office.time.sleeping else await office.heard_everything()
    assert office.manager.backups[2].state is BackupState.DELIVERED


async def test_the_run_goes_on_when_its_message_is_deleted(office: Office) -> None:
    """Deleting the view is no abort: no view comes back, but the result does."""
    view = await start_run(office)
    await office.ann.delete(view)
    await drawn(office, Stage.PROVE)
    await drawn(office, Stage.DELIVER)
    assert [message for message in office.ann.messages if "Backup running" in message.text] == []
    result = await ended(office)
    assert result.id != view.id


async def test_leaving_the_view_leaves_the_run_on(office: Office) -> None:
    """After Back the message shows the menu, and the run no longer draws in it."""
    await start_run(office)
    shown = await office.click("‹ Back", "Database Backup")
    assert "🔄 Starting, asked for by Ann" in shown.text
    office.manager.report(Stage.PROVE, 1, 2)
    await office.time.pass_by(1)
    office.manager.finish.set()
    while office.manager.running is not None:
        await office.heard_everything()
    await office.heard_everything()
    assert "Database Backup" in office.ann.last.text


async def test_typed_backup_runs_one_too(office: Office) -> None:
    """/backup shows the same live view in a new message."""
    await office.say("/backup", "Backup running")
    await office.time.someone_sleeps()
    await ended(office)
    assert [message.text for message in office.ann.messages if "Backup running" in message.text] == []
