"""The way in, the menus, Backup Status, pause and resume."""

from __future__ import annotations

import pytest

from bot.errors import CatalogueError
from bot.handlers import register_commands
from tests.world import faults, samples
from tests.world.office import Office

SCREENS = [
    ("📊 Backup Status", "Last backup"),
    ("📜 Detailed Logs", "Detailed Logs"),
    ("🩺 System Health", "1 of 2 reachable"),
    ("🗂 History", "Press one to see"),
    ("⏸ Pause", "Pause scheduled backups?"),
]


async def test_start_welcomes_an_admin_and_lets_what_is_owed_come(office: Office) -> None:
    """Start answers with the way in, tells the manager who came, and brings that admin the commands."""
    welcome = await office.say("/start", "Welcome, Ann")
    assert welcome.button_texts == ["💾 Database Backup"]
    await office.api.until(lambda: bool(office.ann.commands()))
    assert office.manager.started == [(11, "Ann")]


@pytest.mark.parametrize(("button", "words"), SCREENS)
async def test_every_screen_opens_in_the_same_message_and_leads_back(office: Office, button: str, words: str) -> None:
    """From /admin each screen is reached by pressing, in one message, and Back leads to the menu and out of it."""
    menu = await office.open_menu()
    screen = await office.click(button, words)
    assert screen.id == menu.id
    assert (await office.click("‹ Back", "Database Backup")).id == menu.id
    assert (await office.click("‹ Back", "Admin menu")).id == menu.id


async def test_status_tells_good_from_bad_at_a_glance(office: Office) -> None:
    """The status names the state, the next run, who has the backup, who has not and why, and the success rate."""
    shown = (await office.opened("Backup Status", "Not delivered")).text
    assert shown.startswith("📊 Backup Status\n⚠️ Not delivered to user 77")
    assert "Next backup at 15:00\n" in shown
    assert ", not to user 77" in shown
    assert "User 77 must open the bot and press Start" in shown
    assert "Complete backups: 23 of 24 in 24 h, 168 of 168 in 7 days" in shown


async def test_refreshing_an_unchanged_screen_is_no_error(office: Office, log_lines: list[str]) -> None:
    """Telegram's "message is not modified" is answered with a toast."""
    await office.opened("Backup Status", "Not delivered")
    press = await office.ann.press("🔄 Refresh")
    assert (await press.answered()).text == "Up to date."
    assert [alert.text for alert in office.ann.alerts if alert.text] == ["Up to date."]  # opening a screen says nothing
    assert not [line for line in log_lines if "ERROR" in line]


@pytest.mark.parametrize(("choice", "until"), [("6 h", " until "), ("Until resumed", "⏸ Paused by Ann")])
async def test_pause_says_who_and_until_when_and_resume_ends_it(office: Office, choice: str, until: str) -> None:
    """Pausing asks for how long, shows who paused, and the menu then offers Resume."""
    await office.opened("⏸ Pause", "Pause scheduled backups?")
    paused = await office.click(choice, "by Ann")
    assert "⏸ Paused" in paused.text.splitlines()[1]
    assert until in paused.text
    assert (office.manager.paused.until is None) == (choice == "Until resumed")
    await office.click("▶️ Resume", "Not delivered")
    assert office.manager.acts == ["resume by Ann (11)"]


async def test_a_button_of_a_deleted_message_opens_a_new_one(office: Office) -> None:
    """A press on a message that is gone draws its screen in a new message."""
    menu = await office.open_menu()
    await office.ann.delete(menu)
    press = await office.ann.press("📊 Backup Status", message=menu, stale=True)
    shown = await office.ann.wait_for(lambda seen: "Last backup" in seen.text)
    await press.answered()
    assert shown.id != menu.id


async def test_a_button_of_an_old_message_opens_a_new_one(office: Office) -> None:
    """A message older than 48 hours lies far up in the chat: the answer comes at the bottom."""
    menu = await office.open_menu()
    office.api.clock.advance(49 * 3600)
    shown = await office.click("📊 Backup Status", "Last backup", message=menu)
    assert shown.id != menu.id


async def test_a_slow_screen_never_paints_over_a_later_one(office: Office) -> None:
    """When another screen is opened while the status is still being read, that one stays."""
    menu = await office.open_menu()
    office.manager.status_gate.clear()
    slow = await office.ann.press("📊 Backup Status")
    await office.ann.press("go:pause", message=menu)
    await office.ann.wait_for(lambda seen: "Pause scheduled backups?" in seen.text)
    office.manager.status_gate.set()
    await slow.answered()
    assert "Pause scheduled backups?" in office.ann.last.text


async def test_an_error_with_a_sentence_is_shown_with_its_hint(office: Office) -> None:
    """A CourierError's sentence and hint reach the chat, escaped, with a way back."""
    menu = await office.open_menu()
    office.manager.trouble = CatalogueError("The catalogue <catalogue.db> can't be read.", hint="Look & see.")
    shown = await office.click("📊 Backup Status", "The catalogue <catalogue.db> can't be read.")
    assert "💡 Look & see." in shown.text
    assert shown.id == menu.id
    office.manager.trouble = None
    await office.click("‹ Back", "Database Backup")


async def test_an_unforeseen_error_gets_an_apology_whose_reference_is_in_the_log(
    office: Office, log_lines: list[str]
) -> None:
    """The chat sees no traceback, the log does, and a reference joins the two."""
    await office.open_menu()
    office.manager.trouble = ZeroDivisionError("secret detail")
    shown = await office.click("📊 Backup Status", "Sorry")
    assert "secret detail" not in shown.text
    reference = shown.text.split()[-1].rstrip(".")
    assert any(reference in line and "ZeroDivisionError: secret detail" in line for line in log_lines)


async def test_a_typed_command_that_fails_is_answered_too(office: Office) -> None:
    """An error behind a message is answered in the chat."""
    office.manager.trouble = CatalogueError("The catalogue can't be read.")
    await office.say("/status", "The catalogue can't be read.")


async def test_a_request_of_telegram_to_wait_is_told_to_the_person(office: Office) -> None:
    """When an edit meets a 429, the press is answered with how long to wait."""
    await office.open_menu()
    office.api.inject(faults.flood(7), "editMessageText")
    press = await office.ann.press("📊 Backup Status")
    assert "try again in 7.0 s" in (await press.answered()).text


async def test_a_press_too_old_to_be_answered_still_opens_its_screen(office: Office, log_lines: list[str]) -> None:
    """Telegram's "query is too old" is no error."""
    await office.open_menu()
    press = await office.ann.press("📊 Backup Status")
    press.query.expires_at = 0
    await office.ann.wait_for(lambda seen: "Last backup" in seen.text)
    await office.heard_everything()
    assert not [line for line in log_lines if "ERROR" in line]


async def test_commands_are_for_admins_only_and_wait_for_their_start(office: Office) -> None:
    """Every admin gets the commands, strangers none; an admin who never came in is no error."""
    await register_commands(office.bot, [11, 22, 77])
    assert [name for name, _ in office.ann.commands()] == ["admin", "status", "backup"]
    assert office.eve.commands() == []


async def test_a_menu_survives_hostile_names(office: Office) -> None:
    """Database names that break HTML and lines, sixty of them, still make a screen."""
    names = tuple(samples.database(f"{number}{samples.NASTY}") for number in range(60))
    office.manager.backups[2] = samples.backup(2, databases=names, skipped=tuple(map(samples.skipped, [samples.NASTY])))
    office.manager.deliveries[2] = ()
    await office.opened("Backup Status", "60 databases backed up")
    await office.click("🗄 Databases", "All 60 backed up")
