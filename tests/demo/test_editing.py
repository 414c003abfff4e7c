"""Editing, deleting and pinning."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, InputMediaDocument, Message

from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import keyboard


async def test_the_same_text_again_is_not_modified(bot: Bot, ann: Person) -> None:
    """Same text and keyboard are refused; a keyboard left out is gone."""
    message = await bot.send_message(11, "<b>x</b>", reply_markup=keyboard())
    with pytest.raises(TelegramBadRequest) as caught:
        await bot.edit_message_text("<b>x</b>", chat_id=11, message_id=message.message_id, reply_markup=keyboard())
    assert caught.value.message == (
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the same "
        "as a current content and reply markup of the message"
    )
    edited = await bot.edit_message_text("<b>x</b>", chat_id=11, message_id=message.message_id)
    assert isinstance(edited, Message)
    assert edited.edit_date
    assert ann.last.buttons == []


async def test_a_text_turns_into_a_document(bot: Bot, ann: Person) -> None:
    """editMessageMedia puts a file in the place of a text, which then has no text to edit."""
    text = await bot.send_message(11, "working")
    document = InputMediaDocument(media=BufferedInputFile(b"zip", "a.zip"), caption="<b>sizes</b>")
    await bot.edit_message_media(document, chat_id=11, message_id=text.message_id)
    assert (ann.last.document.name, ann.last.text) == ("a.zip", "sizes")
    with pytest.raises(TelegramBadRequest, match="there is no text in the message to edit"):
        await bot.edit_message_text("x", chat_id=11, message_id=text.message_id)
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("x", chat_id=11, message_id=999)


async def test_a_bot_edits_only_its_own(bot: Bot, ann: Person) -> None:
    """What people wrote can't be edited."""
    written = await ann.send("mine")
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_text("x", chat_id=11, message_id=written.id)
    media = InputMediaDocument(media=BufferedInputFile(b"zip", "a.zip"))
    with pytest.raises(TelegramBadRequest, match="message media can't be edited"):
        await bot.edit_message_media(media, chat_id=11, message_id=written.id)


async def test_messages_are_deleted_within_48_hours(standin: StandIn, bot: Bot, ann: Person) -> None:
    """After 48 hours a message stays; deleteMessages then refuses the whole call, and skips only what is not there."""
    old = await bot.send_message(11, "old")
    young = await bot.send_message(11, "young")
    assert await bot.delete_message(11, young.message_id)
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: message to delete not found$"):
        await bot.delete_message(11, young.message_id)
    standin.clock.advance(48 * 3600 + 1)
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: message can't be deleted$"):
        await bot.delete_message(11, old.message_id)
    fresh = await bot.send_message(11, "fresh")
    with pytest.raises(TelegramBadRequest, match="message can't be deleted for everyone"):
        await bot.delete_messages(11, [old.message_id, fresh.message_id])
    assert [m.text for m in ann.messages] == ["old", "fresh"]
    assert await bot.delete_messages(11, [fresh.message_id, 999])
    assert [m.text for m in ann.messages] == ["old"]


async def test_get_chat_gives_the_newest_pinned_document(bot: Bot, ann: Person) -> None:
    """Pins in a private chat survive in getChat, and the file can be fetched from there."""
    first = await bot.send_document(11, BufferedInputFile(b"first", "1.zip"))
    second = await bot.send_document(11, BufferedInputFile(b"second", "2.zip"))
    await bot.pin_chat_message(11, second.message_id, disable_notification=True)
    await bot.pin_chat_message(11, first.message_id)
    pinned = (await bot.get_chat(11)).pinned_message
    assert isinstance(pinned, Message)
    data = await bot.download(pinned.document)
    assert data.read() == b"second"
    await bot.unpin_chat_message(11)
    newest = ann.newest_pinned()
    assert newest.id == first.message_id
    await bot.unpin_chat_message(11)
    assert (await bot.get_chat(11)).pinned_message is None


async def test_pinning_in_a_group_takes_an_administrator(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A member may not pin, an administrator may."""
    group = standin.add_group(-1005, members=[ann])
    message = await bot.send_message(-1005, "x")
    with pytest.raises(TelegramBadRequest, match="not enough rights to manage pinned messages in the chat"):
        await bot.pin_chat_message(-1005, message.message_id)
    group.add_bot(standin.bot(), "administrator")
    assert await bot.pin_chat_message(-1005, message.message_id)
    with pytest.raises(TelegramBadRequest, match="message to pin not found"):
        await bot.pin_chat_message(-1005, 999)


async def test_replies_quote_what_is_there(bot: Bot, ann: Person) -> None:
    """A reply carries the message it answers; a reply to nothing is refused."""
    written = await ann.send("question")
    reply = await bot.send_message(11, "answer", reply_to_message_id=written.id)
    assert reply.reply_to_message.text == "question"
    with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
        await bot.send_message(11, "answer", reply_to_message_id=999)


async def test_the_bot_hears_of_its_own_pin(bot: Bot, ann: Person) -> None:
    """A service message from itself, in a private chat too, with or without a notification; it may delete it."""
    sent = await bot.send_message(ann.id, "keep this")
    await bot.pin_chat_message(ann.id, sent.message_id, disable_notification=True)
    (update,) = await bot.get_updates()
    line = update.message
    assert line.from_user.id == bot.id
    assert line.pinned_message.message_id == sent.message_id
    assert [message.id for message in ann.messages] == [sent.message_id, line.message_id]
    assert await bot.delete_message(ann.id, line.message_id)
    await bot.pin_chat_message(ann.id, sent.message_id)  # again: nothing changes, and nobody is told
    assert await bot.get_updates(offset=update.update_id + 1) == []
    assert [message.id for message in ann.messages] == [sent.message_id]
