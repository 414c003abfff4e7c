"""Pictures in the chat: of all databases, of one, of the year and of the places; in one message, put away again."""

from __future__ import annotations

import pytest

from bot.demo.stand_in.state import Message
from tests.world.clock import until
from tests.world.gallery import FIVE, Gallery, gallery
from tests.world.service import pressed

STATUS = ("💾 Database Backup", "📊 Backup Status")


async def picture(place: Gallery, *words: str) -> Message:
    """Press the button of the pictures in Backup Status; the message that shows one."""
    screen = await place.screen(*STATUS)
    before = place.ann.messages
    await (await place.ann.press("📈 Pictures", message=screen)).answered()
    return await place.ann.wait_for(lambda m: m.file is not None and m.file.photo and m not in before)


async def test_pictures_are_turned_over_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
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
            ("⏳ How far back", "⏳ Back to today 22:15 (on this server's disk), in 3 places with 6 backups"),
        ):
            shown = await pressed(place.ann, button, shown, words)
            assert shown.file is not None
            seen.add(await shown.file.read())
        assert len(seen) == 4
        assert all(png.startswith(b"\x89PNG") for png in seen)
        await (await place.ann.press("✖️ Close", message=shown)).answered()

        async def gone() -> bool:
            return shown.id not in shown.chat.messages

        await until(gone)


async def test_without_backups_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The press is answered with the reason."""
    async with gallery(monkeypatch) as place:
        screen = await place.screen(*STATUS)
        answer = await (await place.ann.press("📈 Pictures", message=screen)).answered()
        assert answer.text == "There is no backup in this time."


async def test_without_the_extra_there_is_no_button(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody presses what can't be drawn."""
    monkeypatch.setattr("bot.charts.png.find_spec", lambda _: None)
    async with gallery(monkeypatch) as place:
        assert "📈 Pictures" not in (await place.screen(*STATUS)).button_texts
