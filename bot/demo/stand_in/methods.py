"""Maps the methods of the stand-in to the names they have on the wire."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.demo.stand_in import chats, editing, profile, sending
from bot.demo.stand_in.content import Exchange

Answering = Callable[[Exchange, Any], Awaitable[Any]]

ANSWERS: dict[str, Answering] = {
    "getMe": chats.get_me,
    "getMyShortDescription": profile.get_my_short_description,
    "setMyShortDescription": profile.set_my_short_description,
    "getMyDescription": profile.get_my_description,
    "setMyDescription": profile.set_my_description,
    "setMyName": profile.set_my_name,
    "getChat": chats.get_chat,
    "createForumTopic": chats.create_forum_topic,
    "sendChatAction": chats.send_chat_action,
    "answerCallbackQuery": chats.answer_callback_query,
    "setMyCommands": chats.set_my_commands,
    "deleteMyCommands": chats.delete_my_commands,
    "getFile": chats.get_file,
    "sendMessage": sending.send_message,
    "sendDocument": sending.send_document,
    "sendPhoto": sending.send_photo,
    "editMessageText": editing.edit_message_text,
    "editMessageMedia": editing.edit_message_media,
    "editMessageReplyMarkup": editing.edit_message_reply_markup,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "pinChatMessage": editing.pin_chat_message,
    "unpinChatMessage": editing.unpin_chat_message,
    "deleteWebhook": chats.delete_webhook,
    "getWebhookInfo": chats.get_webhook_info,
}
"""getUpdates is answered by the server itself: it concerns its queue, not a chat."""
