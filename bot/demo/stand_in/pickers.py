"""Plays the keyboards that stand in the place of the phone's own, and Telegram's lists of people and groups."""

from collections.abc import Sequence

from bot.demo.stand_in.refusals import bad_request
from bot.demo.stand_in.state import Account, BotAccount, Chat, Json

_MEMBERS = ("member", "administrator", "creator")
_PRIVATE_ONLY = {
    "request_users": "users can be requested in private chats only",
    "request_chat": "chats can be requested in private chats only",
}


def check_keyboard(chat: Chat, markup: Json | None) -> None:
    """Refuse buttons that only private chats have, as the server does."""
    for row in (markup or {}).get("keyboard", []):
        for button in row:
            for kind, refusal in _PRIVATE_ONLY.items():
                if button.get(kind) is not None and chat.type != "private":
                    raise bad_request(refusal)


def shown_keyboard(chat: Chat) -> list[list[Json]]:
    """The keyboard below the text field: that of the newest message that brought one or took it away."""
    for message in reversed(chat.messages.values()):
        markup = message.markup or {}
        if "remove_keyboard" in markup:
            return []
        if "keyboard" in markup:
            rows: list[list[Json]] = markup["keyboard"]
            return rows
    return []


def find_button(chat: Chat, wanted: str) -> Json:
    """The button of that keyboard with these words. Raises LookupError naming those that are there."""
    buttons = [button for row in shown_keyboard(chat) for button in row]
    found = next((button for button in buttons if wanted in button["text"]), None)
    if found is None:
        raise LookupError(f"no button {wanted!r} below the text field; there are {[one['text'] for one in buttons]}")
    return found


def share_people(button: Json, people: Sequence[Account]) -> Json:
    """What the service message holds. Raises LookupError where the list would not offer them."""
    request = button.get("request_users")
    if request is None:
        raise LookupError(f"{button['text']!r} asks for no people")
    if len(people) > request.get("max_quantity", 1):
        raise LookupError("so many can't be chosen")
    if any(request.get("user_is_bot") not in (None, one.is_bot) for one in people):
        raise LookupError("the list does not offer them")
    shared = []
    for one in people:
        name = {"first_name": one.first_name} if request.get("request_name") else {}
        shared.append({"user_id": one.id, **name})
    return {"users_shared": {"request_id": request["request_id"], "users": shared}}


def share_chat(button: Json, chat: Chat, bot: BotAccount) -> Json:
    """What the service message holds. Raises LookupError where the list would not offer the chat."""
    request = button.get("request_chat")
    if request is None:
        raise LookupError(f"{button['text']!r} asks for no chat")
    if request["chat_is_channel"] or (request.get("bot_is_member") and chat.standing(bot.id).status not in _MEMBERS):
        raise LookupError("the list does not offer this chat")
    title = {"title": chat.title} if request.get("request_title") else {}
    return {"chat_shared": {"request_id": request["request_id"], "chat_id": chat.id, **title}}
