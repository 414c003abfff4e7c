"""Queues updates per bot, delivers them by long polling, and keeps them for 24 hours."""

import asyncio

from aiogram.methods import GetUpdates

from bot.demo.stand_in.refusals import conflict
from bot.demo.stand_in.state import BotAccount, Chat, Json, Message, State
from bot.demo.stand_in.wire import chat_json, member_json, message_json

KEPT_SECONDS = 24 * 3600
LONGEST_POLL = 50
WEBHOOK_SET = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
ONLY_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds a bot gets only when allowed_updates names them."""


def queue_update(state: State, bot: BotAccount, kind: str, content: Json) -> None:
    """Put one update at the end of the bot's queue, unless the bot asked not to get that kind."""
    wanted = kind in bot.allowed_updates if bot.allowed_updates else kind not in ONLY_ON_REQUEST
    if wanted:
        bot.updates.append((state.clock.now(), {"update_id": bot.next_update_id, kind: content}))
        bot.next_update_id += 1
    state.changes.ring()


def announce_message(state: State, message: Message) -> None:
    """Tell the bots in that chat what a person wrote; a plain member of a group hears only what concerns it."""
    for bot in state.bots.values():
        if bot.id == message.sender_id or not _hears(state, bot, message):
            continue
        queue_update(state, bot, "message", message_json(state, bot, message))


def announce_pin(state: State, message: Message, *, by: int) -> None:
    """Put the line "… pinned a message" into the chat, and tell the bots there: who pinned it as well."""
    line = state.store_message(message.chat, sender_id=by, reply_to=message.id, pins=message)
    for bot in state.bots.values():
        if bot.id == by or _hears(state, bot, line):
            queue_update(state, bot, "message", message_json(state, bot, line))


def announce_standing(state: State, bot: BotAccount, chat: Chat, *, by: int, old: str, new: str) -> None:
    """Tell the bot that its own standing in a chat has changed."""
    content: Json = {
        "chat": chat_json(chat),
        "from": state.account(by).as_json(),
        "date": int(state.clock.now()),
        "old_chat_member": member_json(state, bot.id, old),
        "new_chat_member": member_json(state, bot.id, new),
    }
    queue_update(state, bot, "my_chat_member", content)


def _hears(state: State, bot: BotAccount, message: Message) -> bool:
    chat = message.chat
    if chat.type == "private":
        return state.private.get((bot.id, chat.id)) is chat
    match chat.standing(bot.id).status:
        case "administrator":
            return True
        case "member":
            # Privacy mode, which every bot has unless its owner turned it off.
            replied = chat.messages.get(message.reply_to or 0)
            mentioned = bool(bot.username) and f"@{bot.username}".lower() in message.text.lower()
            service = "message_auto_delete_timer_changed" in message.extra
            return (
                service
                or message.text.startswith("/")
                or mentioned
                or (replied is not None and replied.sender_id == bot.id)
            )
    return False


async def get_updates(state: State, bot: BotAccount, call: GetUpdates, closing: asyncio.Event) -> list[Json]:
    """Wait up to `timeout` seconds for updates; 409 while there is a webhook, and to the older of two waiting calls."""
    if bot.webhook:
        raise conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
        )
    if call.allowed_updates is not None:
        bot.allowed_updates = list(call.allowed_updates)
    _confirm(state, bot, call.offset or 0)
    me = bot.poller = object()
    state.changes.ring()
    await state.changes.until(
        lambda: bool(bot.updates or bot.poller is not me or closing.is_set()),
        within=min(max(call.timeout or 0, 0), LONGEST_POLL),
    )
    if bot.poller is not me:
        raise conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
    bot.poller = None
    limit = min(max(call.limit or 100, 1), 100)
    return [update for _, update in bot.updates[:limit]]


def _confirm(state: State, bot: BotAccount, offset: int) -> None:
    oldest = state.clock.now() - KEPT_SECONDS
    kept = [(came, update) for came, update in bot.updates if came >= oldest]
    if offset < 0:
        bot.updates = kept[offset:]
    else:
        bot.updates = [(came, update) for came, update in kept if update["update_id"] >= offset]
