"""“My messages” on the real service, by pressing its buttons, and what comes of it in the chats."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from bot.models import Action, Actor, MessageChoice, MessageMode, QuietHours, Trigger
from tests.world.service import Town, opened, town_in


class Desk(Town):
    """A running service, and Ann's screen of her messages."""

    async def choice(self) -> MessageChoice:
        return await self.service.courier.preferences.of(self.ann.id)

    async def open(self, *path: str) -> Message:
        return await opened(self.ann, "Database Backup", *WAY, *path)

    async def press(self, button: str, on: Message, *, stale: bool = False) -> Message:
        """Press, and give the message as it is once the press is answered: the screen is drawn before."""
        await (await self.ann.press(button, message=on, stale=stale)).answered()
        return on.chat.messages[on.id]


WAY = ("Settings", "My messages")
"""The buttons between the backup menu and the screen."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with town_in(tmp_path, kind=Desk, names=("users.db", "shop.db")) as there:
        yield there


async def test_the_digest_from_the_press_to_the_message(desk: Desk) -> None:
    """One press: the screen says what comes, and the next run is a line in a message instead of a file."""
    screen = await desk.open()
    assert "Every backup: each one comes here" in screen.text
    screen = await desk.press("Daily digest", screen)
    assert "• Daily digest" in screen.button_texts
    assert "One backup a day comes all the same" in screen.text
    courier = desk.service.courier
    for _ in range(2):
        await courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE)
    digest = await desk.ann.wait_for(lambda m: "📰" in m.text and "2 runs" in m.text, since=0)
    assert digest.silent
    archives = [m for m in desk.ann.messages if m.document and m.document.name.startswith("database_backup")]
    assert len(archives) == 1
    before = len(desk.ann.messages)
    await (
        await desk.ann.press("Manual Backup", message=await desk.press("Back", await desk.press("‹ Settings", screen)))
    ).answered()
    await desk.ann.wait_for(lambda m: m.document is not None and m.id > before)
    assert (Action.MODE_CHOSEN, (("mode", "daily digest"),)) in [
        (e.action, e.facts) for e in await courier.catalogue.service.audits()
    ]


async def test_quiet_hours_by_preset_by_own_hours_and_off(desk: Desk) -> None:
    """Every way to hours, to the quarter; alarms too; and back to none."""
    screen = await desk.press("22:00–07:00", await desk.open("Quiet hours"))
    assert (await desk.choice()).quiet == QuietHours(start=22 * 60, end=7 * 60)
    screen = await desk.press("Other hours", screen)
    screen = await desk.press("21:00", screen)
    assert "21:00" not in screen.button_texts  # it can't end when it begins
    screen = await desk.press("06:00", screen)
    screen = await desk.press("Start −15 min", screen)
    screen = await desk.press("End +15 min", screen)
    screen = await desk.press("Alarms without sound too", screen)
    assert (await desk.choice()).quiet == QuietHours(start=20 * 60 + 45, end=6 * 60 + 15, alarms=True)
    assert "20:45–06:15" in screen.text
    screen = await desk.press("‹ Back", screen)
    assert "Quiet hours: 20:45–06:15 Europe/Berlin, alarms too" in screen.text
    screen = await desk.press("No quiet hours", await desk.press("Quiet hours", screen))
    assert (await desk.choice()).quiet is None


async def test_an_end_is_not_moved_onto_the_other(desk: Desk) -> None:
    """Quiet for a quarter of an hour can't become quiet for ever or never."""
    await desk.service.courier.preferences.choose_quiet(11, QuietHours(start=0, end=15), actor="a test")
    screen = await desk.press("End −15 min", await desk.open("Quiet hours"))
    assert desk.ann.alerts[-1].text == "The end must be another time than the beginning."
    assert "00:00–00:15" in screen.text
    await desk.press("Start −15 min", screen)
    assert (await desk.choice()).quiet == QuietHours(start=23 * 60 + 45, end=15)


async def test_databases_are_ticked_and_the_last_one_stays(desk: Desk) -> None:
    """The screen says what a choice means for a file that holds all of them."""
    await desk.service.courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE)
    screen = await desk.open("My databases")
    assert "The archive always holds all databases" in screen.text
    screen = await desk.press("☑️ shop.db", screen)
    assert (await desk.choice()).databases == frozenset({"users.db"})
    screen = await desk.press("☑️ users.db", screen)
    assert "At least one database has to stay" in (desk.ann.alerts[-1].text or "")
    screen = await desk.press("All databases", screen)
    assert (await desk.choice()).databases is None
    assert "All databases" not in screen.button_texts


async def test_presses_from_old_messages_mean_what_they_said(desk: Desk) -> None:
    """An old tick does not turn into its opposite, and a database that is gone is answered as such."""
    await desk.service.courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE)
    old = await desk.open("My databases")
    for _ in range(2):
        await desk.press("☑️ shop.db", old, stale=True)
        assert (await desk.choice()).databases == frozenset({"users.db"})
    forged = desk.ann.press_data("mydb:0123456789ab:0:0", old)
    assert (await forged.answered()).text == "That database is no longer there."
    for data in ("mymode:everything", "myquiet:1440:0:1", "myend:-5", "mydb:users.db:1:0", "mydbs:99999999"):
        await desk.ann.press_data(data, old).answered()
    assert (await desk.choice()) == MessageChoice(databases=frozenset({"users.db"}))
    assert (await desk.ann.press_data("mydbs:77", old).answered()).text == ""


async def test_each_admin_chooses_alone_and_over_a_restart(desk: Desk) -> None:
    """Ann's trouble only is not Ben's; a new process knows it, and says to whom what nobody wants goes."""
    await desk.press("Trouble only", await desk.open())
    await desk.service.courier.preferences.choose_mode(12, MessageMode.TROUBLE, actor="Ben (12)")
    await desk.restart()
    screen = await desk.open()
    assert "• Trouble only" in screen.button_texts
    assert "goes to this chat" in screen.text
