"""Lists the refusals of the Bot API and what each one means; imports no library."""

from __future__ import annotations

from bot.services.contracts.destination import PRESS_START

# What the person has to do, and what stands in Telegram's 400 and 403 answers. All of these stay until they do it.
STANDING_REFUSALS = (
    ("has blocked the bot: " + PRESS_START, ("bot was blocked by the user", "user_is_blocked")),
    (PRESS_START, ("can't initiate conversation",)),
    ("this Telegram account was deleted: take it out of the settings", ("user is deactivated",)),
    (
        "is a bot, and bots can't write to one another: take it out of the settings",
        ("can't send messages to the bot", "can't send messages to bots"),
    ),
    ("the bot was removed from this group: add it again", ("bot was kicked",)),
    ("the bot is not in this group or channel: add it", ("not a member",)),
    ("this group was deleted: take it out of the settings", ("chat was deleted", "chat was deactivated")),
    (
        "Telegram knows no such chat: a person " + PRESS_START + ", to a group the bot must be added",
        ("chat not found", "peer_id_invalid"),
    ),
    (
        "the bot may not make topics there: make it an administrator who may manage topics",
        ("not enough rights to create a topic",),
    ),
    (
        "this group has no topics: turn them on in its settings, or name the group without /auto",
        ("chat is not a forum",),
    ),
    (
        "the bot may not send files there: an administrator must allow it",
        ("not enough rights", "have no rights", "chat_write_forbidden", "chat_restricted", "chat_send_docs_forbidden"),
    ),
    ("the bot may not write there: an administrator must allow it", ("have no write access",)),
    ("the bot must be an administrator there", ("chat_admin_required", "need administrator rights")),
    ("the topic is closed: open it again", ("topic_closed",)),
)
TOPIC_GONE, GONE_TOPICS = (
    "the topic is gone: name another one in the settings",
    ("topic_deleted", "message thread not found"),
)
STALE_FILES = (
    "wrong file identifier",
    "wrong remote file",
    "wrong file_id",
    "invalid file_id",
    "invalid remote file identifier",
    "media_empty",
    "can't use file of type",
)
GONE_MESSAGES = (
    "message to edit not found",
    "message can't be edited",
    "message media can't be edited",
    "message to delete not found",
    "message_id_invalid",
    "message to pin not found",
)
UNDELETABLE_MESSAGES = ("message can't be deleted", "message_delete_forbidden")
UNUSABLE_TEXTS = ("can't parse entities", "caption is too long", "text is too long", "message is too long")
