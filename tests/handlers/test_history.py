"""The history: pages, the screen of one backup, and what is done with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.models import BackupState, DeliveryState, Trigger
from tests.world import samples
from tests.world.office import Office


@pytest.fixture
def years(office: Office) -> Office:
    """An office with twenty backups, number 20 the newest, number 3 failed."""
    for number in range(1, 21):
        started = samples.NOW - timedelta(hours=20 - number)
        office.manager.backups[number] = samples.backup(number, started_at=started, finished_at=started)
        office.manager.deliveries[number] = (samples.delivery(11), samples.MUST_START)
    office.manager.backups[3] = samples.failed(3)
    return office


async def open_oldest(office: Office) -> None:
    await office.opened("🗂 History", "page 1 of 3")
    await office.click("Next ›", "page 2 of 3")
    await office.click("Next ›", "page 3 of 3")


async def open_number_two(office: Office) -> None:
    await open_oldest(office)
    await office.click("bk:open:2:2", "Backup 2\n")


async def test_the_history_is_paged_both_ways(years: Office) -> None:
    """Previous and Next lead through all pages, and each page offers its backups as buttons."""
    await open_oldest(years)
    last = years.ann.last
    assert sum("·" in text for text in last.button_texts) == 4
    assert "Next ›" not in last.button_texts
    assert any("failed" in text for text in last.button_texts)
    names = [text for text in last.button_texts if "·" in text]
    assert len(set(names)) == len(names)
    await years.click("‹ Previous", "page 2 of 3")
    first = await years.click("‹ Previous", "page 1 of 3")
    assert "‹ Previous" not in first.button_texts


async def test_a_page_past_the_end_shows_the_last_one(years: Office) -> None:
    """A button of a longer history still leads somewhere."""
    menu = await years.open_menu()
    years.ann.press_data("hist:99", menu)
    await years.ann.wait_for(lambda seen: "page 3 of 3" in seen.text)


async def test_an_empty_history_says_so(office: Office) -> None:
    """No backup yet is a sentence, not an empty page."""
    await office.open_menu()
    office.manager.backups.clear()
    await office.click("🗂 History", "No backup has been made yet")


async def test_one_backup_is_shown_in_full_and_leads_back_to_its_page(years: Office) -> None:
    """State, databases with verdicts, check, hash, deliveries and retention; Back leads to the page it came from."""
    await open_number_two(years)
    shown = years.ann.last.text
    for words in (
        "✅ Backup 2\n",
        "database_backup_20260713_120000.zip",
        "✅ users.db · 1.1 MB",
        "Integrity check, archive read back and compared",
        f"SHA-256 {'1f' * 32}",
        ", not to user 77",
        "User 77 must open the bot and press Start",
        "Kept: it is the newest backup",
    ):
        assert words in shown
    command = "sqlite-courier restore database_backup_20260713_120000.zip --in-place"
    assert f"On the server: {command}" in shown
    assert (years.ann.copy("SHA-256"), years.ann.copy("Restore command")) == ("1f" * 32, command)
    await years.click("‹ History", "page 3 of 3")


async def test_send_it_to_me_again_sends_to_the_chat_of_the_press(years: Office) -> None:
    """The manager is asked for this chat; the press is answered at once."""
    await open_number_two(years)
    press = await years.ann.press("📤 Send it to me")
    assert (await press.answered()).text == "On its way to this chat."
    await years.heard_everything()
    assert years.manager.acts == ["send 2 to 11"]


async def test_a_backup_that_could_not_be_sent_again_is_not_called_sent(years: Office) -> None:
    """When Telegram does not take it, the chat is told so and why."""
    years.manager.sends_as = DeliveryState.PENDING
    await open_number_two(years)
    await years.ann.press("📤 Send it to me")
    shown = await years.ann.wait_for(lambda seen: "Not sent yet" in seen.text)
    assert "Telegram asks to wait 30 s." in shown.text


async def test_pin_and_unpin(years: Office) -> None:
    """A pinned backup shows its pin and offers no deletion; unpinned it does again."""
    await open_number_two(years)
    pinned = await years.click("📌 Pin", "📌 pinned")
    assert "🗑 Delete" not in pinned.button_texts
    unpinned = await years.click("Unpin", "Backup 2\n")
    assert "🗑 Delete" in unpinned.button_texts
    assert years.manager.acts == ["pin 2 by Ann (11)", "unpin 2 by Ann (11)"]


async def test_a_safety_copy_says_until_when_it_stays(years: Office) -> None:
    """Its page names the day; pinned it stays for good, and no day is named."""
    until = datetime(2099, 1, 5, 12, tzinfo=UTC)
    years.manager.backups[2] = replace(years.manager.backups[2], trigger=Trigger.SAFETY, keep_until=until)
    await open_number_two(years)
    assert "🛟 Kept until 5 Jan 2099. 📌 Pin keeps it for good." in years.ann.last.text
    pinned = await years.click("📌 Pin", "📌 pinned")
    assert "2099" not in pinned.text


async def test_deleting_takes_two_steps(years: Office) -> None:
    """The first press only asks, in red; the second one deletes and leads back to the history."""
    await open_number_two(years)
    question = await years.click("🗑 Delete", "Delete backup 2?")
    assert years.manager.acts == []
    assert [button.style for row in question.buttons for button in row] == ["danger", None]
    await years.click("Yes, delete it", "page 3 of 3")
    assert years.manager.acts == ["delete 2 by Ann (11)"]


async def test_keeping_it_deletes_nothing(years: Office) -> None:
    """The way out of the question leads back to the backup."""
    await open_number_two(years)
    await years.click("🗑 Delete", "Delete backup 2?")
    await years.click("Cancel", "Backup 2\n")
    assert years.manager.acts == []


async def test_an_old_question_deletes_nothing(years: Office) -> None:
    """A confirmation found in the chat later is refused and asked anew."""
    await open_number_two(years)
    await years.click("🗑 Delete", "Delete backup 2?")
    years.api.clock.advance(600)
    press = await years.ann.press("Yes, delete it")
    assert (await press.answered()).text == "That question is too old. Please confirm again."
    await years.ann.wait_for(lambda seen: "Backup 2\n" in seen.text)
    assert years.manager.acts == []


async def test_the_last_good_backup_is_refused_with_its_reason(years: Office) -> None:
    """What the manager refuses is shown with the sentence and the hint."""
    await years.opened("🗂 History", "page 1 of 3")
    await years.click("bk:open:20:0", "Backup 20\n")
    await years.click("🗑 Delete", "Delete backup 20?")
    refused = await years.click("Yes, delete it", "is the last good backup of users.db")
    assert "💡 Make a new one first." in refused.text
    await years.click("‹ Back", "Backup 20\n")


async def test_a_pinned_one_is_refused_before_the_question(years: Office) -> None:
    """A button from before the pin gets the reason at once."""
    await open_number_two(years)
    old = years.ann.last
    await years.manager.pin(2, True, actor="Bob (22)")
    press = await years.ann.press("🗑 Delete", message=old, stale=True)
    assert (await press.answered()).text == "It is pinned. Unpin it first."


async def test_a_backup_that_is_gone_says_so_and_offers_nothing(years: Office) -> None:
    """A pruned backup can be looked at only; one nobody knows is an error with a way on."""
    years.manager.backups[2] = samples.backup(2, on_disk=False)
    await open_number_two(years)
    assert "No longer on the server's disk" in years.ann.last.text
    assert years.ann.last.button_texts == ["📝 Note", "📋 SHA-256", "‹ History"]
    years.ann.press_data("bk:open:999:0:0badcafe", years.ann.last)
    await years.ann.wait_for(lambda seen: "an earlier list of backups" in seen.text)


async def test_a_failed_run_shows_why(years: Office) -> None:
    """The screen of a failed run holds its reason."""
    await open_oldest(years)
    shown = await years.click("bk:open:3:2", "Backup 3 ")
    assert "❌ Backup 3 · failed" in shown.text
    assert "The disk is full." in shown.text
    assert years.manager.backups[3].state is BackupState.FAILED
