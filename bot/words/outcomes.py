"""What kept something from being delivered, fetched or done in a chat, and what mends it: a line for each reason."""

from __future__ import annotations

from collections.abc import Mapping

from bot.models import OTHER, DeliveryReason, OutcomeCode, Reason
from bot.words.filling import filled

_START = "must open the bot and press Start"
_KEYS = "check the access key in the settings"

_WORDS: Mapping[str, str] = {
    OTHER: "{said}",
    OutcomeCode.BLOCKED: "has blocked the bot, and must open it again and press Start",
    OutcomeCode.NOT_STARTED: _START,
    OutcomeCode.ACCOUNT_DELETED: "this Telegram account was deleted: take it out of the settings",
    OutcomeCode.IS_BOT: "is a bot, and bots can't write to one another: take it out of the settings",
    OutcomeCode.REMOVED: "the bot was removed from this group: add it again",
    OutcomeCode.NOT_IN_CHAT: "the bot is not in this group or channel: add it",
    OutcomeCode.GROUP_DELETED: "this group was deleted: take it out of the settings",
    OutcomeCode.NO_SUCH_CHAT: f"Telegram does not know it: a person {_START}, a group must add the bot",
    OutcomeCode.NO_TOPIC_RIGHT: "the bot may not make topics there: make it an administrator who may manage topics",
    OutcomeCode.NO_TOPICS: "this group has no topics: turn them on in its settings, or name the group without /auto",
    OutcomeCode.NO_FILES: "the bot may not send files there: an administrator must allow it",
    OutcomeCode.NO_WRITING: "the bot may not write there: an administrator must allow it",
    OutcomeCode.NO_ADMINISTRATOR: "the bot must be an administrator there",
    OutcomeCode.TOPIC_CLOSED: "the topic is closed: open it again",
    OutcomeCode.TOPIC_GONE: "the topic is gone: name another one in the settings",
    OutcomeCode.TOPIC_UNCHECKED: "the group is there; whether its topic is, only a message shows",
    OutcomeCode.TOPIC_UNDER_WAY: "its topic is being made",
    OutcomeCode.SLOW_DOWN: "Telegram asks to wait {seconds} s",
    OutcomeCode.MIGRATED: "the group became a supergroup",
    OutcomeCode.TOKEN_REFUSED: "Telegram does not accept the bot's token",
    OutcomeCode.LOGGED_OUT: "this bot was logged out of this Bot API server",
    OutcomeCode.ANSWERS: "Telegram answers: {said}",
    OutcomeCode.SERVER_ERROR: "Telegram answers with a server error",
    OutcomeCode.NO_BOT_API: "Telegram answers with something that is no Bot API answer",
    OutcomeCode.VOLUME_TOO_LARGE: "the volume is too large for this Telegram server: set a smaller VOLUME_SIZE_MB",
    OutcomeCode.UNUSABLE_TEXT: "Telegram can't use the text: {said}",
    OutcomeCode.FILE_ID_UNKNOWN: "Telegram no longer knows this file_id",
    OutcomeCode.UNDELETABLE: "message can't be deleted",
    OutcomeCode.BEFORE_THE_MOVE: "it was sent before the group became a supergroup",
    OutcomeCode.MESSAGE_GONE: "the message is no longer there",
    OutcomeCode.NOT_MODIFIED: "nothing changed",
    OutcomeCode.NOT_SHOWN: "Telegram does not show the edited message",
    OutcomeCode.NO_DOCUMENT: "Telegram shows the message without its document",
    OutcomeCode.SILENT: "Telegram did not answer in time",
    OutcomeCode.SILENT_FOR: "does not answer within {seconds} s",
    OutcomeCode.NO_INTERNET: "Telegram can't be reached: no internet, or PROXY is needed",
    OutcomeCode.NO_SERVER: "nothing answers at {server}, the Bot API server of TELEGRAM_API",
    OutcomeCode.PROXY: "the proxy of PROXY does not answer, or does not let this bot through",
    OutcomeCode.CERTIFICATE: "the certificate is not Telegram's: the clock is wrong, or something is in between",
    OutcomeCode.BROKEN: "the connection to Telegram broke: {said}",
    OutcomeCode.UNREACHABLE: "Telegram can't be reached: {said}",
    OutcomeCode.NOT_HERE: "this process does not talk to Telegram",
    OutcomeCode.FILE_GONE: "Telegram no longer gives out this file: its file_id is from another bot, or the file is"
    " gone",
    OutcomeCode.FILE_TOO_LARGE: "Telegram's cloud lets no bot download a file over 20 MB: download it in the chat by"
    " hand, or set TELEGRAM_API to a Bot API server of your own",
    OutcomeCode.FILE_NOWHERE: "Telegram does not say where the file is",
    OutcomeCode.FILE_CUT: "Telegram holds {bytes:,} bytes instead of {expected:,}",
    OutcomeCode.NO_DOWNLOADS: "the Bot API server runs with --local and offers no downloads: set TELEGRAM_LOCAL=true",
    OutcomeCode.NO_PATH: "the Bot API server names no path: it must run with --local, or TELEGRAM_LOCAL must be false",
    OutcomeCode.FILE_UNREADABLE: "the Bot API server's file can't be read here ({said}): mount its folder {folder} here"
    " under the same path, readable for the user of the courier",
    OutcomeCode.DOWNLOAD_REFUSED: "the download is answered with {status}",
    OutcomeCode.DOWNLOAD_SLOW: "the download took too long",
    OutcomeCode.DOWNLOAD_BROKEN: "the download broke off ({said})",
    OutcomeCode.DOWNLOAD_LONG: "the download brings more than the {expected:,} bytes it should",
    OutcomeCode.DOWNLOAD_SHORT: "the download ended after {bytes:,} of {expected:,} bytes",
    OutcomeCode.TARGET_GONE: "{file} is gone",
    OutcomeCode.ARCHIVE_UNREADABLE: "the archive can't be read: {said}",
    OutcomeCode.ARCHIVE_CHANGED: "the archive on the disk is not the one that was proven any more",
    OutcomeCode.FAILED_HERE: "sending it failed here ({said})",
    OutcomeCode.NOT_SET_UP: "is not in the settings of this process",
    OutcomeCode.UNANSWERED: "{volume} went out whole {times} times and no answer came: look whether it is in the chat."
    " It is not sent again by itself; a smaller VOLUME_SIZE_MB helps",
    OutcomeCode.MAIL_LIMIT: "the mail server takes {megabytes} MB at most: set a smaller EMAIL_MAX_MB",
    OutcomeCode.MAIL_LOGIN: "the mail server does not accept the user or the password: check SMTP_URL and"
    " SMTP_PASSWORD",
    OutcomeCode.MAIL_NO_LOGIN: "the mail server offers no such login or encryption: check the scheme and the port of"
    " SMTP_URL",
    OutcomeCode.MAIL_CERTIFICATE: "its certificate is not trusted: check the server's name in SMTP_URL",
    OutcomeCode.MAIL_FULL: "the mail server answers {said}: the mailbox is full, make room in it",
    OutcomeCode.MAIL_CONTENT: "the mail server answers {said}: the content is refused, as some servers do with ZIPs;"
    " deliver elsewhere",
    OutcomeCode.MAIL_TOO_LARGE: "the mail server answers {said}: the mail is too large there, set a smaller"
    " EMAIL_MAX_MB",
    OutcomeCode.MAIL_WANTS_LOGIN: "the mail server answers {said}: it wants a user and a password, or encryption"
    " (smtp+starttls://)",
    OutcomeCode.MAIL_RECIPIENT: "the mail server answers {said}: check EMAIL_TO",
    OutcomeCode.MAIL_SENDER: "the mail server answers {said}: check EMAIL_FROM",
    OutcomeCode.MAIL_ANSWERS: "the mail server answers {said}",
    OutcomeCode.MAIL_SILENT: "the mail server did not answer in time",
    OutcomeCode.MAIL_BROKEN: "the connection to the mail server broke",
    OutcomeCode.MAIL_UNREACHABLE: "the mail server can't be reached",
    OutcomeCode.MAIL_FAULT: "the mail server can't be used: {said}",
    OutcomeCode.NO_BUCKET: "there is no such bucket: create it, or mend OBJECT_STORES",
    OutcomeCode.NO_CONTAINER: "there is no such container: create it, or mend OBJECT_STORES",
    OutcomeCode.NO_BUCKET_NAME: "this is no bucket's name: mend OBJECT_STORES",
    OutcomeCode.STORE_CLOCK: "the clock of this machine is wrong, so the store refuses its signature: set it",
    OutcomeCode.SECRET_KEY: f"the store does not accept the secret key: {_KEYS}",
    OutcomeCode.ACCESS_KEY: f"the store does not know this access key: {_KEYS}",
    OutcomeCode.STORE_KEY: f"the store does not accept the key: {_KEYS}",
    OutcomeCode.EXPIRED: f"the credentials have expired: {_KEYS}",
    OutcomeCode.REGION: "the bucket is in another region: set S3_REGION",
    OutcomeCode.NO_RIGHTS: "the access key may not do this here: allow it to read, write, list and delete under the"
    " prefix",
    OutcomeCode.NO_S3_KEYS: "there are no credentials for it: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY",
    OutcomeCode.NO_GCS_KEYS: "there are no credentials for it: set GCS_SERVICE_ACCOUNT_FILE",
    OutcomeCode.LOCKED_OUT: f"the store does not let us in: {_KEYS}",
    OutcomeCode.MISCONFIGURED: "it can't be used as it is set up: {said}",
    OutcomeCode.STORE_TOO_LARGE: "the archive is larger than the store takes",
    OutcomeCode.STORE_FULL: "the store is full: free some space there, or raise its quota",
    OutcomeCode.STORE_ANSWERS: "the store answers {said}",
    OutcomeCode.STORE_UNREACHABLE: "the store can't be reached",
    OutcomeCode.STORE_SILENT: "the store did not answer in time",
    OutcomeCode.STORE_FAULT: "the store can't be used: {said}",
    OutcomeCode.NAME_TAKEN: "something else of the name {object} lies there: give each service a prefix of its own",
    OutcomeCode.STORED_OTHERWISE: "the store took the archive, but shows something else in its place",
    OutcomeCode.INDEX_BUSY: "{object} is being written by another service all the time: give each a prefix of its own",
    OutcomeCode.INDEX_TOO_LARGE: "{object} is larger than any index of ours: move it away there, and a new one is"
    " begun",
    OutcomeCode.OBJECT_CHANGED: "{object} was changed by somebody else meanwhile",
    OutcomeCode.OBJECT_GONE: "{object} is no longer there",
    DeliveryReason.DIGEST: "the daily digest was chosen there",
    DeliveryReason.TROUBLE: "trouble only was chosen there",
    DeliveryReason.DATABASES: "none of the databases chosen there has changed",
    DeliveryReason.UNCHANGED: "unchanged since backup {backup}, which is there",
    DeliveryReason.PRUNED: "archive pruned",
    DeliveryReason.ARCHIVE_GONE: "the archive is gone from the disk",
    DeliveryReason.ARCHIVE_DELETED: "the archive was deleted before it could be sent",
    DeliveryReason.NEWER: "a newer backup took its place: {archive}",
    DeliveryReason.NO_RECIPIENT: "not a recipient any more",
    DeliveryReason.NEW_ID: "the chat has a new id",
    DeliveryReason.TOLD_ONLY: "told only, the archive is too large for mail (EMAIL_MAX_MB, EMAIL_MAX_MAILS)",
}


def reason_words(reason: Reason) -> str:
    """Return a reason in a line without a full stop, fit to follow a name and a colon; empty where there is none."""
    return filled(_WORDS[reason.code], dict(reason.facts)) if reason else ""
