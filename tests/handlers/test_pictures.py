"""Pictures in the chat: of all databases, of one, of the year and of the places; in one message, put away again."""

from __future__ import annotations

import pytest

from bot.demo.stand_in.state import Message
from tests.world import faults
from tests.world.clock import until
from tests.world.gallery import FIVE, Gallery, gallery
from tests.world.service import pressed

STATUS = ("💾 Database Backup", "📊 Backup Status")


async def picture(place: Gallery, *words: str) -> Message:
    """Press the button of the pictures in Backup Status; the message that shows one."""
    screen = await place.screen(*STATUS)
    before = place.ann.messages
    await (await place.ann.press("📈 Charts", message=screen)).answered()
    return await place.ann.wait_for(lambda m: m.file is not None and m.file.photo and m not in before)


async def test_pictures_are_turned_over_in_one_message(monkeypatch: pytest.MonkeyPatch, log_lines: list[str]) -> None:
    """Each press puts another picture into the place of the one before, silently; the screen above stays as it is."""
    async with gallery(monkeypatch, FIVE) as place:
        for _ in range(2):
            await place.back_up(after=60)
        shown = await picture(place)
        assert shown.silent
        assert shown.text == "📈 Rows and size, last 7 days"
        assert "• 7 days" in shown.button_texts
        seen = {await shown.file.read()} if shown.file else set()
        for button, words in (
            ("24 h", "📈 Rows and size, last 24 hours"),
            ("🗓 Year", "🗓 A year of backups"),
            ("⏳ How far back", "⏳ Back to today 22:00 (on this server's disk), in 3 places with 6 backups"),
        ):
            shown = await pressed(place.ann, button, shown, words)
            assert shown.file is not None
            seen.add(await shown.file.read())
        assert len(seen) == 4
        assert all(png.startswith(b"\x89PNG") for png in seen)
        place.api.inject(
            faults.bad_request("message to edit not found"), "editMessageMedia"
        )  # closed while it was drawn
        await (await place.ann.press("24 h", message=shown)).answered()
        presses = [await place.ann.press("✖️ Close", message=shown) for _ in range(2)]  # as an impatient thumb does
        for press in presses:
            assert (await press.answered()).text == ""

        async def gone() -> bool:
            return shown.id not in shown.chat.messages

        await until(gone)
        await place.screen()  # the presses before it are dealt with
        assert not [line for line in log_lines if "unforeseen" in line]


async def test_a_picture_that_telegram_no_longer_deletes_loses_its_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two days a bot may not delete its messages any more."""
    async with gallery(monkeypatch, FIVE) as place:
        await place.back_up(after=60)
        shown = await picture(place)
        place.api.clock.advance(49 * 3600)
        await (await place.ann.press("✖️ Close", message=shown)).answered()
        await place.ann.wait_for(lambda m: m.id == shown.id and not m.buttons, since=0)


async def test_the_report_is_sent_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the screen, silently, also where nothing draws pictures."""
    monkeypatch.setattr("bot.charts.png.find_spec", lambda _: None)
    async with gallery(monkeypatch) as place:
        await place.back_up()
        screen = await place.screen(*STATUS)
        assert "📈 Charts" not in screen.button_texts
        await (await place.ann.press("📄 Report", message=screen)).answered()
        sent = await place.ann.wait_for(lambda m: m.file is not None and m.file.name == "backup_report_20261128.html")
        assert sent.silent
        assert sent.file is not None
        assert b"users.db" in await sent.file.read()


async def test_without_backups_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no button before the first one; later on, the press is answered with the reason."""
    async with gallery(monkeypatch) as place:
        assert "📈 Charts" not in (await place.screen(*STATUS)).button_texts
        await place.back_up()
        screen = await place.screen(*STATUS)
        await place.later(9 * 24 * 60)
        answer = await (await place.ann.press("📈 Charts", message=screen)).answered()
        assert answer.text == "There is no backup in this time."
