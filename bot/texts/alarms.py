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


def alarm(alarm: Alarm, now: datetime, reminder: timedelta, timezone: ZoneInfo) -> str:
    """Return the one message of an open alarm."""
    lasting = (now - alarm.began_at).total_seconds()
    since = f"Since {moment(alarm.began_at, now, timezone)}" + (
        f", for {duration(lasting)} now" if lasting > 60 else ""
    )
    again = f" · repeated every {duration(reminder.total_seconds())} until it ends" if reminder else ""
    return compose(f"🚨 <b>{text(alarm.title, 120)}</b>", text(alarm.sentence, 1800), "", f"<i>{since}{again}</i>")


def alarm_over(alarm: Alarm, timezone: ZoneInfo) -> str:
    """Return what the message of an alarm becomes at its end: nothing in it looks like an alarm any more."""
    return compose(
        f"✅ <b>{_outcome(alarm)}</b>",
        text(alarm.ending, 600) if alarm.ending else None,
        "",
        f"<i>It was: {text(alarm.title, 120)}, {_span(alarm, timezone)}. {text(alarm.sentence, 800)}</i>",
    )


def alarm_recovered(alarm: Alarm) -> str:
    """Return the short word that an alarm is over."""
    return compose(f"✅ {_outcome(alarm)}: {text(alarm.title, 120)}", text(alarm.ending, 300) if alarm.ending else None)


def alarm_moved(alarm: Alarm) -> str:
    """Return what is left of a message that can't be deleted any more and stands further down anew."""
    return f"⬇️ {text(alarm.title, 120)}: see below"


def on_phone(alarm: Alarm, now: datetime, *, server: str = "") -> tuple[str, str]:
    """Return title and body of an alarm or of its end, as plain text, after the name of the server."""
    title, body = _plain(alarm, now)
    return f"{one_line(server)}: {title}" if server else title, body


def _plain(alarm: Alarm, now: datetime) -> tuple[str, str]:
    if alarm.ended_at is not None:
        return f"✅ {_outcome(alarm)}: {one_line(alarm.title)}", one_line(alarm.ending or alarm.sentence)
    lasting = (now - alarm.began_at).total_seconds()
    still = f" (for {duration(lasting)} now)" if lasting > 60 else ""
    return f"🚨 {one_line(alarm.title)}{still}", one_line(alarm.sentence)


def open_alarms(alarms: Sequence[Alarm], now: datetime) -> tuple[str | FittedList, ...]:
    """Return the section that stands first on Backup Status and System Health; () while all is well."""
    if not alarms:
        return ()
    lines = (f"🚨 <b>{text(a.title, 80)}</b> ({age(a.began_at, now)}): {text(a.sentence, 160)}" for a in alarms)
    return (f"<b>{count(len(alarms), 'open alarm')}</b>", FittedList(tuple(lines), 6), "")


def _outcome(alarm: Alarm) -> str:
    if alarm.ended_at is None:
        return "Open"
    lasted = duration((alarm.ended_at - alarm.began_at).total_seconds())
    return f"Accepted after {lasted}" if alarm.accepted else f"Recovered after {lasted}"


def _span(alarm: Alarm, timezone: ZoneInfo) -> str:
    ended = alarm.ended_at or alarm.began_at
    return f"{moment(alarm.began_at, ended, timezone)} to {sentence(moment(ended, ended, timezone)).lower()}"
