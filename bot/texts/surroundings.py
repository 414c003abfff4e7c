"""What alarms about the surroundings say: the clock, the token, the bot, its server. Plain text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import Alarm
from bot.texts.measures import count, duration
from bot.words.outcomes import reason_words

_HOUR = 60  # minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmWords:
    """`title` and `over` are a few words, the others sentences. `was` completes "It was … for 3 h"; may be empty."""

    title: str
    what: str
    mend: str = ""
    over: str
    was: str = ""


def clock(alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    """Return the words of a clock that is wrong."""
    minutes = alarm.number("minutes")
    far = count(abs(minutes), "minute") if abs(minutes) < _HOUR else duration(abs(minutes) * 60)
    wrong = f"{far} {'fast' if minutes > 0 else 'slow'}" if minutes else "wrong"
    return AlarmWords(
        title="The clock is wrong",
        what=f"This server's clock is {wrong} by Telegram's. Backups get wrong names and come at wrong times.",
        mend="Turn on time synchronisation: timedatectl set-ntp true",
        over="The clock is right again",
    )


def conflict(_alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    """Return the words of somebody else who polls."""
    return AlarmWords(
        title="Another process uses this bot",
        what="It polls Telegram with this bot's token: presses of buttons may be answered there instead of here.",
        mend="Stop it, set RECEIVE=off for all but one, or give it a bot of its own.",
        over="Nobody else uses this bot any more",
    )


def token(_alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    """Return the words of a token that is refused."""
    return AlarmWords(
        title="Telegram refuses the bot's token",
        what="It accepted it before (401). Backups go on, to the disk and to other places; the chats get theirs "
        "afterwards.",
        mend="After a forced log-out that is within half an hour. A token that was revoked never works again: copy "
        "BOT_TOKEN from @BotFather, and restart.",
        over="Telegram accepts the token again",
    )


def new_bot(alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    """Return the words of another bot."""
    old, new = alarm.fact("old"), alarm.fact("new")
    which = f"BOT_TOKEN is now that of bot {new}; until now bot {old} served here. " if new and old else ""
    return AlarmWords(
        title="Another bot serves here now",
        what=f"{which}What the old bot has delivered stays in its chats, and can be forwarded to the new one.",
        mend="Every admin must open the new bot and press Start.",
        over="Every admin has pressed Start",
    )


def local_files(alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    """Return the words of files that can't be read."""
    said = reason_words(alarm.why)
    return AlarmWords(
        title="The Bot API server's files can't be read",
        what=(f"TELEGRAM_LOCAL is true, but {said}. " if said else "")
        + "Backups go out, but until then nothing can be restored or test-restored from Telegram, and nothing that is "
        "sent to the bot can be opened.",
        over="The Bot API server's files can be read here",
    )
