"""Encodes the server's values as the JSON objects of the Bot API."""

from typing import Any

from bot.demo.stand_in.state import BotAccount, Chat, Json, Message, State, StoredFile


def chat_json(chat: Chat) -> Json:
    """The Chat object."""
    json: Json = {"id": chat.id, "type": chat.type}
    json["first_name" if chat.type == "private" else "title"] = chat.title
    if chat.username:
        json["username"] = chat.username
    if chat.is_forum:
        json["is_forum"] = True
    return json


def message_json(state: State, bot: BotAccount, message: Message, *, nested: bool = False) -> Json:
    """The Message object as that bot sees it: file_ids are the bot's own; replies nest one level deep."""
    json: Json = {
        "message_id": message.id,
        "date": message.date,
        "chat": chat_json(message.chat),
        "from": state.account(message.sender_id).as_json(),
    }
    if message.edit_date:
        json["edit_date"] = message.edit_date
    if message.thread_id is not None:
        json |= {"message_thread_id": message.thread_id, "is_topic_message": True}
    if message.protected:
        json["has_protected_content"] = True
    if message.forwarded_from:
        json["forward_origin"] = _origin_json(state, message.forwarded_from)
    if message.pins:
        json["pinned_message"] = message_json(state, bot, message.pins, nested=True)
    elif message.reply_to and not nested and (replied := message.chat.messages.get(message.reply_to)):
        json["reply_to_message"] = message_json(state, bot, replied, nested=True)
    if message.file:
        json |= file_json(state, bot, message.file)
    prefix = "caption_" if message.file else ""
    if message.text:
        json["caption" if message.file else "text"] = message.text
    if message.entities:
        json[f"{prefix}entities"] = list(message.entities)
    # Only an inline keyboard belongs to the message; the others change the phone's own keyboard.
    if message.markup and "inline_keyboard" in message.markup:
        json["reply_markup"] = message.markup
    return json | message.extra


def _origin_json(state: State, origin: Message) -> Json:
    return {"type": "user", "sender_user": state.account(origin.sender_id).as_json(), "date": origin.date}


def file_json(state: State, bot: BotAccount, file: StoredFile) -> Json:
    """The part of a Message that holds its file."""
    ids: dict[str, Any] = {
        "file_id": state.file_id(bot, file),
        "file_unique_id": file.unique_id,
        "file_size": file.size,
    }
    if file.photo:
        return {"photo": [{**ids, "width": 1, "height": 1}]}  # no client of ours asks for its measures
    return {"document": {**ids, "file_name": file.name, "mime_type": file.mime_type}}


def member_json(state: State, user_id: int, status: str) -> Json:
    """A ChatMember object of the given status."""
    json: Json = {"status": status, "user": state.account(user_id).as_json()}
    match status:
        case "creator":
            json["is_anonymous"] = False
        case "kicked":
            json["until_date"] = 0
        case "administrator":
            rights = (
                "can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members can_change_info "
                "can_invite_users can_pin_messages can_manage_topics"
            )
            absent = (
                "can_be_edited is_anonymous can_promote_members can_post_stories can_edit_stories can_delete_stories "
                "can_send_welcome_messages"
            )
            json |= dict.fromkeys(rights.split(), True) | dict.fromkeys(absent.split(), False)
    return json


def full_chat_json(state: State, bot: BotAccount, chat: Chat) -> Json:
    """The ChatFullInfo object, with the newest pinned message."""
    gifts = "unlimited_gifts limited_gifts unique_gifts premium_subscription gifts_from_channels"
    json = chat_json(chat) | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts.split(), False),
    }
    if chat.auto_delete:
        json["message_auto_delete_time"] = chat.auto_delete
    if pinned := chat.newest_pinned():
        json["pinned_message"] = message_json(state, bot, pinned, nested=True)
    return json
