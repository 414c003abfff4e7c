"""Implements the methods that send new messages into a chat."""

from dataclasses import replace
from typing import Any

from aiogram.methods import SendDocument, SendMessage, SendPhoto
from aiogram.types import ReplyParameters

from bot.demo.stand_in.access import check_thread, open_chat
from bot.demo.stand_in.content import Exchange, given, read_caption, read_markup, read_message_text, take_file
from bot.demo.stand_in.entities import FormattedText
from bot.demo.stand_in.pickers import check_keyboard
from bot.demo.stand_in.refusals import bad_request
from bot.demo.stand_in.state import Chat, Json, Message, StoredFile
from bot.demo.stand_in.wire import message_json

Sending = SendMessage | SendDocument | SendPhoto


async def send_message(exchange: Exchange, call: SendMessage) -> Json:
    """Store a text message."""
    chat = _destination(exchange, call)
    formatted = read_message_text(exchange, call.text, call.parse_mode, call.entities)
    markup = read_markup(exchange, call.reply_markup)
    check_keyboard(chat, markup)
    message = _store(exchange, chat, call, formatted, call.text, markup=markup)
    return message_json(exchange.state, exchange.bot, message)


async def send_document(exchange: Exchange, call: SendDocument) -> Json:
    """Store a document, uploaded or known."""
    return _store_file(exchange, call, take_file(exchange, call.document))


async def send_photo(exchange: Exchange, call: SendPhoto) -> Json:
    """Store a picture, uploaded or known. The server would make a JPEG of it; here its bytes stay."""
    return _store_file(exchange, call, replace(take_file(exchange, call.photo), photo=True))


def _store_file(exchange: Exchange, call: SendDocument | SendPhoto, file: StoredFile) -> Json:
    chat = _destination(exchange, call)
    formatted = read_caption(exchange, call.caption, call.parse_mode, call.caption_entities)
    markup = read_markup(exchange, call.reply_markup)
    check_keyboard(chat, markup)
    message = _store(exchange, chat, call, formatted, call.caption, file=file, markup=markup)
    return message_json(exchange.state, exchange.bot, message)


def _destination(exchange: Exchange, call: Sending) -> Chat:
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    check_thread(chat, exchange.bot, call.message_thread_id)
    return chat


def _store(
    exchange: Exchange, chat: Chat, call: Sending, formatted: FormattedText, source: str | None, **fields: Any
) -> Message:
    return exchange.state.store_message(
        chat,
        sender_id=exchange.bot.id,
        text=formatted.text,
        html=source or "",
        entities=formatted.entities,
        thread_id=call.message_thread_id or None,
        silent=bool(call.disable_notification),
        protected=bool(given(call.protect_content)),
        reply_to=_reply_to(chat, call),
        **fields,
    )


def _reply_to(chat: Chat, call: Sending) -> int | None:
    parameters: ReplyParameters | None = getattr(call, "reply_parameters", None)
    message_id = parameters.message_id if parameters else getattr(call, "reply_to_message_id", None)
    if message_id is None or message_id in chat.messages:
        return message_id
    lenient = given(parameters.allow_sending_without_reply) if parameters else None
    if lenient or getattr(call, "allow_sending_without_reply", None):
        return None
    raise bad_request("message to be replied not found")
