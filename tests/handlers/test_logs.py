"""Detailed Logs: pages, levels, and the file."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.handlers import logs
from bot.journal.reader import JournalEntry
from bot.texts.markup import length
from tests.world import samples
from tests.world.office import Office


def entry(time: datetime, level: str, module: str, message: str) -> JournalEntry:
    return JournalEntry(time=time, level=level, module=module, message=message)


def entries(number: int, message: str = "backup {} proven") -> list[JournalEntry]:
    levels = ["INFO", "WARNING", "ERROR", "DEBUG"]
    return [
        entry(samples.NOW - timedelta(minutes=n), levels[n % 4], "bot.app.service", message.format(n))
        for n in range(number)
    ]


async def test_the_newest_entries_come_first_and_pages_lead_on(office: Office) -> None:
    """Ten entries a page, the newest first, older and newer by button."""
    office.manager.entries = entries(25)
    shown = await office.opened("📜 Detailed Logs", "page 1")
    assert shown.text.index("backup 0 proven") < shown.text.index("backup 9 proven")
    assert "‹ Previous" not in shown.button_texts
    await office.click("Next ›", "page 2")
    last = await office.click("Next ›", "page 3")
    assert "Next ›" not in last.button_texts
    await office.click("‹ Previous", "page 2")


async def test_a_level_filters_and_is_marked(office: Office) -> None:
    """Trouble shows warnings and errors alone and is the marked button; All shows everything again."""
    office.manager.entries = entries(25)
    await office.opened("📜 Detailed Logs", "page 1")
    shown = await office.click("Trouble", "Logs: warnings and errors")
    assert "• ⚠️ Trouble •" in shown.button_texts
    assert "❌" in shown.text
    assert "ℹ️" not in shown.text
    await office.click("All", "Logs, page 1")


async def test_no_entry_is_a_sentence(office: Office) -> None:
    """An empty journal says so."""
    await office.opened("📜 Detailed Logs", "Nothing here yet.")


@pytest.mark.parametrize("message", ["x" * 2000, "<b>&" * 500, "😀" * 1000, "line\n" * 400 + "ValueError: last", "{}"])
async def test_a_page_always_fits(office: Office, message: str) -> None:
    """Ten entries of any length and content make a message that Telegram takes, with all ten in it."""
    office.manager.entries = [entry(samples.NOW, "ERROR", "m" * 300, message)] * 10
    shown = await office.opened("📜 Detailed Logs", "newest first")
    assert length(shown.html) <= 4096
    assert shown.text.count("❌") == 10


async def test_of_a_traceback_the_last_line_is_seen(office: Office) -> None:
    """What happened and why stand in one line, what lies between is in the file."""
    office.manager.entries = [entry(samples.NOW, "ERROR", "bot", "it broke\n    File x\n    ValueError: <why>")]
    await office.opened("📜 Detailed Logs", "it broke … ValueError: <why>")


async def test_the_file_comes_as_a_document(office: Office) -> None:
    """On request the log file is sent whole, byte for byte."""
    office.manager.log.write_text("first\nlast\n")
    await office.opened("📜 Detailed Logs", "newest first")
    press = await office.ann.press("📄 Log file")
    sent = await office.ann.wait_for(lambda seen: seen.document is not None)
    assert (sent.document.name, await sent.document.read()) == ("backup_system.log", b"first\nlast\n")
    assert sent.text == "📄 The log file, 11 B."
    assert (await press.answered()).text == "The log file is on its way."


async def test_of_a_large_file_only_the_end_comes_and_that_is_said(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit whole lines from the end are sent, and the caption says what is missing."""
    monkeypatch.setattr(logs, "SENT_AT_MOST", 1000)
    office.manager.log.write_text("".join(f"line {number:05}\n" for number in range(1000)))
    await office.opened("📜 Detailed Logs", "newest first")
    await office.ann.press("📄 Log file")
    sent = await office.ann.wait_for(lambda seen: seen.document is not None)
    lines = (await sent.document.read()).decode().splitlines()
    assert lines == [f"line {number:05}" for number in range(1000 - len(lines), 1000)]
    assert 80 < len(lines) <= 90
    assert "The end of the log: the last" in sent.text


@pytest.mark.parametrize("content", [None, ""])
async def test_no_file_or_an_empty_one_is_said_and_not_sent(office: Office, content: str | None) -> None:
    """Telegram refuses empty files; the press is answered instead."""
    if content is not None:
        office.manager.log.write_text(content)
    await office.opened("📜 Detailed Logs", "newest first")
    press = await office.ann.press("📄 Log file")
    assert (await press.answered()).text == "The log file is still empty."
