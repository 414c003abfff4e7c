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
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import SecretStr

from bot.models import Recipient

# The values of .env.example that nobody can use.
SAMPLE_TOKEN = "1234567890:SAMPLE-PUT-THE-TOKEN-OF-YOUR-BOT-xx"  # noqa: S105 - refused, so it opens nothing
SAMPLE_ADMIN = "your-number"
SAMPLE_DATABASE = "/path/to/your.db"

_TOKEN = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{35}")
_RECIPIENT = re.compile(r"(-?[0-9]+)(?:/([0-9]+))?")
_TOPIC_LINK = re.compile(r"(?:https?://)?t\.me/c/([0-9]+)(?:/([0-9]+))?.*")
_CHAT_ID_LIMIT = 1 << 52  # Bot API: a chat's number has at most 52 significant bits
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_PROXY_SCHEMES = ("http", "socks4", "socks5")


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


def bot_token(value: Any) -> SecretStr:
    """Check the shape that @BotFather gives out. The token is in no message."""
    token = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    token = token.strip()
    if token == SAMPLE_TOKEN:
        raise ValueError("is still the sample of .env.example: put the token that @BotFather gave your bot.")
    if token and not _TOKEN.fullmatch(token):
        raise ValueError(
            "does not look like a bot's token (digits, a colon, then 35 letters, digits, - or _): "
            "copy it whole from @BotFather."
        )
    return SecretStr(token)


def admin_ids(value: Any) -> tuple[int, ...]:
    if not isinstance(value, str):
        return tuple(whole_number(1, _CHAT_ID_LIMIT)(item) for item in value)
    found: list[int] = []
    faults: list[str] = []
    items = _split_ids(value)
    if value.strip() and not items:
        raise ValueError(f"is {value!r}, which holds no number: put yours; @userinfobot tells it.")
    for item in items:
        if item == SAMPLE_ADMIN:
            faults.append("is still the sample of .env.example: put your own Telegram number; @userinfobot tells it.")
        elif item.startswith("@"):
            faults.append(f"names {item}: a bot can't look names up; put the number that @userinfobot tells.")
        elif not re.fullmatch(r"-?[0-9]+", item):
            faults.append(f"holds {item!r}, not a number: write people's numbers, separated by commas.")
        elif item.startswith("-"):
            faults.append(f"holds {item}, the number of a group: an admin is a person; a group goes into DELIVER_TO.")
        elif not 0 < int(item) < _CHAT_ID_LIMIT:
            faults.append(f"holds {item}, which is no Telegram number: @userinfobot tells yours.")
        else:
            found.append(int(item))
    _raise_all(faults)
    return tuple(dict.fromkeys(found))


def recipients(value: Any) -> tuple[Recipient, ...]:
    if not isinstance(value, str):
        return tuple(value)
    found: list[Recipient] = []
    faults: list[str] = []
    for item in _split_ids(value):
        match = _RECIPIENT.fullmatch(item)
        link = _TOPIC_LINK.fullmatch(item)
        if link:
            address = f"-100{link[1]}" + (f"/{link[2]}" if link[2] else "")
            faults.append(f"holds the link {item}: write its numbers, {address}.")
        elif item.startswith("@") or "t.me/" in item:
            faults.append(
                f"names {item}: write the chat's number instead, such as -1001234567890; "
                "web.telegram.org shows it at the end of the address."
            )
        elif match is None:
            faults.append(f"holds {item!r}, no chat: write numbers such as 77, -1001234567890 or -1001234567890/42.")
        elif not 0 < abs(int(match[1])) < _CHAT_ID_LIMIT or (match[2] and not 0 < int(match[2]) < 1 << 31):
            faults.append(f"holds {item}, which is no chat's number: write one such as 77 or -1001234567890/42.")
        else:
            found.append(Recipient(chat_id=int(match[1]), thread_id=int(match[2]) if match[2] else None))
    _raise_all(faults)
    return tuple(dict.fromkeys(found))


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
    _raise_all(faults)
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
    from bot.config.cron import validate_expression  # noqa: PLC0415 - it brings aiocron along

    try:
        return validate_expression(str(value))
    except ValueError as error:
        raise ValueError(f"can't be used: {error}") from None


def cron_expression_or_off(value: Any) -> str:
    return "off" if str(value).strip().lower() == "off" else cron_expression(value)


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


def api_url(value: Any) -> str:
    text = str(value).strip().rstrip("/")
    if not text:
        return ""
    mend = "write the server's base address, such as http://127.0.0.1:8081."
    host = _split_url(text)
    if host is None or urlsplit(text).scheme not in ("http", "https"):
        raise ValueError(f"is no http:// or https:// address: {mend}")
    parts = urlsplit(text)
    if parts.query or parts.fragment or "/bot" in parts.path or parts.username is not None:
        raise ValueError(f"holds more than a base address: {mend}")
    return text


def proxy_url(value: Any) -> SecretStr:
    """Check the address of a proxy. It may hold a password, so no message repeats it."""
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()
    mend = "write it as socks5://user:password@host:port or http://host:port."
    host = _split_url(text)
    scheme = urlsplit(text).scheme if host else ""
    if host is None:
        raise ValueError(f"is no address of a proxy: {mend}")
    if scheme not in _PROXY_SCHEMES:
        note = " (socks5 looks names up at the proxy already)" if scheme == "socks5h" else ""
        raise ValueError(f"is of the unknown kind {scheme}://{note}: {mend}")
    if host[1] is None:
        raise ValueError(f"names no port: {mend}")
    return SecretStr(text)


def _split_url(text: str) -> tuple[str, int | None] | None:
    """Return host and port of a URL, None when it can't be read or names no host."""
    if "://" not in text or re.search(r"\s", text):
        return None
    try:
        parts = urlsplit(text)
        return (parts.hostname, parts.port) if parts.hostname else None
    except ValueError:
        return None


def _split_ids(text: str) -> list[str]:
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


def _raise_all(faults: list[str]) -> None:
    if faults:
        raise ValueError("\n".join(faults))
