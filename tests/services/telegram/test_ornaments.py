"""A Bot API server of one's own that is too old for what is in a message gets the message without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    LinkPreviewOptions,
)
from loguru import logger

from bot.services.telegram.buttons import copy_button
from bot.services.telegram.ornaments import WithoutOrnaments
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import MakeBot

TEXT = 'Since <tg-time unix="1764364500" format="Dt">28 Nov</tg-time> <blockquote expandable>more</blockquote>'
KEYS = InlineKeyboardMarkup(
    inline_keyboard=[
        [InlineKeyboardButton(text="Go", callback_data="go"), *copy_button("📋 SHA-256", "abc")],
        copy_button("📋 Command", "restore 1"),
    ]
)


@pytest.fixture
def frugal(standin: StandIn, make_bot: MakeBot) -> Bot:
    """A bot whose session leaves out what the server does not know."""
    bot = make_bot(standin)
    bot.session.middleware(WithoutOrnaments())
    return bot


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the log says from warnings on."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.record["message"]), level="WARNING")
    yield lines
    logger.remove(sink)


async def test_a_new_server_gets_everything(standin: StandIn, frugal: Bot, ann: Person, said: list[str]) -> None:
    await frugal.send_message(11, TEXT, reply_markup=KEYS)
    assert [entity["type"] for entity in ann.last.entities] == ["date_time", "expandable_blockquote"]
    assert (ann.copy("SHA-256"), ann.copy("Command")) == ("abc", "restore 1")
    assert (len(standin.calls), said) == (1, [])


async def test_an_old_server_gets_the_message_without_them(
    standin: StandIn, frugal: Bot, ann: Person, said: list[str]
) -> None:
    """Texts, captions and edits alike; each thing is refused once, and left out beforehand from then on."""
    standin.set_version(6, 9)
    sent = await frugal.send_message(11, TEXT, reply_markup=KEYS)
    assert (ann.last.text, ann.last.entities) == ("Since 28 Nov more", ())
    assert [[button.text for button in row] for row in ann.last.buttons] == [["Go"]]
    refused = standin.calls_of("sendMessage", ok=False)
    assert len(refused) == len(said) == 3  # copying, times, quotes: those go whole, where they don't even fold

    await frugal.edit_message_text(f"Now: {TEXT}", chat_id=11, message_id=sent.message_id, reply_markup=KEYS)
    await frugal.send_document(11, BufferedInputFile(b"zip", "a.zip"), caption=TEXT, reply_markup=KEYS)
    assert (ann.last.text, ann.last.button_texts) == ("Since 28 Nov more", ["Go"])
    media = InputMediaDocument(media=BufferedInputFile(b"other", "b.zip"), caption=f"And {TEXT}")
    await frugal.edit_message_media(media, chat_id=11, message_id=ann.last.id)
    assert ann.last.text == "And Since 28 Nov more"
    assert [call.method for call in standin.calls if not call.ok] == ["sendMessage"] * 3
    assert len(said) == 3
    line = "the Bot API server does not know buttons that copy: messages go without; version 7.11 and later know them"
    assert line in said


async def test_a_server_that_can_t_fold_shows_the_whole_quote(standin: StandIn, frugal: Bot, ann: Person) -> None:
    standin.set_version(7, 3)
    await frugal.send_message(11, TEXT)
    assert [entity["type"] for entity in ann.last.entities] == ["blockquote"]


async def test_an_upload_that_is_refused_for_its_caption_is_sent_again_whole(
    standin: StandIn, frugal: Bot, ann: Person
) -> None:
    standin.set_version(9, 4)
    await frugal.send_document(11, BufferedInputFile(b"zip" * 1000, "a.zip"), caption=TEXT)
    assert ann.last.document is not None
    assert await ann.last.document.read() == b"zip" * 1000


@pytest.mark.parametrize("text", ["<tg-time>x", "a < b", '<tg-time unix="1" format="zz">x</tg-time>'])
async def test_what_is_wrong_otherwise_is_refused_as_ever(
    standin: StandIn, frugal: Bot, ann: Person, text: str
) -> None:
    """A fault of ours is neither hidden nor taken for the server's age."""
    with pytest.raises(TelegramBadRequest, match="can't parse entities"):
        await frugal.send_message(11, text, link_preview_options=LinkPreviewOptions(is_disabled=True))
    assert len(standin.calls) == 1
    await frugal.send_message(11, TEXT, reply_markup=KEYS)
    assert ann.copy("SHA-256") == "abc"
    assert ann.last.entities


async def test_a_bare_button_is_refused_although_the_server_is_new(frugal: Bot, standin: StandIn, ann: Person) -> None:
    """The same words as of an old server; there is nothing to leave out, and nothing is remembered."""
    bare = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Nothing")]])
    with pytest.raises(TelegramBadRequest, match="Text buttons are unallowed"):
        await frugal.send_message(11, "x", reply_markup=bare)
    await frugal.send_message(11, "x", reply_markup=KEYS)
    assert ann.copy("Command") == "restore 1"
    assert len(standin.calls) == 2


@pytest.mark.parametrize(
    ("copied", "buttons"), [("", 0), ("a", 1), ("a" * 256, 1), ("a" * 257, 0), ("💾" * 129, 0), ("a\udcff", 0)]
)
def test_what_telegram_would_not_copy_gets_no_button(copied: str, buttons: int) -> None:
    assert len(copy_button("📋", copied)) == buttons
