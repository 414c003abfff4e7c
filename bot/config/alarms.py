"""Validates the settings of the alarms: durations, addresses of phones and of a watchdog. Shows no secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.journal.redaction import redact

_UNITS = {"m": 60, "min": 60, "h": 3600, "d": 86_400}
# As apprise splits lists itself: at a comma or a space before something that begins like an address.
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]{0,30}://)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://\S+")
_SHORTEST_PIECE = 8

# Nothing but a host's name: labels of letters, and an ending such as .com.
_HOST = re.compile(r"(?=.{1,60}$)([A-Za-z0-9-]{1,20}\.)+[A-Za-z]{2,10}")


def span(least: timedelta, most: timedelta, *, off: bool = False) -> Callable[[Any], timedelta]:
    """Make a reader of lengths of time such as `90m`, `6h` or `2d`; with `off` also the word, which is no length."""
    mend = f"write a length of time such as 90m, 6h or 2d{', or off' if off else ''}."

    def read(value: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        text = str(value).strip().lower()
        if off and text == "off":
            return timedelta()
        match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(m|min|h|d)", text)
        if match is None:
            raise ValueError(f"is {value!r}, which is no length of time: {mend}")
        length = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
        if not least <= length <= most:
            raise ValueError(f"is {value!r}, out of range: write {as_span(least)} to {as_span(most)}.")
        return length

    return read


def as_span(length: timedelta) -> str:
    """Return a length of time as it is written in a setting."""
    seconds = length.total_seconds()
    if not seconds:
        return "off"
    for unit in ("d", "h"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds / 60:g}m"


def split_urls(text: str) -> tuple[str, ...]:
    """Return the addresses of a list, separated by commas or white space; a comma inside an address is part of it."""
    return tuple(item for part in _BETWEEN.split(text.strip()) if (item := part.strip(" \t\r\n,")))


def notify_urls(value: Any) -> SecretStr:
    """Check the form of apprise addresses. They hold secrets: a fault names the position alone."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    urls = split_urls(text)
    faults = [
        f"holds as number {position} something that is no address: write addresses of apprise, such as ntfy://topic, "
        "separated by commas."
        for position, url in enumerate(urls, 1)
        if not _SCHEME.fullmatch(url)
    ]
    if faults:
        raise ValueError("\n".join(faults))
    return SecretStr(", ".join(urls))


def unusable_urls(positions: tuple[int, ...]) -> list[str]:
    """Return a fault for each address that apprise does not know."""
    return [
        f"NOTIFY_URLS holds as number {position} an address that apprise can't use: compare it with the list at "
        "https://github.com/caronc/apprise/wiki."
        for position in positions
    ]


def heartbeat_url(value: Any) -> SecretStr:
    """Check the address of a watchdog. It is a secret: whoever knows it can silence the watchdog."""
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()
    if not text:
        return SecretStr("")
    mend = "write the ping address of your check, such as https://hc-ping.com/…."
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"is no http:// or https:// address: {mend}")
    if re.search(r"/(start|fail|log|\d+)/?$", parts.path):
        raise ValueError(f"ends with /{parts.path.rstrip('/').rpartition('/')[2]}, which is added when needed: {mend}")
    return SecretStr(text)


def masked_urls(text: str) -> str:
    """Return of each address what is no secret: its kind."""
    return ", ".join(f"{url.partition('://')[0]}://…" for url in split_urls(text))


def masked_url(text: str) -> str:
    """Return an address without its path."""
    scheme, _, rest = text.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}/…" if text else ""


def keep_urls_secret(*texts: str) -> None:
    """Let the addresses, and what stands in them, be redacted from now on wherever it turns up."""
    for url in (url for text in texts for url in split_urls(text)):
        rest = url.partition("://")[2] or url
        if rest.endswith("://"):
            continue  # a kind alone, which stands in every other line of the log
        if _HOST.fullmatch(rest):
            continue  # a host's name alone, which the sentences that mend it name too
        redact.add(url)
        if re.search(r"[/@?]", rest):
            redact.add(rest)
        for piece in re.split(r"[/@:?&=#,;]+", rest):
            # A host's name is no secret, and would be missing from every other line of the log.
            if len(piece) >= _SHORTEST_PIECE and "." not in piece and piece.lower() != "localhost":
                redact.add(piece)
