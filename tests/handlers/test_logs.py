"""Detailed Logs: pages, filters, and the file."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.handlers import logs
from bot.models import Alarm, Backup
from bot.services.catalogue import Event
from bot.texts.markup import length
from tests.world import samples
from tests.world.office import Office


def happened(number: int, subject: str = "db{}") -> list[Event]:
    """So many events, newest first: a backup, then an alarm, and so on."""

    def what(n: int) -> Backup | Alarm:
        if n % 2 == 0:
            return samples.backup(n + 1)
        return Alarm(id=f"{n}", key=f"gone:{subject.format(n)}", began_at=samples.NOW - timedelta(minutes=n))

    return [Event(at=samples.NOW - timedelta(minutes=n), what=what(n)) for n in range(number)]


async def test_the_newest_come_first_and_pages_lead_on(office: Office) -> None:
    """Ten a page, the newest first, older and newer by button."""
    office.manager.happened = happened(25)
    shown = await office.opened("📜 Detailed Logs", "Detailed Logs\n")
    assert shown.text.index("Backup 1:") < shown.text.index("db1 has disappeared") < shown.text.index("Backup 9:")
    assert "‹ Previous" not in shown.button_texts
    await office.click("Next ›", "page 2")
    last = await office.click("Next ›", "page 3")
    assert "Next ›" not in last.button_texts
    await office.click("‹ Previous", "page 2")


async def test_trouble_alone_is_a_filter_and_is_marked(office: Office) -> None:
    """Trouble is the marked button then; All shows everything again."""
    office.manager.happened = happened(25)
    await office.opened("📜 Detailed Logs", "Detailed Logs\n")
    shown = await office.click("Trouble", "Logs: trouble")
    assert "• ⚠️ Trouble" in shown.button_texts
    assert shown.text.count("🚨") == 10
    assert "✅" not in shown.text
    await office.click("All", "Detailed Logs\n")


async def test_nothing_is_a_sentence(office: Office) -> None:
    await office.opened("📜 Detailed Logs", "Nothing here yet.")


@pytest.mark.parametrize("name", ["x" * 2000, "<b>&" * 500, "😀" * 1000, "line\n" * 400, "{{}}"])
async def test_a_page_always_fits(office: Office, name: str) -> None:
    """Ten alarms about databases of any name make a message that Telegram takes, with all ten in it."""
    office.manager.happened = happened(20, name)[1::2]
    shown = await office.opened("📜 Detailed Logs", "Detailed Logs")
    assert length(shown.html) <= 4096
    assert shown.text.count("🚨") == 10


async def test_the_file_comes_as_a_document(office: Office) -> None:
    """On request the log file is sent whole, byte for byte."""
    office.manager.log.write_text("first\nlast\n")
    await office.opened("📜 Detailed Logs", "Detailed Logs")
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
    await office.opened("📜 Detailed Logs", "Detailed Logs")
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
    await office.opened("📜 Detailed Logs", "Detailed Logs")
    press = await office.ann.press("📄 Log file")
    assert (await press.answered()).text == "The log file is still empty."
