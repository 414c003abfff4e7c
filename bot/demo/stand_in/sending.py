"""Implements the methods that send new messages into a chat."""

from typing import Any

from aiogram.methods import CopyMessage, ForwardMessage, SendDocument, SendMediaGroup, SendMessage, SendPhoto
from aiogram.types import InputMediaDocument, InputMediaPhoto, ReplyParameters

from bot.demo.stand_in.access import check_rights, check_thread, find_chat, find_message, open_chat
from bot.demo.stand_in.content import Exchange, given, read_caption, read_markup, read_message_text, take_file
from bot.demo.stand_in.entities import FormattedText
from bot.demo.stand_in.refusals import bad_request
from bot.demo.stand_in.state import Chat, Json, Message, StoredFile
from bot.demo.stand_in.wire import message_json

ALBUM_SIZES = range(2, 11)

Sending = SendMessage | SendDocument | SendPhoto | SendMediaGroup | CopyMessage | ForwardMessage


async def send_message(exchange: Exchange, call: SendMessage) -> Json:
    """Store a text message."""
    chat = _destination(exchange, call, "text messages")
    formatted = read_message_text(call.text, call.parse_mode, call.entities)
    message = _store(exchange, chat, call, formatted, call.text, markup=read_markup(call.reply_markup))
    return message_json(exchange.state, exchange.bot, message)


async def send_document(exchange: Exchange, call: SendDocument) -> Json:
    """Store a document, uploaded or known."""
    chat = _destination(exchange, call, "documents")
    return _send_file(exchange, chat, call, take_file(exchange, call.document, "document"))


async def send_photo(exchange: Exchange, call: SendPhoto) -> Json:
    """Store a photo of at most 10 MB."""
    chat = _destination(exchange, call, "photos")
    return _send_file(exchange, chat, call, take_file(exchange, call.photo, "photo"))


async def send_media_group(exchange: Exchange, call: SendMediaGroup) -> list[Json]:
    """Store an album of 2 to 10 documents or 2 to 10 photos: all of it or nothing."""
    if len(call.media) not in ALBUM_SIZES:
        raise bad_request("there must be 2-10 messages to send as an album")
    kinds = {item.type for item in call.media}
    if len(kinds) > 1:
        raise bad_request(f"{'document' if 'document' in kinds else kinds.pop()} can't be mixed with other media types")
    chat = _destination(exchange, call, "documents" if kinds == {"document"} else "photos")
    items = [_album_item(exchange, item) for item in call.media]
    album = str(exchange.state.number() + 10**15)
    stored = [
        _store(exchange, chat, call, formatted, caption, file=file, media_group_id=album)
        for file, formatted, caption in items[: exchange.album_flood[0] if exchange.album_flood else None]
    ]
    if exchange.album_flood:
        raise bad_request(
            f"failed to send message #{len(stored) + 1} with the error message "
            f'"Too Many Requests: retry after {exchange.album_flood[1]}"'
        )
    return [message_json(exchange.state, exchange.bot, message) for message in stored]


async def forward_message(exchange: Exchange, call: ForwardMessage) -> Json:
    """Store a copy that names its origin."""
    message = _repeat(exchange, call, "forward")
    return message_json(exchange.state, exchange.bot, message)


async def copy_message(exchange: Exchange, call: CopyMessage) -> Json:
    """Store a copy that doesn't name its origin."""
    return {"message_id": _repeat(exchange, call, "copy").id}


def _destination(exchange: Exchange, call: Sending, kind: str) -> Chat:
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    check_rights(chat, exchange.bot, kind)
    check_thread(chat, exchange.bot, call.message_thread_id)
    return chat


def _send_file(exchange: Exchange, chat: Chat, call: SendDocument | SendPhoto, file: StoredFile) -> Json:
    formatted = read_caption(call.caption, call.parse_mode, call.caption_entities)
    markup = read_markup(call.reply_markup)
    message = _store(exchange, chat, call, formatted, call.caption, file=file, markup=markup)
    return message_json(exchange.state, exchange.bot, message)


def _album_item(exchange: Exchange, item: Any) -> tuple[StoredFile, FormattedText, str | None]:
    if not isinstance(item, InputMediaDocument | InputMediaPhoto):
        raise bad_request("the stand-in knows albums of documents and of photos only")
    formatted = read_caption(item.caption, item.parse_mode, item.caption_entities)
    return take_file(exchange, item.media, str(item.type)), formatted, item.caption


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


def _repeat(exchange: Exchange, call: ForwardMessage | CopyMessage, verb: str) -> Message:
    original = find_message(find_chat(exchange.state, exchange.bot, call.from_chat_id), call.message_id, verb)
    if original.protected:
        raise bad_request(f"the message can't be {'forwarded' if verb == 'forward' else 'copied'}")
    kind = "text messages" if original.file is None else f"{original.file.kind}s"
    chat = _destination(exchange, call, kind)
    formatted, source = FormattedText(original.text, original.entities), original.html
    fields: Json = {"file": original.file}
    if isinstance(call, ForwardMessage):
        fields["forwarded_from"] = original.forwarded_from or original
    else:
        fields["markup"] = read_markup(call.reply_markup)
        if call.caption is not None and original.file:
            formatted = read_caption(call.caption, call.parse_mode, call.caption_entities)
            source = call.caption
    return _store(exchange, chat, call, formatted, source, **fields)
