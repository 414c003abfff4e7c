"""Warnings: what people should know though it stops nothing; `bot/words/warnings.py` has the words."""

from __future__ import annotations

from enum import StrEnum


class WarningCode(StrEnum):
    """What a status warns of, beside every `Cause`; its facts are named in `bot/words/`."""

    SETTING = "setting"
    SHARED_BOT = "shared bot"  # other servers send by it, and nothing says which one does
    SCHEDULE_UNREADABLE = "schedule unreadable"  # the one chosen in the chat
    AUTO_DELETE = "auto-delete"
    DATED_AHEAD = "dated ahead"
    STORED_FAULT = "stored fault"  # of an archive in an object store, with its `cause` and the facts of that
    STORED_FAULTS = "stored faults"

    # How the bot hears Telegram.
    TOKEN_REFUSED = "token refused"  # noqa: S105 - no secret
    CONFLICT = "conflict"
    WEBHOOK = "webhook"
    TOLD_TO_WAIT = "told to wait"
    UNREACHED = "unreached"
