"""Reads the time zone: of the setting, or else of the machine."""

from __future__ import annotations

import difflib
import re
import warnings
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import tzlocal

from bot.journal.redaction import redact


def time_zone(value: Any) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    text = str(value).strip()
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        if (shift := re.fullmatch(r"(?i)(?:UTC|GMT)\s*([+-])0?(\d{1,2})(?::?00)?", text)) and int(shift[2]) <= 12:
            # Their signs are those of POSIX: the hours to be added to get to UTC.
            fixed = f"Etc/GMT{'-' if shift[1] == '+' else '+'}{int(shift[2])}" if int(shift[2]) else "UTC"
            raise ValueError(
                f"is {text!r}, not the IANA name of a time zone: write that of a city, such as Europe/Berlin, which"
                f" follows its clock changes; {fixed} is this one without any."
            ) from None
        names = {name.lower(): name for name in available_timezones()}
        by_city = {name.rpartition("/")[2]: names[name] for name in sorted(names)}
        written = text.lower().replace(" ", "_")
        near = difflib.get_close_matches(written, names, 1, 0.7)
        best = names[near[0]] if near else by_city.get(written, "")
        mend = f"did you mean {best}?" if best else "write one such as Europe/Berlin or UTC."
        raise ValueError(f"is {text!r}, not the IANA name of a time zone: {mend}") from None


def machine_zone() -> tuple[ZoneInfo, str]:
    """Return the machine's time zone; UTC and what is wrong where it is unknown or set in two ways that disagree."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            zone = tzlocal.get_localzone()
        except Exception as error:  # a broken configuration is no reason to start without a clock
            # A KeyError's text is a representation, with quotes; tzlocal's own advice is for programmers.
            said = " ".join(map(str, error.args)).partition("Fix the configuration")[0]
            return ZoneInfo("UTC"), re.sub(r"\s+", " ", redact(said)).strip(" .\n") or type(error).__name__
    return (zone, "") if isinstance(zone, ZoneInfo) else (ZoneInfo("UTC"), f"{zone} has no name")
