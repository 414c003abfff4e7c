"""Validates the settings of the alarms: addresses of phones and of a watchdog. Shows no secret."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterable

from bot.config.values import raise_all, split_url
from bot.errors import how_to_install
from bot.journal.redaction import redact

# As apprise splits lists itself: at a comma or a space before something that begins like an address.
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]{0,30}://)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://\S+")
_SHORTEST_PIECE = 8

# Nothing but a host's name: labels of letters, and an ending such as .com.
_HOST = re.compile(r"(?=.{1,60}$)([A-Za-z0-9-]{1,20}\.)+[A-Za-z]{2,10}")


def split_urls(text: str) -> tuple[str, ...]:
    """Return the addresses of a list, separated by commas or white space; a comma inside an address is part of it."""
    return tuple(item for part in _BETWEEN.split(text.strip()) if (item := part.strip(" \t\r\n,")))


def notify_urls(text: str) -> str:
    """Check the form of apprise addresses. They hold secrets: a fault names the position alone."""
    urls = split_urls(text)
    raise_all(
        [
            f"holds as number {position} something that is no address: write addresses of apprise, such as"
            " ntfy://topic, separated by commas."
            for position, url in enumerate(urls, 1)
            if not _SCHEME.fullmatch(url)
        ]
    )
    return ", ".join(urls)


def faults_of_phones(text: str) -> list[str]:
    """Return a fault for each address that apprise does not know, or one that it is not installed."""
    if not text:
        return []
    if importlib.util.find_spec("apprise") is None:
        return [f"NOTIFY_URLS needs the package apprise: run {how_to_install('phones')}."]
    return [
        f"NOTIFY_URLS holds as number {position} an address that apprise can't use: compare it with the list at "
        "https://github.com/caronc/apprise/wiki."
        for position in unusable(split_urls(text))
    ]


def unusable(urls: Iterable[str]) -> tuple[int, ...]:
    """Return the positions, from 1, of the addresses that apprise can't use."""
    from apprise import Apprise  # noqa: PLC0415 - 0.2 s, and optional

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its complaints repeat the address
    return tuple(position for position, url in enumerate(urls, 1) if not _is_usable(Apprise, url))


def _is_usable(apprise: type, url: str) -> bool:
    try:
        return apprise().add(url) is True
    except Exception:  # a plugin that stumbles over an address can't use it
        return False


def heartbeat_url(text: str) -> str:
    """Check the address of a watchdog. It is a secret: whoever knows it can silence the watchdog."""
    mend = "write the ping address of your check, such as https://hc-ping.com/…."
    parts = split_url(text)
    if parts is None or parts.scheme not in ("http", "https"):
        raise ValueError(f"is no http:// or https:// address: {mend}")
    if re.search(r"/(start|fail|log|\d+)/?$", parts.path):
        raise ValueError(f"ends with /{parts.path.rstrip('/').rpartition('/')[2]}, which is added when needed: {mend}")
    return text


def masked_urls(text: str) -> str:
    """Return of each address what is no secret: its kind."""
    return ", ".join(f"{url.partition('://')[0]}://…" for url in split_urls(text))


def masked_url(text: str) -> str:
    """Return an address without its path."""
    scheme, _, rest = text.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}/…"


def hide_urls(text: str) -> None:
    """Let the addresses, and what stands in them, be redacted from now on wherever it turns up."""
    for url in split_urls(text):
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
