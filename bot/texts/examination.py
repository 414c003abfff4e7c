"""The examination of the whole installation, for the chat and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.models import Alarm, Condition, Examination, Examined
from bot.texts.alarm_words import words_of
from bot.texts.markup import FittedList, compose, one_line, sentence, text
from bot.texts.measures import count
from bot.texts.verdict import CONDITION_ICONS

_ICONS = CONDITION_ICONS | {Condition.WRONG: "❌"}
"""A check that came to nothing is ❌."""


def examination(found: Examination) -> str:
    """Return what is wrong with its mend, what needs a look, and then what is well."""
    parts = sorted(found.parts, key=lambda one: -one.condition)
    return compose(f"🩺 <b>Full check</b>: {verdict(found)}", "", FittedList(tuple(map(_part, parts)), len(parts)))


def with_alarms(found: Examination, now: datetime, timezone: ZoneInfo) -> Examination:
    """Return it with a line for each alarm that is open, in the alarm's own words."""
    return replace(found, parts=(*found.parts, *(_alarm(one, now, timezone) for one in found.alarms)), alarms=())


def _alarm(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> Examined:
    said = f"{words_of(alarm, now, timezone).title}, since {date_time(alarm.began_at, timezone)}"
    mend = "`sqlite-courier status`, and its message in the chat, say more."  # and has the buttons for it
    return Examined(part="alarm", about="Alarm", condition=Condition.WRONG, said=said, mend=mend)


def examining() -> str:
    """Return what stands there meanwhile."""
    return "🩺 <b>Full check</b>\n\n⏳ Asking Telegram, every recipient, the databases, the folders and the machine…"


def verdict(found: Examination) -> str:
    """Return how many parts are wrong or need a look, in words."""
    wrong = sum(one.condition is Condition.WRONG for one in found.parts)
    look = sum(one.condition is Condition.LOOK for one in found.parts)
    said = [
        f"{count(wrong, 'thing')} {'is' if wrong == 1 else 'are'} wrong" if wrong else "",
        f"{count(look, 'thing')} {'needs' if look == 1 else 'need'} a look" if look else "",
    ]
    return sentence(", ".join(filter(None, said)) or f"{count(len(found.parts), 'thing')} looked at, all is well")


def plain_lines(found: Examination) -> Iterator[str]:
    """Yield the lines for a terminal, in the order of the flow."""
    for one in found.parts:
        yield f"{_ICONS[one.condition]} {one_line(one.about)}: {one_line(one.said)}"
        if one.mend:
            yield f"   → {one.mend}"


def _part(one: Examined) -> str:
    mend = f"\n   → {text(one.mend, 300)}" if one.mend else ""
    return f"{_ICONS[one.condition]} <b>{text(one.about, 120)}</b>: {text(one.said, 400)}{mend}"
