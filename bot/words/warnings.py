"""What people should know though it stops nothing: whole plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.models import Reason, WarningCode
from bot.words.actors import actor_words
from bot.words.causes import CAUSES, sentence_of
from bot.words.failures import stored_fault_words
from bot.words.filling import filled

_UTC = ZoneInfo("UTC")

_WORDS: Mapping[str, str] = {
    WarningCode.SETTING: "{said}",
    WarningCode.SHARED_BOT: "This bot serves {servers} too: set SERVER_NAME, and messages say which are from here.",
    WarningCode.SCHEDULE_UNREADABLE: "The schedule chosen in chat by {by} can't be followed, so SCHEDULE is: {said}",
    WarningCode.AUTO_DELETE: "{chat} deletes every message after {length}, backups and the pinned list of restore"
    " points too: turn its auto-delete timer off in the chat's settings.",
    WarningCode.DATED_AHEAD: "Backup {backup} is dated in the future ({at}): a wrong clock made it, and it counts as"
    " the oldest.",
    WarningCode.STORED_FAULTS: "{count} more archives in object stores are gone or damaged.",
    WarningCode.TOKEN_REFUSED: "Telegram refuses this bot's token (401 Unauthorized), which it accepted before. Backups"
    " to the disk and to other places go on. After a forced log-out this passes by itself, at the latest after half an"
    " hour; a token that was revoked never works again: copy BOT_TOKEN from @BotFather and restart the service.",
    WarningCode.CONFLICT: "Another process polls Telegram with this bot token; buttons may be answered there instead of"
    " here.",
    WarningCode.WEBHOOK: "This bot had a webhook set; it is deleted, since updates are polled for.",
    WarningCode.TOLD_TO_WAIT: "Telegram asks this bot to wait {seconds} s.",
    WarningCode.UNREACHED: "Telegram can't be reached: {said}",
}


def warning_words(why: Reason, timezone: ZoneInfo = _UTC) -> str:
    """Return what is to be known; empty where nothing is. Times are those of `timezone`."""
    if not why:
        return ""
    if why.code in CAUSES:
        return sentence_of(why)
    facts = dict(why.facts)
    if why.code == WarningCode.STORED_FAULT:
        store, stored, cause = (str(value) for _, value in why.facts[:3])
        return stored_fault_words(store, stored, Reason(cause, why.facts[3:]))
    said = {"by": actor_words(str(facts.get("by", "")))}
    if why.code == WarningCode.AUTO_DELETE:
        named = f" ({facts['name']})" if facts.get("name") else ""
        said |= {
            "chat": f"The chat {facts['address']}{named}" if "address" in facts else "This chat",
            "length": _length(int(facts.get("seconds", 0))),
        }
    if "at" in facts:
        said["at"] = date_time(datetime.fromisoformat(str(facts["at"])), timezone)
    said["servers"] = ", ".join(str(value) for fact, value in why.facts if fact == "server")
    return filled(_WORDS[why.code], facts | said)


def _length(seconds: int) -> str:
    days, hours = seconds / 86_400, seconds / 3600
    return f"{days:g} days" if days > 1 else "a day" if days == 1 else f"{hours:g} hours"
