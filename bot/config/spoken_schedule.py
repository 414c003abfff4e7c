"""Understands schedules as people say them: `hourly`, `daily 3am`, `every monday`, `Mon-Fri 03:30`, `every 6 hours`."""

from __future__ import annotations

import re

USUAL = (3, 0)
"""The hour and minute of a schedule by days that says none: deep in the night, not at midnight, when all else runs."""

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "hourly": "0 * * * *",
    "every hour": "0 * * * *",
}
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_EVERY = re.compile(r"every (?P<number>[0-9]{1,2}) ?(?P<unit>m|min|mins|minutes?|h|hours?)")
_TIME = re.compile(r"(?:at )?(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2}))? ?(?P<half>am|pm)?$")
_DAY = "|".join(f"{name}s?|{name[:3]}" for name in _WEEKDAYS)
_RANGE = re.compile(rf"(?P<first>{_DAY}) ?(?:-|–|to) ?(?P<last>{_DAY})")
_LIST = re.compile(rf"(?:{_DAY})(?:(?:,| and) ?(?:{_DAY}))*")


def spoken(words: str) -> str | None:
    """Return the cron expression that some words mean, None where they are none of ours.

    Raises ValueError, with a sentence, where the days are understood and the time of day can't be one.
    """
    said = " ".join(words.lower().replace(",", ", ").split()).replace(" ,", ",")
    if said in _ALIASES:
        return _ALIASES[said]
    if match := _EVERY.fullmatch(said):
        number, minutes = int(match["number"]), match["unit"].startswith("m")
        if number == 0 or (60 if minutes else 24) % number:
            raise ValueError(
                f"“{words}” does not divide {'an hour' if minutes else 'a day'}: take "
                f"{'5, 10, 15, 20 or 30 minutes' if minutes else '2, 3, 4, 6, 8 or 12 hours'}."
            )
        return (f"*/{number} * * * *" if minutes else f"0 */{number} * * *").replace("*/1 ", "* ")
    days, time = _split_time(said)
    field = _days(days)
    if field is None:
        return None
    hour, minute = _time(time, words)
    return f"{minute} {hour} {field}"


def _split_time(said: str) -> tuple[str, str]:
    for named, time in (("noon", "12:00"), ("midnight", "0:00")):
        if said.endswith(named):
            return said.removesuffix(named).strip().removesuffix(" at"), time
    match = re.search(r"(?:^| )(?:at )?[0-9]{1,2}(?:[:.][0-9]{2})? ?(?:am|pm)?$", said)
    return (said[: match.start()].strip(), match[0].strip()) if match else (said, "")


def _days(said: str) -> str | None:
    """Return the last three fields of an expression."""
    said = said.removeprefix("on ").removesuffix(" at")
    if said in ("daily", "every day", "every night", "nightly", "each day"):
        return "* * *"
    if said in ("weekly", "every week"):
        return "* * 1"
    if said in ("monthly", "every month"):
        return "1 * *"
    said = said.removeprefix("every ").removeprefix("weekly on ").removeprefix("each ")
    if said in ("weekday", "weekdays", "working day", "workdays"):
        return "* * 1-5"
    if said in ("weekend", "weekends"):
        return "* * 6,0"
    if match := _RANGE.fullmatch(said):
        return f"* * {_number(match['first'])}-{_number(match['last'])}"
    if _LIST.fullmatch(said):
        return f"* * {','.join(str(_number(name)) for name in re.findall(_DAY, said))}"
    return None


def _number(day: str) -> int:
    return next(number for number, name in enumerate(_WEEKDAYS) if name.startswith(day[:3]))


def _time(said: str, words: str) -> tuple[int, int]:
    if not said:
        return USUAL
    match = _TIME.fullmatch(said)
    hour, minute = (int(match["hour"]), int(match["minute"] or 0)) if match else (99, 99)
    if match and match["half"]:
        hour = hour % 12 + (12 if match["half"] == "pm" else 0) if 1 <= hour <= 12 else 99
    if hour > 23 or minute > 59:
        raise ValueError(f"“{words}”: {said.removeprefix('at ')} is no time of day; write it like 03:30 or 3am.")
    return hour, minute
