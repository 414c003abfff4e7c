"""Outcomes: what became of a delivery, a fetch, or an act in a chat; `bot/words/outcomes.py` says them."""

from __future__ import annotations

from enum import StrEnum


class OutcomeCode(StrEnum):
    """Why something was not delivered, not fetched, or not done in a chat; its facts are named in `bot/words/`."""

    # A chat, until a person does something.
    BLOCKED = "blocked"
    NOT_STARTED = "not started"
    ACCOUNT_DELETED = "account deleted"
    IS_BOT = "is a bot"
    REMOVED = "removed"
    NOT_IN_CHAT = "not in chat"
    GROUP_DELETED = "group deleted"
    NO_SUCH_CHAT = "no such chat"
    NO_TOPIC_RIGHT = "may not make topics"
    NO_TOPICS = "no topics"
    NO_FILES = "may not send files"
    NO_WRITING = "may not write"
    NO_ADMINISTRATOR = "no administrator"
    TOPIC_CLOSED = "topic closed"
    TOPIC_GONE = "topic gone"
    TOPIC_UNCHECKED = "topic unchecked"
    TOPIC_UNDER_WAY = "topic under way"

    # Telegram's answers.
    SLOW_DOWN = "slow down"
    MIGRATED = "migrated"
    TOKEN_REFUSED = "token refused"  # noqa: S105 - no secret
    LOGGED_OUT = "logged out"
    ANSWERS = "answers"
    SERVER_ERROR = "server error"
    NO_BOT_API = "no Bot API answer"
    VOLUME_TOO_LARGE = "volume too large"
    UNUSABLE_TEXT = "unusable text"
    FILE_ID_UNKNOWN = "file_id unknown"
    UNDELETABLE = "undeletable"
    BEFORE_THE_MOVE = "before the move"
    MESSAGE_GONE = "message gone"
    NOT_MODIFIED = "not modified"
    NOT_SHOWN = "not shown"
    NO_DOCUMENT = "no document"

    # The way to Telegram.
    SILENT = "silent"
    SILENT_FOR = "silent for"
    NO_INTERNET = "no internet"
    NO_SERVER = "no server"
    PROXY = "proxy"
    CERTIFICATE = "certificate"
    BROKEN = "broken"
    UNREACHABLE = "unreachable"
    NOT_HERE = "not here"

    # Files that Telegram, or a Bot API server of one's own, has to give back.
    FILE_GONE = "file gone"
    FILE_TOO_LARGE = "file too large"
    FILE_NOWHERE = "file nowhere"
    FILE_CUT = "file cut"
    NO_DOWNLOADS = "no downloads"
    NO_PATH = "no path"
    FILE_UNREADABLE = "file unreadable"
    DOWNLOAD_REFUSED = "download refused"
    DOWNLOAD_SLOW = "download slow"
    DOWNLOAD_BROKEN = "download broken"
    DOWNLOAD_LONG = "download long"
    DOWNLOAD_SHORT = "download short"
    TARGET_GONE = "target gone"

    # This side.
    ARCHIVE_UNREADABLE = "archive unreadable"
    ARCHIVE_CHANGED = "archive changed"
    FAILED_HERE = "failed here"
    NOT_SET_UP = "not set up"
    UNANSWERED = "unanswered"

    # Mail servers.
    MAIL_LIMIT = "mail limit"
    MAIL_LOGIN = "mail login"
    MAIL_NO_LOGIN = "mail without login"
    MAIL_CERTIFICATE = "mail certificate"
    MAIL_FULL = "mailbox full"
    MAIL_CONTENT = "mail content"
    MAIL_TOO_LARGE = "mail too large"
    MAIL_WANTS_LOGIN = "mail wants login"
    MAIL_RECIPIENT = "mail recipient"
    MAIL_SENDER = "mail sender"
    MAIL_ANSWERS = "mail answers"
    MAIL_SILENT = "mail silent"
    MAIL_BROKEN = "mail broken"
    MAIL_UNREACHABLE = "mail unreachable"
    MAIL_FAULT = "mail fault"

    # Object stores.
    NO_BUCKET = "no bucket"
    NO_CONTAINER = "no container"
    NO_BUCKET_NAME = "no bucket name"
    STORE_CLOCK = "store clock"
    SECRET_KEY = "secret key"  # noqa: S105 - no secret
    ACCESS_KEY = "access key"
    STORE_KEY = "store key"
    EXPIRED = "expired"
    REGION = "region"
    NO_RIGHTS = "no rights"
    NO_S3_KEYS = "no S3 keys"
    NO_GCS_KEYS = "no GCS keys"
    LOCKED_OUT = "locked out"
    MISCONFIGURED = "misconfigured"
    STORE_TOO_LARGE = "store too large"
    STORE_FULL = "store full"
    STORE_ANSWERS = "store answers"
    STORE_UNREACHABLE = "store unreachable"
    STORE_SILENT = "store silent"
    STORE_FAULT = "store fault"
    NAME_TAKEN = "name taken"
    STORED_OTHERWISE = "stored otherwise"
    INDEX_BUSY = "index busy"
    INDEX_TOO_LARGE = "index too large"
    OBJECT_CHANGED = "object changed"
    OBJECT_GONE = "object gone"


class DeliveryReason(StrEnum):
    """Why a backup is due to a recipient, is not, is not any more, or was not brought itself."""

    EVERY = "every"  # every backup is wanted there
    ASKED = "asked"  # it was asked for there
    FIRST_OF_DAY = "first of the day"
    NOBODY_ELSE = "nobody else"  # it would have gone to nobody

    DIGEST = "digest"  # was chosen there
    TROUBLE = "trouble only"
    DATABASES = "databases"  # none of those chosen there has changed
    UNCHANGED = "unchanged"

    PRUNED = "pruned"
    ARCHIVE_GONE = "archive gone"
    ARCHIVE_DELETED = "archive deleted"
    NEWER = "newer"
    NO_RECIPIENT = "no recipient"
    NEW_ID = "new id"

    TOLD_ONLY = "told only"
