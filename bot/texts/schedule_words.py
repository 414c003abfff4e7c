"""Cron expressions in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MOST_TIMES = 4
"""Times of a day that are listed; more are left to the describer."""


@cache
def in_words(expression: str) -> str:
    """Return an expression in words: `every hour`, `Mon–Fri at 03:30`, `on the 1st of each month at 04:00`."""
    fields = expression.split()
    return (_own_words(*fields) if len(fields) == 5 else "") or _described(expression)


def _own_words(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    """Return the words for what most people choose, "" for anything else."""
    if month != "*":
        return ""
    if (day, weekday) == ("*", "*") and (frequent := _frequent(minute, hour)):
        return frequent
    if not (times := _times(minute, hour)):
        return ""
    if day == "*":
        days = "daily" if weekday == "*" else _weekdays(weekday)
        return days and f"{days} at {times}"
    if weekday != "*":
        return ""
    if day == "L":
        return f"on the last day of each month at {times}"
    return f"on the {_ordinal(int(day))} of each month at {times}" if day.isdecimal() else ""


def _frequent(minute: str, hour: str) -> str:
    every = re.fullmatch(r"\*(?:/([0-9]+))?", minute)
    if every and hour == "*":
        step = int(every[1] or 1)
        return "every minute" if step == 1 else f"every {step} minutes" if 60 % step == 0 else ""
    every = re.fullmatch(r"\*(?:/([0-9]+))?", hour)
    if every and minute.isdecimal():
        step, past = int(every[1] or 1), "" if int(minute) == 0 else f", at {int(minute)} past"
        return f"every hour{past}" if step == 1 else f"every {step} hours{past}" if 24 % step == 0 else ""
    return ""


def _times(minute: str, hour: str) -> str:
    hours = hour.split(",")
    if not minute.isdecimal() or len(hours) > _MOST_TIMES or not all(each.isdecimal() for each in hours):
        return ""
    return _listed([f"{int(each):02}:{int(minute):02}" for each in hours])


def _weekdays(field: str) -> str:
    """Return `Mon–Fri`, or `every Monday and Thursday`; "" for steps and for the nth of a month."""
    named = field.upper()
    for number, name in enumerate(_DAYS):
        named = named.replace(name[:3].upper(), str(number))
    if match := re.fullmatch(r"([0-7])-([0-7])", named):
        return f"{_DAYS[int(match[1]) % 7][:3]}–{_DAYS[int(match[2]) % 7][:3]}"
    if not re.fullmatch(r"[0-7](,[0-7])*", named):
        return ""
    return f"every {_listed([_DAYS[int(each) % 7] for each in named.split(',')])}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _ordinal(number: int) -> str:
    suffix = "th" if 11 <= number % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _described(expression: str) -> str:
    """Return the words of a library that knows the rest; the expression itself where it doesn't, either."""
    # Imported when an unusual schedule is met: 4 MB that a service by the hour does without.
    from cron_descriptor import CasingTypeEnum, FormatError, Options, get_description  # noqa: PLC0415

    options = Options()
    options.use_24hour_time_format = True
    options.casing_type = CasingTypeEnum.Sentence
    options.locale_code = "en_US"
    try:
        words = str(get_description(expression, options))
    except FormatError:
        return expression
    return words[:1].lower() + words[1:]
