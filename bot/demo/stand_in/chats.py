"""Implements the methods about the bot, its chats, commands, files and callback answers."""

import json
from pathlib import PurePosixPath

from aiogram.methods import (
    AnswerCallbackQuery,
    CreateForumTopic,
    DeleteMyCommands,
    DeleteWebhook,
    GetChat,
    GetFile,
    GetMe,
    GetWebhookInfo,
    SendChatAction,
    SetMyCommands,
)

from bot.demo.stand_in.access import find_chat, open_chat
from bot.demo.stand_in.content import Exchange
from bot.demo.stand_in.entities import utf16_length
from bot.demo.stand_in.refusals import bad_request
from bot.demo.stand_in.state import Alert, BotAccount, Json, StoredFile, open_topic
from bot.demo.stand_in.wire import full_chat_json

ANSWER_LIMIT = 200
COMMANDS_LIMIT = 100
TOPIC_NAME_LIMIT = 128
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


async def get_me(exchange: Exchange, _call: GetMe) -> Json:
    """Who the token belongs to."""
    abilities = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
    return exchange.bot.as_json() | abilities


async def delete_webhook(exchange: Exchange, call: DeleteWebhook) -> bool:
    """Let updates be polled for again; drop_pending_updates empties the queue, whether or not there was a webhook."""
    exchange.bot.webhook = ""
    if call.drop_pending_updates:
        exchange.bot.updates.clear()
    return True


async def get_webhook_info(exchange: Exchange, _call: GetWebhookInfo) -> Json:
    """Where the updates go; an empty address is no webhook."""
    waiting = len(exchange.bot.updates)
    return {"url": exchange.bot.webhook, "has_custom_certificate": False, "pending_update_count": waiting}


async def get_chat(exchange: Exchange, call: GetChat) -> Json:
    """Everything about a chat, its newest pinned message included."""
    chat = find_chat(exchange.state, exchange.bot, call.chat_id)
    if chat.type != "private":
        open_chat(exchange.state, exchange.bot, call.chat_id)
    elif chat.standing(exchange.bot.id).status == "new":
        # To write there is forbidden; to look at it, the bot would have to know it.
        raise bad_request("chat not found")
    return full_chat_json(exchange.state, exchange.bot, chat)


async def send_chat_action(exchange: Exchange, call: SendChatAction) -> bool:
    """Show "sending a file…"; kept in the log of calls only. The topic is not looked at, deleted or never there."""
    open_chat(exchange.state, exchange.bot, call.chat_id)
    return True


async def create_forum_topic(exchange: Exchange, call: CreateForumTopic) -> Json:
    """Open a topic of a forum, which its administrators may; its number is that of the line that opened it."""
    chat = open_chat(exchange.state, exchange.bot, call.chat_id)
    if not chat.is_forum:
        raise bad_request("the chat is not a forum")
    if chat.standing(exchange.bot.id).status != "administrator":
        raise bad_request("not enough rights to create a topic")
    name = call.name.strip()[:TOPIC_NAME_LIMIT]
    if not name:
        raise bad_request("TOPIC_TITLE_EMPTY")
    topic = open_topic(chat, name)
    exchange.state.changes.ring()
    return {"message_thread_id": topic.id, "name": name, "icon_color": 0x6FB9F0}


async def answer_callback_query(exchange: Exchange, call: AnswerCallbackQuery) -> bool:
    """Stop the clock on the button and show the text, if any, to who pressed it."""
    query = exchange.state.callbacks.get(call.callback_query_id)
    if query is None or query.bot_id != exchange.bot.id or exchange.state.clock.now() > query.expires_at:
        raise bad_request(TOO_OLD)
    if utf16_length(call.text or "") > ANSWER_LIMIT:
        raise bad_request("MESSAGE_TOO_LONG")
    query.answers.append(Alert(call.text or "", bool(call.show_alert), query.id, call.url))
    exchange.state.changes.ring()
    return True


async def set_my_commands(exchange: Exchange, call: SetMyCommands) -> bool:
    """Keep the commands of one scope and language."""
    if len(call.commands) > COMMANDS_LIMIT:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in call.commands:
        name = command.command.removeprefix("/")
        if not 1 <= len(name) <= 32 or not name.replace("_", "a").isalnum() or name != name.lower():
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(command.description) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    stored = [command.model_dump(exclude_none=True) for command in call.commands]
    exchange.bot.commands[_scope(exchange, call)] = stored
    exchange.state.changes.ring()
    return True


async def delete_my_commands(exchange: Exchange, call: DeleteMyCommands) -> bool:
    """Forget the commands of exactly that scope and language."""
    exchange.bot.commands.pop(_scope(exchange, call), None)
    exchange.state.changes.ring()
    return True


def scope_key(scope: Json, language: str = "") -> tuple[str, str]:
    """Where the commands of a scope are kept."""
    return json.dumps(scope, sort_keys=True), language


def _scope(exchange: Exchange, call: SetMyCommands | DeleteMyCommands) -> tuple[str, str]:
    scope: Json = call.scope.model_dump(exclude_none=True) if call.scope else {"type": "default"}
    if "chat_id" in scope:
        # A scope may name its chat by number, by digits or by @username.
        scope["chat_id"] = find_chat(exchange.state, exchange.bot, scope["chat_id"]).id
    return scope_key(scope, call.language_code or "")


async def get_file(exchange: Exchange, call: GetFile) -> Json:
    """Where to download a file: a path under /file/bot…/, in local mode an absolute path on this machine."""
    file = exchange.bot.files.get(call.file_id)
    if file is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    if exchange.download_limit is not None and file.size > exchange.download_limit:
        raise bad_request("file is too big")
    return {
        "file_id": call.file_id,
        "file_unique_id": file.unique_id,
        "file_size": file.size,
        "file_path": str(file.path.resolve()) if exchange.local else download_path(file),
    }


def download_path(file: StoredFile) -> str:
    """The path getFile gives out for a file."""
    return f"documents/file_{file.unique_id}{PurePosixPath(file.name).suffix}"


def file_at(bot: BotAccount, path: str) -> StoredFile | None:
    """The file of that bot behind a path from getFile."""
    return next((file for file in bot.files.values() if download_path(file) == path), None)
