"""Alarms: the trouble and its beginning, its end, and the short form for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.models import Alarm
from bot.services.alarms.alarms import GONE, SHRUNKEN
from bot.texts.markup import FittedList, compose, one_line, sentence, text
from bot.texts.measures import age, count, duration, moment

RIGHT = "👍 It is right"
LATER = "🔕 Not for 24 h"

# Answers to presses: plain text, at most 200 long.
HUSHED = "You are not reminded of this for 24 hours, unless it ends before."
OVER_ALREADY = "This alarm is over already."
ACCEPTED = {
    SHRUNKEN: "Accepted: from now on this is the level to compare with.",
    GONE: "Accepted: it is missed no longer. If it comes back, it is backed up as before.",
}


def alarm(seen: Alarm, now: datetime, reminder: timedelta, timezone: ZoneInfo) -> str:
    """Return the one message of an open alarm."""
    lasting = (now - seen.began_at).total_seconds()
    since = f"Since {moment(seen.began_at, now, timezone)}" + (f", for {duration(lasting)} now" if lasting > 60 else "")
    again = f" · repeated every {duration(reminder.total_seconds())} until it ends" if reminder else ""
    return compose(f"🚨 <b>{text(seen.title, 120)}</b>", text(seen.sentence, 1800), "", f"<i>{since}{again}</i>")


def alarm_over(seen: Alarm, timezone: ZoneInfo) -> str:
    """Return what the message of an alarm becomes at its end: nothing in it looks like an alarm any more."""
    return compose(
        f"✅ <b>{_outcome(seen)}</b>",
        text(seen.ending, 600) if seen.ending else None,
        "",
        f"<i>It was: {text(seen.title, 120)}, {_span(seen, timezone)}. {text(seen.sentence, 800)}</i>",
    )


def alarm_recovered(seen: Alarm) -> str:
    """Return the short word that an alarm is over."""
    return compose(f"✅ {_outcome(seen)}: {text(seen.title, 120)}", text(seen.ending, 300) if seen.ending else None)


def alarm_moved(seen: Alarm) -> str:
    """Return what is left of a message that can't be deleted any more and stands further down anew."""
    return f"⬇️ {text(seen.title, 120)}: see below"


def on_phone(seen: Alarm, now: datetime) -> tuple[str, str]:
    """Return title and body of an alarm or of its end, as plain text."""
    if seen.ended_at is not None:
        return f"✅ {_outcome(seen)}: {one_line(seen.title)}", one_line(seen.ending or seen.sentence)
    lasting = (now - seen.began_at).total_seconds()
    still = f" (for {duration(lasting)} now)" if lasting > 60 else ""
    return f"🚨 {one_line(seen.title)}{still}", one_line(seen.sentence)


def open_alarms(alarms: Sequence[Alarm], now: datetime) -> tuple[str | FittedList, ...]:
    """Return the section that stands first on Backup Status and System Health; () while all is well."""
    if not alarms:
        return ()
    lines = (f"🚨 <b>{text(a.title, 80)}</b> ({age(a.began_at, now)}): {text(a.sentence, 160)}" for a in alarms)
    return (f"<b>{count(len(alarms), 'open alarm')}</b>", FittedList(tuple(lines), 6), "")


def _outcome(seen: Alarm) -> str:
    if seen.ended_at is None:
        return "Open"
    lasted = duration((seen.ended_at - seen.began_at).total_seconds())
    return f"Accepted after {lasted}" if seen.accepted else f"Recovered after {lasted}"


def _span(seen: Alarm, timezone: ZoneInfo) -> str:
    ended = seen.ended_at or seen.began_at
    return f"{moment(seen.began_at, ended, timezone)} to {sentence(moment(ended, ended, timezone)).lower()}"
