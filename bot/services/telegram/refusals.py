"""Lists the refusals of the Bot API and what each one means; imports no library."""

from __future__ import annotations

from bot.models import OutcomeCode

# What is in the way, and what stands in Telegram's 400 and 403 answers. All of these stay until they do it.
STANDING_REFUSALS = (
    (OutcomeCode.BLOCKED, ("bot was blocked by the user", "user_is_blocked")),
    (OutcomeCode.NOT_STARTED, ("can't initiate conversation",)),
    (OutcomeCode.ACCOUNT_DELETED, ("user is deactivated",)),
    (OutcomeCode.IS_BOT, ("can't send messages to the bot", "can't send messages to bots")),
    (OutcomeCode.REMOVED, ("bot was kicked",)),
    (OutcomeCode.NOT_IN_CHAT, ("not a member",)),
    (OutcomeCode.GROUP_DELETED, ("chat was deleted", "chat was deactivated")),
    (OutcomeCode.NO_SUCH_CHAT, ("chat not found", "peer_id_invalid")),
    (OutcomeCode.NO_TOPIC_RIGHT, ("not enough rights to create a topic",)),
    (OutcomeCode.NO_TOPICS, ("chat is not a forum",)),
    (
        OutcomeCode.NO_FILES,
        ("not enough rights", "have no rights", "chat_write_forbidden", "chat_restricted", "chat_send_docs_forbidden"),
    ),
    (OutcomeCode.NO_WRITING, ("have no write access",)),
    (OutcomeCode.NO_ADMINISTRATOR, ("chat_admin_required", "need administrator rights")),
    (OutcomeCode.TOPIC_CLOSED, ("topic_closed",)),
)
GONE_TOPICS = ("topic_deleted", "message thread not found")
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
