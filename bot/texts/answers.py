"""Short answers: to errors, to outdated buttons, to unknown messages, and after an action."""

from __future__ import annotations

from datetime import datetime

from bot.errors import CourierError
from bot.models import Delivery, DeliveryState
from bot.texts.backups import trouble_of
from bot.texts.markup import compose, hint, text
from bot.texts.measures import duration
from bot.words.outcomes import reason_words

# Answers to presses: plain text, at most 200 long.
STARTED = "Backup started."
UP_TO_DATE = "Up to date."
ON_ITS_WAY = "On its way to this chat."
PINNED = "Pinned: it stays until you unpin it."
UNPINNED = "Unpinned: it goes when its time comes."
UNPINNED_GONE = "Unpinned. Its archive is not on the disk any more."
DELETED = "Deleted."
PAUSED = "Paused. Manual backups still work."
RESUMED = "Resumed."
STALE = "This button no longer works. Here is a fresh menu."
EARLIER_LIST = "This button belongs to an earlier list of backups. Open Backup Status."
QUESTION_EXPIRED = "That question is too old. Please confirm again."
GONE_ALREADY = "Its archive is no longer on the server's disk."
PINNED_IS_KEPT = "It is pinned. Unpin it first."
ONLY_PRIVATE = "Please use the private chat with me."
UNKNOWN_MESSAGE = "I don't know what to do with this. /admin opens the menu."
MENU_IS_PRIVATE = "🔒 The menu lives in our private chat."
FORGOTTEN = "Hidden. Their backups stay; what is found again is backed up as before."
NOT_MISSED = "Done: they are missed here no longer. What lies in chats and stores stays there."
ANOTHER_BY_NOW = "That has changed meanwhile: look again."
LOG_ON_ITS_WAY = "The log file is on its way."
NOT_NOW = "Something went wrong: please look again."

# HTML.
ASK_PAUSE = (
    "⏸ <b>Pause scheduled backups?</b>\nManual Backup still works. At the end of the pause backups go on, a missed"
    " one at once."
)
RUN_ENDED = "⏹ <b>The run has ended.</b>\nIts result is in the history."


def earlier_list() -> str:
    """Return the answer to a button whose backup can't be told any more: its number may be another one's by now."""
    return (
        "🕰 <b>This button belongs to an earlier list of backups.</b>\nWhich one it meant can't be told any more, so"
        " nothing was done. What there is today is in Backup Status and in History."
    )


def failure(error: CourierError) -> str:
    """Return an error as the chat shows it: its sentence, and below it what to do."""
    return compose(f"⚠️ {text(error.sentence, 1500)}", hint(error))


def no_backup(error: CourierError) -> str:
    """Return the result of a manual run that made no backup."""
    return compose(
        "❌ <b>No backup was made</b>", text(error.sentence, 1500), hint(error), "", "Older backups are untouched."
    )


def not_now(error: CourierError) -> str:
    """Return the answer to a backup asked for while another process backs up, or while a restore runs."""
    return compose("✋ <b>Not now</b>", text(error.sentence, 1500), hint(error))


def stopped(error: CourierError) -> str:
    """Return the result of a run that a shutdown ended."""
    return compose("⏹ <b>Backup stopped</b>", text(error.sentence, 800), "It left nothing half done.")


def pasted_key() -> str:
    """Return the answer to a secret key in the chat: it is of no use here, and now others may have it."""
    return compose(
        "🔑 <b>That is a secret key. Delete your message now, for both sides.</b>",
        "I never take keys in the chat: whoever reads it here can open your backups.",
        "To restore, give it where <code>sqlite-courier restore</code> or <code>recover</code> asks for it. Best make a"
        " new key (<code>sqlite-courier keygen</code>) and set AGE_RECIPIENTS to it; keep the old one for old backups.",
    )


def apology(reference: str) -> str:
    """Return the answer to an error nobody foresaw; the reference leads to its traceback in the log."""
    return f"😕 Sorry, something went wrong here. The log has the details under <code>{reference}</code>."


def slow_down(seconds: float) -> str:
    """Return the answer when Telegram asks the bot to wait."""
    return f"Telegram asks me to slow down. Please try again in {duration(seconds)}."


def unknown_command(command: str) -> str:
    """Return the answer to a command the bot does not have."""
    return f"I don't know {text(command, 60)}. /admin opens the menu."


def not_sent(delivery: Delivery, now: datetime) -> str:
    """Return why a backup asked for again has not arrived."""
    said = reason_words(delivery.reason)
    reason = f"{trouble_of('This chat', said)}." if said else "Telegram did not take it yet."
    again = "It is kept and tried again."
    if delivery.state is DeliveryState.PENDING and delivery.next_try_at is not None:
        wait = (delivery.next_try_at - now).total_seconds()
        again = f"Next try in {duration(wait)}." if wait > 1 else again
    return f"⏳ Not sent yet. {reason} {again}"
