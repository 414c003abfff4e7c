"""System Health: it answers at once, and shows what was measured when it is there."""

from __future__ import annotations

import pytest

from bot.handlers import health
from tests.world.office import Office


async def test_a_slow_check_says_so_at_once_and_then_shows_itself(office: Office) -> None:
    """While the parts are being measured the screen says that it is checking; then all of them stand there."""
    office.manager.measured.clear()
    await office.opened("🩺 System Health", "Checking the disk")
    office.manager.measured.set()
    shown = (await office.ann.wait_for(lambda seen: "As of" in seen.text)).text
    for words in (
        "✅ Schedule: every hour, next at 15:00",
        "⚠️ Backups: the last one 37 min ago",
        "✅ Disk: 12 GB free of 40 GB, full in about 6 months · 50 backups, 38 MB",
        "✅ Telegram: answers in 120 ms",
        "⚠️ Recipients: 1 of 2 reachable",
        "🚫 User 77 must open the bot and press Start",
        "✅ Databases: both backed up and checked",
        "⚠️ Not delivered to user 77",
    ):
        assert words in shown


async def test_leaving_a_slow_check_leaves_it(office: Office) -> None:
    """When the person has gone back, what was measured does not paint over the menu."""
    office.manager.measured.clear()
    await office.opened("🩺 System Health", "Checking the disk")
    await office.click("‹ Back", "Database Backup")
    office.manager.measured.set()
    await office.heard_everything()
    await office.heard_everything()
    assert "Database Backup" in office.ann.last.text


async def test_others_are_served_meanwhile(office: Office) -> None:
    """A check that hangs keeps nobody waiting."""
    office.manager.measured.clear()
    await office.opened("🩺 System Health", "Checking the disk")
    await office.open_menu(who=office.bob)
    office.manager.measured.set()
    await office.ann.wait_for(lambda seen: "As of" in seen.text)


async def test_the_full_check_shows_the_bad_news_first(office: Office) -> None:
    """Each part that is wrong with its mend, then what needs a look, then what is well."""
    office.manager.measured.clear()
    await office.opened("🩺 System Health", "Checking the disk")
    office.manager.measured.set()
    await office.ann.wait_for(lambda seen: "As of" in seen.text)
    await office.click("🩺 Full check", "Full check: 1 thing is wrong, 1 thing needs a look")
    assert office.ann.last.text.splitlines()[2:] == [
        "❌ Clock: is 10 minutes fast by Telegram's",
        "   → Turn on <time> synchronisation.",
        "⚠️ Seal: no key is here",
        "✅ Token: @courier_bot, accepted by Telegram",
    ]


async def test_a_check_that_never_ends_is_given_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time the screen says that it was given up, and offers to try again."""
    monkeypatch.setattr(health, "GIVEN_UP_AFTER", 0)
    office.manager.measured.clear()
    await office.opened("🩺 System Health", "given up")
    monkeypatch.undo()
    office.manager.measured.set()
    await office.click("🔄 Refresh", "As of")
