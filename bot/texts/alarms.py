"""Alarms: what happened and what to do, what is good again at the end, and the short form for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.models import Alarm, AlarmAct, AlarmKind
from bot.texts.alarm_words import words_of
from bot.texts.answers import NOT_MISSED
from bot.texts.markup import FittedList, compose, one_line, text
from bot.texts.measures import age, duration, instant, moment
from bot.words.actors import actor_words

LATER = "🔕 Mute for 24 h"
FINE = "👍 This is fine"
REMOVED = "👍 Removed on purpose"
ALL_REMOVED = "👍 All removed on purpose"
RESTORE = "♻️ Restore it"
RESUME = "▶️ Resume"
AGAIN = "🔁 Try again"
BACK_UP = "💾 Back up now"
SHOW = "🗄 Show databases"
OPEN = "🔍 That backup"
INVITE = "📨 Invitation to forward"

# Answers to presses: plain text, at most 200 long.
HUSHED = "You are not reminded of this for 24 hours, unless it ends before."
OVER_ALREADY = "This alarm is over already."
ACCEPTED = {
    AlarmKind.SHRUNKEN: "Accepted: from now on this is the level to compare with.",
    AlarmKind.GONE: "Done: it is missed no longer. If it comes back, it is backed up as before.",
    AlarmKind.SKIPPED: "Done: it is missed no longer. If it comes back, it is backed up as before.",
    AlarmKind.LOST: NOT_MISSED,
}
NOT_PAUSED = "Backups are not paused any more."

_ACTS = {
    AlarmAct.RESTORE: "♻️ {} looks at a restore",
    AlarmAct.RESUME: "▶️ {} has resumed the backups",
    AlarmAct.AGAIN: "🔁 {} has started a backup",
}


def done_already(by: str) -> str:
    """Return the answer to a press that somebody else made a moment ago."""
    return f"{actor_words(by)} has just done that."


def icon(alarm: Alarm) -> str:
    """Return the mark of an open alarm: that of the verdict on the same."""
    milder = alarm.kind == AlarmKind.UNREACHABLE or (alarm.kind == AlarmKind.LOST and not alarm.number("alone"))
    return "⚠️" if milder else "🚨"


def alarm(alarm: Alarm, now: datetime, reminder: timedelta, quiet_until: datetime | None, timezone: ZoneInfo) -> str:
    """Return the one message of an open alarm; with `quiet_until` its reader wants no reminder before."""
    words = words_of(alarm, now, timezone)
    lasting = (now - alarm.began_at).total_seconds()
    since = f"Since {_since(alarm.began_at, now, timezone)}" + (
        f", for {duration(lasting)} now" if lasting > 60 else ""
    )
    if quiet_until is not None:
        again = f" · 🔕 muted until {_at(quiet_until, now, timezone)}"
    else:
        again = f" · repeated every {duration(reminder.total_seconds())}" if reminder else ""
    return compose(
        f"{icon(alarm)} <b>{text(words.title, 120)}</b>",
        text(words.what, 1800),
        f"💡 {text(words.mend, 500)}" if words.mend else None,
        _acted(alarm, now, timezone),
        "",
        f"<i>{since}{again}</i>",
    )


def _acted(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> str | None:
    act, at = alarm.act, next((str(value) for name, value in alarm.acted if name == "at"), "")
    if act not in set(_ACTS) or not at:
        return None
    said = _ACTS[AlarmAct(act)].format(text(actor_words(alarm.acted_by), 60))
    return f"<b>{said}</b>, {_at(datetime.fromisoformat(at), now, timezone)}"


def alarm_over(alarm: Alarm, timezone: ZoneInfo) -> str:
    """Return what the message of an alarm becomes at its end: nothing in it looks like an alarm any more."""
    return compose(
        f"✅ <b>{text(_over(alarm, timezone), 160)}</b>",
        "",
        f"<i>{_lasted(alarm, timezone)}: {_span(alarm, timezone)}.</i>",
    )


def alarm_recovered(alarm: Alarm, timezone: ZoneInfo) -> str:
    """Return the short word that an alarm is over: `users.db is backed up again. It was missing for 3 h.`"""
    return f"✅ {text(_over(alarm, timezone), 160)}. {_lasted(alarm, timezone)}."


def alarm_moved(alarm: Alarm, timezone: ZoneInfo) -> str:
    """Return what is left of a message that can't be deleted any more and stands further down anew."""
    return f"⬇️ {text(words_of(alarm, alarm.began_at, timezone).title, 120)}: see below"


def on_phone(alarm: Alarm, now: datetime, timezone: ZoneInfo, *, server: str = "") -> tuple[str, str]:
    """Return title and body of an alarm or of its end, as plain text, after the name of the server."""
    title, body = _plain(alarm, now, timezone)
    return f"{one_line(server)}: {title}" if server else title, body


def _plain(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> tuple[str, str]:
    words = words_of(alarm, now, timezone)
    if alarm.ended_at is not None:
        return f"✅ {one_line(_over(alarm, timezone))}", f"{_lasted(alarm, timezone)}."
    lasting = (now - alarm.began_at).total_seconds()
    still = f" (for {duration(lasting)} now)" if lasting > 60 else ""
    return f"{icon(alarm)} {one_line(words.title)}{still}", one_line(f"{words.what} {words.mend}".strip())


def open_alarms(alarms: Sequence[Alarm], now: datetime, timezone: ZoneInfo) -> tuple[str | FittedList, ...]:
    """Return the section that stands first on Backup Status: each with its mend; () while all is well."""
    if not alarms:
        return ()
    said = ((one, words_of(one, now, timezone)) for one in alarms)
    lines = (
        f"{icon(one)} <b>{text(words.title, 80)}</b> ({age(one.began_at, now)}): {text(words.what, 160)}"
        + (f"\n💡 {text(words.mend, 200)}" if words.mend else "")
        for one, words in said
    )
    return (FittedList(tuple(lines), 6), "")


def _over(alarm: Alarm, timezone: ZoneInfo) -> str:
    by = f", says {actor_words(alarm.acted_by)}" if alarm.accepted and alarm.acted_by else ""
    return words_of(alarm, alarm.ended_at or alarm.began_at, timezone).over + by


def _lasted(alarm: Alarm, timezone: ZoneInfo) -> str:
    lasted = duration(((alarm.ended_at or alarm.began_at) - alarm.began_at).total_seconds())
    was = words_of(alarm, alarm.ended_at or alarm.began_at, timezone).was
    who = "They were" if alarm.is_of_many else "It was"
    return f"{who} {was} for {lasted}" if was else f"The alarm lasted {lasted}"


def _span(alarm: Alarm, timezone: ZoneInfo) -> str:
    ended = alarm.ended_at or alarm.began_at
    began = moment(alarm.began_at, ended, timezone)
    return f"{instant(alarm.began_at, began)} to {_at(ended, ended, timezone)}"


def _since(then: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return a moment as it follows "since": `22:15 today`, `28 Nov, 22:15`."""
    shown = moment(then, now, timezone)
    day, _, clock = shown.partition(" ")
    return instant(then, f"{clock} {day}" if day.isalpha() else shown)


def _at(then: datetime, now: datetime, timezone: ZoneInfo) -> str:
    return instant(then, moment(then, now, timezone))
