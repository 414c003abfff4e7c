"""Stale and malformed buttons, unknown commands, and whatever else people send."""

from __future__ import annotations

import pytest

from tests.world.office import Office


@pytest.mark.parametrize(
    "data",
    [
        "nonsense",
        "go:",
        "go:nowhere",
        "go:menu:extra",
        "bk:open:0:0:0badcafe",
        "bk:open:99999999999999999999999999:0:0badcafe",
        "bk:burn:1:0:0badcafe",
        "hist:-1",
        "erase:1:0:x",
        "pause:-5",
        "log:all:0:0",
        "run:1",
        "😀" * 16,
    ],
)
async def test_a_stale_or_malformed_button_is_answered_with_a_fresh_menu(office: Office, data: str) -> None:
    """Buttons of other versions, and forged ones, get a sentence and the menu; nothing is done."""
    menu = await office.open_menu()
    await office.click("📊 Backup Status", "Last backup")
    press = office.ann.press_data(data, menu)
    await office.ann.wait_for(lambda seen: "💾 Database Backup" in seen.text)
    assert (await press.answered()).text == "This button no longer works. Here is a fresh menu."
    assert office.manager.acts == office.manager.requests == []


async def test_a_stale_button_under_an_archive_opens_the_menu_below_it(office: Office) -> None:
    """A document has no text to edit: the menu comes as a new message."""
    office.manager.log.write_text("line\n")
    await office.opened("📜 Detailed Logs", "Detailed Logs")
    await office.ann.press("📄 Log file")
    document = await office.ann.wait_for(lambda seen: seen.document is not None)
    press = office.ann.press_data("old:button", document)
    shown = await office.ann.wait_for(lambda seen: "💾 Database Backup" in seen.text)
    await press.answered()
    assert shown.id > document.id


async def test_unknown_commands_and_messages_are_answered_with_the_way_in(office: Office) -> None:
    """Nothing an admin sends in private falls silent."""
    answer = await office.say("/frobnicate <b>now</b>", "I don't know /frobnicate.")
    assert answer.button_texts == ["💾 Database Backup"]
    await office.say("good morning", "I don't know what to do with this")
