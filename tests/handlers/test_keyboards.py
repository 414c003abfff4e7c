"""What presses carry: within 64 bytes for the largest ids, and nothing that names a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiogram.enums import ButtonStyle
from aiogram.types import InlineKeyboardMarkup
from pydantic import ValidationError

import bot
from bot.handlers import history_buttons
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import BackupAct, LogLevel, OfBackup
from bot.handlers.history_buttons import Delete
from bot.handlers.logs import log_buttons
from bot.handlers.picture_buttons import PictureButton, picture_buttons, under_picture
from bot.models import NO_REASON, BackupDetails, BackupPage, Span
from tests.world import samples

LARGEST = 2**63 - 1
LAST_PAGE = 999_999


def every_keyboard() -> Iterator[InlineKeyboardMarkup]:
    kept = samples.backup(LARGEST, archive_name=samples.NASTY)
    for here in (kept, samples.backup(LARGEST, pinned=True), samples.backup(LARGEST, on_disk=False)):
        seen = BackupDetails(backup=here, deliveries=(), retention=NO_REASON, volumes=1)
        yield history_buttons.backup(seen, LAST_PAGE)
    yield history_buttons.history(
        BackupPage(backups=(kept,), page=LAST_PAGE - 1, pages=LAST_PAGE + 1, total=9), ["label"]
    )
    for named in (kept, samples.backup(LARGEST, archive_sha256="")):
        yield history_buttons.confirm_delete(named, LAST_PAGE, 2**40 - 1)
        yield history_buttons.to_backup(named, LAST_PAGE)
        yield keyboards.run_result(named)
    yield keyboards.admin_menu()
    yield keyboards.pause_choices()
    yield from (keyboards.backup_menu([], paused=paused) for paused in (True, False))
    yield keyboards.status([], picture_buttons(), None)
    yield from (under_picture(PictureButton(key="f" * 12, span=span)) for span in Span)
    yield from (log_buttons(level, LAST_PAGE - 1, more=True) for level in LogLevel)


def test_callback_data_fits_and_holds_no_name() -> None:
    """Every button's data is 1 to 64 bytes of ASCII words and numbers, whatever the backup is called."""
    buttons = [button for markup in every_keyboard() for row in markup.inline_keyboard for button in row]
    data = [button.callback_data for button in buttons if button.copy_text is None]
    assert len(data) > 60
    for packed in data:
        assert 1 <= len(packed.encode()) <= 64
        assert packed.replace(":", "").isalnum()
        assert packed.isascii()


def test_colour_is_for_the_main_button_and_for_danger_alone() -> None:
    """No keyboard has two main buttons, and the code knows no other colour; the world watches all tests."""
    for markup in every_keyboard():
        styles = Counter(button.style for row in markup.inline_keyboard for button in row)
        assert styles[ButtonStyle.PRIMARY] <= 1
    sources = [path.read_text(encoding="utf-8") for path in Path(bot.__file__).parent.rglob("*.py")]
    asked = {style for source in sources for style in re.findall(r"ButtonStyle\.(\w+)", source)}
    assert asked == {"PRIMARY", "DANGER"}


def test_what_was_packed_is_unpacked() -> None:
    """The largest values survive the way through a button."""
    act = OfBackup(act=BackupAct.PIN, id=LARGEST, page=LAST_PAGE, mark="20261129140000")
    assert OfBackup.unpack(act.pack()) == act


@pytest.mark.parametrize(
    "packed",
    [f"erase:{numbers}:0badcafe" for numbers in ("0:0:0", f"{2**63}:0:0", "1:-1:0", "1:0:1e3", "1:0")]
    + ["erase:1:0:0", "erase:1:0:0:", "erase:1:0:0:0BADCAFE", "erase:1:0:0:0badcafe0"],
)
def test_forged_numbers_are_malformed_buttons(packed: str) -> None:
    """Numbers out of bounds are refused before they reach the manager."""
    with pytest.raises((ValidationError, TypeError)):
        Delete.unpack(packed)
