"""Maps the methods of the stand-in to the names they have on the wire."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.demo.stand_in import chats, editing, sending
from bot.demo.stand_in.content import Exchange

Answering = Callable[[Exchange, Any], Awaitable[Any]]

ANSWERS: dict[str, Answering] = {
    "getMe": chats.get_me,
    "logOut": chats.log_out,
    "close": chats.close,
    "getChat": chats.get_chat,
    "getChatMember": chats.get_chat_member,
    "getChatAdministrators": chats.get_chat_administrators,
    "sendChatAction": chats.send_chat_action,
    "answerCallbackQuery": chats.answer_callback_query,
    "setMyCommands": chats.set_my_commands,
    "getMyCommands": chats.get_my_commands,
    "deleteMyCommands": chats.delete_my_commands,
    "getFile": chats.get_file,
    "sendMessage": sending.send_message,
    "sendDocument": sending.send_document,
    "sendPhoto": sending.send_photo,
    "sendMediaGroup": sending.send_media_group,
    "forwardMessage": sending.forward_message,
    "copyMessage": sending.copy_message,
    "editMessageText": editing.edit_message_text,
    "editMessageCaption": editing.edit_message_caption,
    "editMessageMedia": editing.edit_message_media,
    "editMessageReplyMarkup": editing.edit_message_reply_markup,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "pinChatMessage": editing.pin_chat_message,
    "unpinChatMessage": editing.unpin_chat_message,
    "unpinAllChatMessages": editing.unpin_all_chat_messages,
}
"""getUpdates and the webhook methods are answered by the server itself: they concern its queue, not a chat."""
