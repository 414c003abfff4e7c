"""Every screen of the dashboard on the real service, reached by pressing its buttons."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app.service import Service
from tests.world.databases import make_database
from tests.world.phones import Person
from tests.world.service import opened, pressed, settings_for
from tests.world.stand_in import StandIn


@pytest.fixture
async def ann(standin: StandIn, tmp_path: Path) -> AsyncIterator[Person]:
    """An admin of a running service with two databases, one of them missing; Ben has never pressed Start."""
    sources = [make_database(tmp_path / "live" / "users.db"), tmp_path / "live" / "gone.db"]
    person = standin.add_user(11, "Ann")
    standin.add_user(12, "Ben", started=False)
    async with Service.started(settings_for(tmp_path, standin, *sources, ADMIN_IDS="11,12", SCHEDULE="0 0 1 1 *")):
        yield person


async def test_a_manual_backup_from_the_press_to_the_result(ann: Person) -> None:
    """The archive arrives, the result is honest about what is missing, and the history shows it."""
    await opened(ann, "Database Backup", "Manual Backup")
    archive = await ann.wait_for(lambda m: m.document is not None, since=0)
    assert "gone.db" in archive.text
    result = await ann.wait_for(lambda m: "Delivered to Ann, not to user 12" in m.text and m.document is None, since=0)
    assert "12 must open the bot and press Start" in result.text
    history = await opened(ann, "Database Backup", "History")
    details = await pressed(ann, history.button_texts[0], history)
    assert archive.document.name in details.text
    pinned = await pressed(ann, "Pin", details)
    assert "pinned" in pinned.text
    await (await ann.press("Send it to me", message=pinned)).answered()
    again = await ann.wait_for(lambda m: m.document is not None and m.id > archive.id)
    assert again.document.unique_id == archive.document.unique_id


@pytest.mark.parametrize(
    ("button", "shows"),
    [
        ("Backup Status", "gone.db is not backed up"),
        ("System Health", "1 of 2 reachable"),
        ("Detailed Logs", "Detailed Logs"),
        ("History", "No backup has been made yet"),
        ("Settings", "wins over .env"),
    ],
)
async def test_each_screen_and_the_way_back(ann: Person, button: str, shows: str) -> None:
    """Each button leads to its screen, and Back leads to the menu again, in the same message."""
    screen = await opened(ann, "Database Backup", button)
    if shows not in screen.text:  # a slow screen says first that it is looking
        screen = await ann.wait_for(lambda m: m.id == screen.id and shows in m.text)
    menu = await pressed(ann, "Back", screen)
    assert "Manual Backup" in " ".join(menu.button_texts)


async def test_unpinning_what_is_gone_from_the_disk_promises_nothing(ann: Person, tmp_path: Path) -> None:
    """It can't go when its time comes."""
    await opened(ann, "Database Backup", "Manual Backup")
    archive = await ann.wait_for(lambda m: m.document is not None, since=0)
    history = await opened(ann, "Database Backup", "History")
    pinned = await pressed(ann, "Pin", await pressed(ann, history.button_texts[0], history), "pinned")
    (tmp_path / "backups" / archive.document.name).unlink()
    await opened(ann, "Database Backup", "Backup Status")
    press = await ann.press("Unpin", message=pinned)
    assert (await press.answered()).text == "Unpinned. Its archive is not on the disk any more."
