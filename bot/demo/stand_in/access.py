"""Resolves the chat of a call, and checks whether the bot may act there, as the server does."""

from bot.demo.stand_in.refusals import RefusalError, bad_request, forbidden, upgraded
from bot.demo.stand_in.state import BotAccount, Chat, Message, State

GENERAL_TOPIC = 1


def find_chat(state: State, bot: BotAccount, chat_id: int | str | None) -> Chat:
    """The chat that id names for this bot, whatever the bot may do there; 400 `chat not found` otherwise."""
    if chat_id in (None, ""):
        raise bad_request("chat_id is empty")
    try:
        number = int(chat_id or 0)
    except ValueError:
        raise bad_request("chat not found") from None
    if number in state.groups:
        return state.groups[number]
    if number not in state.people or state.private_chat(bot.id, number).standing(bot.id).status == "unknown":
        raise bad_request("chat not found")
    return state.private_chat(bot.id, number)


def open_chat(state: State, bot: BotAccount, chat_id: int | str | None) -> Chat:
    """The chat, when the bot may act there; else the 403 or 400 that says why not."""
    chat = find_chat(state, bot, chat_id)
    if refusal := _closed(bot, chat):
        raise refusal
    return chat


def _closed(bot: BotAccount, chat: Chat) -> RefusalError | None:
    if chat.migrated_to is not None:
        return upgraded(chat.migrated_to)
    status = chat.standing(bot.id).status
    if chat.type == "private":
        texts = {"kicked": "bot was blocked by the user", "new": "bot can't initiate conversation with a user"}
    else:
        texts = {
            "kicked": f"bot was kicked from the {chat.type} chat",
            "left": f"bot is not a member of the {chat.type} chat",
        }
    return forbidden(texts[status]) if status in texts else None


def check_thread(chat: Chat, bot: BotAccount, thread_id: int | None) -> int | None:
    """The topic to write to; "General" has no number, and naming it is an error."""
    if not thread_id:
        return None
    topic = chat.topics.get(thread_id)
    if topic is None or topic.deleted or thread_id == GENERAL_TOPIC:
        raise bad_request("message thread not found")
    if topic.closed and chat.standing(bot.id).status != "administrator":
        raise bad_request("TOPIC_CLOSED")
    return thread_id


def check_pin_rights(chat: Chat, bot: BotAccount) -> None:
    """In a private chat a bot may always pin, in a group its administrators may."""
    if chat.type != "private" and chat.standing(bot.id).status != "administrator":
        raise bad_request("not enough rights to manage pinned messages in the chat")


def find_message(chat: Chat, message_id: int | None, purpose: str) -> Message:
    """The message; `purpose` completes the refusal, as in `message to edit not found`."""
    message = chat.messages.get(message_id or 0)
    if message is None:
        raise bad_request(f"message to {purpose} not found")
    return message
