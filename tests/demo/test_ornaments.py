"""What a message can do without: buttons that copy, times by the reader's clock, colours, quotes that fold."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import keyboard


def copying(text: str) -> InlineKeyboardMarkup:
    """One button that copies."""
    button = InlineKeyboardButton(text="📋 Copy", copy_text=CopyTextButton(text=text))
    return InlineKeyboardMarkup(inline_keyboard=[[button]])


@pytest.mark.parametrize(("text", "fits"), [("a", True), ("é" * 256, True), ("", False), ("a" * 257, False)])
async def test_a_button_copies_1_to_256_characters(bot: Bot, ann: Person, text: str, fits: bool) -> None:
    """Beyond that the message is refused."""
    if fits:
        await bot.send_message(11, "x", reply_markup=copying(text))
        assert ann.copy("Copy") == text
    else:
        with pytest.raises(TelegramBadRequest, match="BUTTON_COPY_TEXT_INVALID"):
            await bot.send_message(11, "x", reply_markup=copying(text))


@pytest.mark.parametrize(
    ("version", "text", "markup", "refusal"),
    [
        ((7, 10), "x", copying("x"), "can't parse inline keyboard button: Text buttons are unallowed in the inline"),
        ((9, 4), '<tg-time unix="1" format="Dt">x</tg-time>', None, 'Unsupported start tag "tg-time" at byte offset 0'),
        ((7, 3), "<blockquote expandable>x</blockquote>", None, "Expected equal sign in declaration of an attribute"),
        ((6, 9), "<blockquote>x</blockquote>", None, 'Unsupported start tag "blockquote" at byte offset 0'),
    ],
)
async def test_an_old_server_refuses_what_it_does_not_know(
    standin: StandIn,
    bot: Bot,
    ann: Person,
    version: tuple[int, int],
    text: str,
    markup: InlineKeyboardMarkup | None,
    refusal: str,
) -> None:
    """In the words of its time; one version later it takes the same."""
    standin.set_version(*version)
    with pytest.raises(TelegramBadRequest, match=refusal):
        await bot.send_message(11, text, reply_markup=markup)
    standin.set_version(version[0], version[1] + 1) if version != (6, 9) else standin.set_version(7, 0)
    await bot.send_message(11, text, reply_markup=markup)
    assert ann.last.text == "x"


async def test_an_old_server_has_no_colours(standin: StandIn, bot: Bot, ann: Person) -> None:
    """It does not look at the field."""
    standin.set_version(9, 3)
    await bot.send_message(11, "x", reply_markup=keyboard(style="danger"))
    assert ann.last.buttons[0][0].style is None


@pytest.mark.parametrize(("links", "fits"), [(1000, True), (1093, False)])
async def test_markup_counts_too_where_it_is_much(bot: Bot, ann: Person, links: int, fits: bool) -> None:
    """32 KiB of text with its tags are read, however little of it is shown."""
    text = '<a href="https://x.org/">x</a>' * links
    if fits:
        await bot.send_message(11, text)
        assert ann.last.text == "x" * links
    else:
        with pytest.raises(TelegramBadRequest, match="text is too long"):
            await bot.send_message(11, text)
