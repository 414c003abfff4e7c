"""Implements the methods that edit, pin or delete messages."""

from dataclasses import replace

from aiogram.methods import (
    DeleteMessage,
    DeleteMessages,
    EditMessageMedia,
    EditMessageReplyMarkup,
    EditMessageText,
    PinChatMessage,
    UnpinChatMessage,
)
from aiogram.types import InputMediaDocument, InputMediaPhoto

from bot.demo.stand_in.access import check_pin_rights, find_message, open_chat
from bot.demo.stand_in.content import Exchange, read_caption, read_markup, read_message_text, take_file
from bot.demo.stand_in.entities import FormattedText
from bot.demo.stand_in.refusals import bad_request
from bot.demo.stand_in.state import Chat, Json, Message, StoredFile
from bot.demo.stand_in.updates import announce_pin
from bot.demo.stand_in.wire import message_json

DELETABLE_SECONDS = 48 * 3600
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)

Edit = EditMessageText | EditMessageMedia | EditMessageReplyMarkup


async def edit_message_text(exchange: Exchange, call: EditMessageText) -> Json:
    """Replace the text; a keyboard that is not sent again is gone."""
    message = _editable(exchange, call)
    formatted = read_message_text(exchange, call.text, call.parse_mode, call.entities)
    if message.file:
        raise bad_request("there is no text in the message to edit")
    return _replace(exchange, message, formatted, call.text, markup=read_markup(exchange, call.reply_markup))


async def edit_message_media(exchange: Exchange, call: EditMessageMedia) -> Json:
    """Replace the file and the caption; a text message turns into a document or a picture."""
    message = _editable(exchange, call, "message media can't be edited")
    media = call.media
    if not isinstance(media, (InputMediaDocument, InputMediaPhoto)):
        raise bad_request("the stand-in knows documents and pictures only")
    formatted = read_caption(exchange, media.caption, media.parse_mode, media.caption_entities)
    markup = read_markup(exchange, call.reply_markup)
    file = replace(take_file(exchange, media.media), photo=isinstance(media, InputMediaPhoto))
    return _replace(exchange, message, formatted, media.caption, markup=markup, file=file)


async def edit_message_reply_markup(exchange: Exchange, call: EditMessageReplyMarkup) -> Json:
    """Replace the keyboard alone; without one it is gone."""
    message = _editable(exchange, call)
    formatted = FormattedText(message.text, message.entities)
    return _replace(exchange, message, formatted, message.html, markup=read_markup(exchange, call.reply_markup))


async def delete_message(exchange: Exchange, call: DeleteMessage) -> bool:
    """Take one message off every phone; only within 48 hours."""
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    message = find_message(chat, call.message_id, "delete")
    if not _deletable(exchange, chat, message):
        raise bad_request("message can't be deleted")
    exchange.state.delete_message(message)
    return True


async def delete_messages(exchange: Exchange, call: DeleteMessages) -> bool:
    """Take up to 100 messages away; those that are not there are skipped, one that must stay refuses the whole call."""
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    if not call.message_ids:
        raise bad_request("message identifiers are not specified")
    if len(call.message_ids) > 100:
        raise bad_request("too many message identifiers specified")
    found = [chat.messages[message_id] for message_id in call.message_ids if message_id in chat.messages]
    if not all(_deletable(exchange, chat, message) for message in found):
        raise bad_request("message can't be deleted for everyone")
    for message in found:
        exchange.state.delete_message(message)
    return True


async def pin_chat_message(exchange: Exchange, call: PinChatMessage) -> bool:
    """Pin it; the chat may have several pinned messages. Everybody hears of it by a service message, the bot too."""
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    message = find_message(chat, call.message_id, "pin")
    check_pin_rights(chat, exchange.bot)
    if message.id not in chat.pinned:
        chat.pinned.add(message.id)
        announce_pin(exchange.state, message, by=exchange.bot.id)
    exchange.state.changes.ring()
    return True


async def unpin_chat_message(exchange: Exchange, call: UnpinChatMessage) -> bool:
    """Unpin one message, without an id the newest."""
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    newest = chat.newest_pinned()
    message_id = call.message_id or (newest.id if newest else None)
    message = find_message(chat, message_id, "unpin")
    check_pin_rights(chat, exchange.bot)
    chat.pinned.discard(message.id)
    exchange.state.changes.ring()
    return True


def _editable(exchange: Exchange, call: Edit, refusal: str = "message can't be edited") -> Message:
    if call.inline_message_id:
        raise bad_request("MESSAGE_ID_INVALID")
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    message = find_message(chat, call.message_id, "edit")
    if message.sender_id != exchange.bot.id or message.forwarded_from:
        raise bad_request(refusal)
    return message


def _replace(
    exchange: Exchange,
    message: Message,
    formatted: FormattedText,
    source: str | None,
    *,
    markup: Json | None,
    file: StoredFile | None = None,
) -> Json:
    file = file or message.file
    text, entities = formatted.text, formatted.entities
    if (text, entities, markup, file) == (message.text, message.entities, message.markup, message.file):
        raise bad_request(NOT_MODIFIED)
    edited = exchange.state.edit_message(
        message, text=text, html=source or "", entities=entities, markup=markup, file=file
    )
    return message_json(exchange.state, exchange.bot, edited)


def _deletable(exchange: Exchange, chat: Chat, message: Message) -> bool:
    own = message.sender_id == exchange.bot.id
    allowed = own or chat.type == "private" or chat.standing(exchange.bot.id).status == "administrator"
    return allowed and exchange.state.clock.now() - message.date < DELETABLE_SECONDS
