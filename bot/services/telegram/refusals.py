"""Lists the refusals of the Bot API and what each one means; imports no library."""

from __future__ import annotations

PRESS_START = "must open the bot and press Start"
# What stands in Telegram's 400 and 403 answers, and what the person has to do. All of these stay until they do it.
STANDING_REFUSALS = (
    ("bot was blocked by the user", "has blocked the bot: " + PRESS_START),
    ("user_is_blocked", "has blocked the bot: " + PRESS_START),
    ("can't initiate conversation", PRESS_START),
    ("user is deactivated", "this Telegram account was deleted: take it out of the settings"),
    ("can't send messages to the bot", "is a bot, and bots can't write to one another: take it out of the settings"),
    ("can't send messages to bots", "is a bot, and bots can't write to one another: take it out of the settings"),
    ("bot was kicked", "the bot was removed from this group: add it again"),
    ("not a member", "the bot is not in this group or channel: add it"),
    ("chat was deleted", "this group was deleted: take it out of the settings"),
    ("chat was deactivated", "this group was deleted: take it out of the settings"),
    ("chat not found", "Telegram knows no such chat: a person " + PRESS_START + ", to a group the bot must be added"),
    ("peer_id_invalid", "Telegram knows no such chat: a person " + PRESS_START + ", to a group the bot must be added"),
    ("not enough rights", "the bot may not send files there: an administrator must allow it"),
    ("have no write access", "the bot may not write there: an administrator must allow it"),
    ("chat_admin_required", "the bot must be an administrator there"),
    ("have no rights", "the bot may not send files there: an administrator must allow it"),
    ("chat_write_forbidden", "the bot may not send files there: an administrator must allow it"),
    ("chat_restricted", "the bot may not send files there: an administrator must allow it"),
    ("chat_send_docs_forbidden", "the bot may not send files there: an administrator must allow it"),
    ("need administrator rights", "the bot must be an administrator there"),
    ("topic_closed", "the topic is closed: open it again"),
    ("topic_deleted", "the topic is gone: name another one in the settings"),
    ("message thread not found", "the topic is gone: name another one in the settings"),
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
