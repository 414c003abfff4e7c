"""Converts the text of a setting into its value, or explains what is wrong with it and how to mend it.

Every reader takes text, or a value that is already of the right type, and raises ValueError. Its message goes after
the variable's name ("is 'abc', not a whole number: write …"); where several items are at fault, one message per line.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bot.config.cron import DRILLS_OFF, validate_expression
from bot.models import CheckMethod, CheckRule, Recipient

# The values of .env.example that nobody can use.
SAMPLE_TOKEN = "1234567890:SAMPLE-PUT-THE-TOKEN-OF-YOUR-BOT-xx"  # noqa: S105 - refused, so it opens nothing
SAMPLE_ADMIN = "your-number"
SAMPLE_DATABASE = "/path/to/your.db"

OFF, ALWAYS = "off", "always"
"""The words for no time at all: never, or each time."""

_UNITS = {"m": 60, "min": 60, "h": 3600, "d": 86_400}
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def whole_number(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, str):
            if not re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
                raise ValueError(f"is {value!r}, not a whole number: write one from {low} to {high}.")
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"is {value!r}, out of range: write a number from {low} to {high}.")
        return value

    return read


def seconds(high: int) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"is {value!r}, not a number of seconds: write one from 0 to {high}.") from None
        if math.isnan(number) or not 0 <= number <= high:
            raise ValueError(f"is {value!r}, out of range: write a number of seconds from 0 to {high}.")
        return number

    return read


def span(least: timedelta, most: timedelta, *, nothing: str = "") -> Callable[[Any], timedelta]:
    """Make a reader of lengths of time such as `90m`, `6h` or `2d`; the word for `nothing` is no time."""
    mend = f"write a length of time such as 90m, 6h or 2d{nothing and f', or {nothing}'}."

    def read(value: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        text = str(value).strip().lower()
        if nothing and text == nothing:
            return timedelta()
        match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(m|min|h|d)", text)
        if match is None:
            raise ValueError(f"is {value!r}, which is no length of time: {mend}")
        length = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
        if not least <= length <= most:
            raise ValueError(f"is {value!r}, out of range: write {as_span(least)} to {as_span(most)}.")
        return length

    return read


def as_span(length: timedelta, *, nothing: str = OFF) -> str:
    """Return a length of time as it is written in a setting."""
    seconds = length.total_seconds()
    if not seconds:
        return nothing
    for unit in ("d", "h"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds / 60:g}m"


def check_rule(least: timedelta, most: timedelta) -> Callable[[Any], CheckRule]:
    """Make a reader of what to check and how often again, such as `full,1d` or `quick,always`; a day by default."""

    def read(value: Any) -> CheckRule:
        if isinstance(value, CheckRule):
            return value
        method, *again = split_items(str(value)) or [""]
        rule = CheckRule(method=CheckMethod(one_of(CheckMethod)(method)))
        return replace(rule, holds_for=span(least, most, nothing=ALWAYS)(" ".join(again))) if again else rule

    return read


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    read = _BOOLEANS.get(str(value).strip().lower())
    if read is None:
        raise ValueError(f"is {value!r}, neither true nor false: write one of the two.")
    return read


def one_of(choices: Iterable[str], *, upper: bool = False) -> Callable[[Any], str]:
    allowed = tuple(choices)

    def read(value: Any) -> str:
        text = str(value).strip()
        text = text.upper() if upper else text.lower()
        if text in allowed:
            return text
        near = difflib.get_close_matches(text, allowed, 1)
        mend = f"did you mean {near[0]}?" if near else f"write one of {', '.join(allowed)}."
        raise ValueError(f"is {value!r}, which is unknown: {mend}")

    return read


def database_patterns(value: Any) -> tuple[str, ...]:
    r"""Split a list of paths and globs at commas, semicolons and newlines; quotes keep an item whole.

    A JSON list is read too. `~` becomes the home folder, and a backslash is an ordinary character outside JSON.
    """
    items = _split_paths(value) if isinstance(value, str) else [str(item) for item in value]
    faults: list[str] = []
    if isinstance(value, str) and value.strip() and not items:
        raise ValueError(f"is {value!r}, which holds no path: put the paths of your database files.")
    for item in items:
        if item == SAMPLE_DATABASE:
            faults.append("is still the sample of .env.example: put the path of your database file.")
        elif re.match(r"(?i)(sqlite|file)[+a-z]*:", item) or item == ":memory:":
            faults.append(f"holds {item!r}: write the path of a file, such as /srv/bot/data.db.")
        elif any(ord(character) < ord(" ") for character in item):
            faults.append(f"holds {item!r}, with a control character in it: in a JSON list write a backslash twice.")
    raise_all(faults)
    return tuple(dict.fromkeys(_expand_home(item) for item in items))


def folder(value: Any) -> Path:
    """Return an absolute path: what is relative counts from the working directory at the start."""
    text = str(value).strip()
    if "\0" in text:
        raise ValueError(f"is {text!r}, which is no path: write a folder's path.")
    path = Path(_expand_home(text)).absolute()
    try:
        in_the_way = path.exists() and not path.is_dir()
    except OSError as error:
        raise ValueError(f"is {text!r}, which can't be used ({error.strerror}): name another folder.") from None
    if in_the_way:
        raise ValueError(f"is {text!r}, which is a file: name a folder.")
    return path


def cron_expression(value: Any) -> str:
    try:
        return validate_expression(str(value))
    except ValueError as error:
        raise ValueError(f"can't be used: {error}") from None


def cron_expression_or_off(value: Any) -> str:
    return DRILLS_OFF if str(value).strip().lower() == DRILLS_OFF else cron_expression(value)


def base_url(example: str, *, but: str = "?") -> Callable[[Any], str]:
    """Make a reader of the addresses of servers; `but` is what is in none of them."""
    mend = f"write the server's base address, such as {example}."

    def read(value: Any) -> str:
        text = str(value).strip().rstrip("/")
        if not text:
            return ""
        parts = split_url(text)
        if parts is None or parts.scheme not in ("http", "https"):
            raise ValueError(f"is no http:// or https:// address: {mend}")
        if parts.query or parts.fragment or but in parts.path or parts.username is not None:
            raise ValueError(f"holds more than a base address: {mend}")
        return text

    return read


def as_written(value: Any) -> str:
    """Return a value as it is written in a setting; no secret."""
    match value:
        case timedelta() as length:
            return as_span(length)
        case CheckRule() as rule:
            return f"{rule.method},{as_span(rule.holds_for, nothing=ALWAYS)}"
        case tuple() as items:
            return ", ".join(item.address if isinstance(item, Recipient) else str(item) for item in items)
        case bool() as flag:
            return "true" if flag else "false"
        case float() as number:
            return f"{number:g}"
        case _:
            return "" if value is None else str(value)


def split_url(text: str) -> SplitResult | None:
    """Return the parts of an address; None when it can't be read or names no host."""
    if "://" not in text or re.search(r"\s", text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return parts if parts.hostname else None


def split_items(text: str) -> list[str]:
    """Return what is separated by commas, semicolons or white space, without brackets and quotes."""
    text = re.sub(r"^\s*\[(.*)\]\s*$", r"\1", text, flags=re.DOTALL)
    return [item for part in re.split(r"[,;\s]+", text) if (item := part.strip("'\""))]


def _split_paths(text: str) -> list[str]:
    text = text.strip()
    if re.match(r"\[\s*[\"\]]", text):
        return _read_json_list(text)
    items: list[str] = []
    at = 0
    while at < len(text):
        quoted = re.compile(r"\s*(['\"])(.*?)\1\s*(?:[,;\n]|$)", re.DOTALL).match(text, at)
        bare = re.compile(r"[^,;\n]*(?:[,;\n]|$)").match(text, at)
        match = quoted or bare
        if match is None or match.end() == at:
            break
        item = quoted[2] if quoted else match[0].rstrip(",;\n")
        if not quoted and item.strip()[:1] in ("'", '"') and item.strip()[0] not in item.strip()[1:]:
            raise ValueError(f"holds {item.strip()!r}, which opens a quote and never closes it: close it.")
        items.append(item.strip())
        at = match.end()
    return [item for item in items if item]


def _read_json_list(text: str) -> list[str]:
    mend = r'write ["a.db", "b.db"] with every backslash twice, or the paths without brackets.'
    try:
        items = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is not a JSON list ({error}): {mend}") from None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"is not a JSON list of texts: {mend}")
    return [item.strip() for item in items if item.strip()]


def _expand_home(text: str) -> str:
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError:  # no home folder is known, as for a service without a user
        raise ValueError(f"holds {text!r}, but no home folder is known here: write the whole path.") from None


def raise_all(faults: list[str]) -> None:
    """Raise one ValueError, a line for each fault, where there are any."""
    if faults:
        raise ValueError("\n".join(faults))
