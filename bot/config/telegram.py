"""Validates the settings of Telegram: the token, people and chats, the size of a volume, the proxy. Shows no secret."""

from __future__ import annotations

import platform
import re
from typing import Any

from bot.config.values import SAMPLE_ADMIN, SAMPLE_TOKEN, raise_all, split_items, split_url, whole_number
from bot.journal.redaction import redact
from bot.models import AUTO_TOPIC, Recipient

_TOKEN = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{35}")
_RECIPIENT = re.compile(r"(-?[0-9]+)(?:/([0-9]+|auto))?")
_TOPIC_LINK = re.compile(r"(?:https?://)?t\.me/c/([0-9]+)(?:/([0-9]+))?.*")
_CHAT_ID_LIMIT = 1 << 52  # Bot API: a chat's number has at most 52 significant bits
LONGEST_NAME = 32
_PROXY_SCHEMES = ("http", "socks4", "socks5")

# MiB. A bot can't download a file over 20 from the cloud, nor upload one over 50 (Bot API: getFile, sendDocument).
READABLE_VOLUME, CLOUD_VOLUME, LOCAL_VOLUME = 19, 49, 1900
_PATIENT_VOLUME = 200  # MiB; a server of one's own hangs up after 500 s, in which 3.4 Mbit/s send as much


def bot_token(token: str) -> str:
    """Check the shape that @BotFather gives out."""
    if token == SAMPLE_TOKEN:
        raise ValueError("is still the sample of .env.example: put the token that @BotFather gave your bot.")
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            "does not look like a bot's token (digits, a colon, then 35 letters, digits, - or _): "
            "copy it whole from @BotFather."
        )
    return token


def shown_token(token: str) -> str:
    bot, _, secret = token.partition(":")
    return f"{bot}:…{secret[-2:]}"


def hide_token(token: str) -> None:
    if ":" in token:  # anything else is a mistake, perhaps a plain word that sentences are made of
        redact.add(token)


def admin_ids(value: Any) -> tuple[int, ...]:
    if not isinstance(value, str):
        return tuple(whole_number(1, _CHAT_ID_LIMIT)(item) for item in value)
    found: list[int] = []
    faults: list[str] = []
    items = split_items(value)
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
    raise_all(faults)
    return tuple(dict.fromkeys(found))


def recipients(value: Any) -> tuple[Recipient, ...]:
    if not isinstance(value, str):
        return tuple(value)
    found: list[Recipient] = []
    faults: list[str] = []
    for item in split_items(value):
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
        elif match[2] == "auto" and not item.startswith("-"):
            faults.append(f"holds {item}: only a group has topics; write {match[1]}.")
        elif match[2] == "auto":
            found.append(Recipient(chat_id=int(match[1]), thread_id=AUTO_TOPIC))
        elif not 0 < abs(int(match[1])) < _CHAT_ID_LIMIT or (match[2] and not 0 < int(match[2]) < 1 << 31):
            faults.append(f"holds {item}, which is no chat's number: write one such as 77 or -1001234567890/42.")
        else:
            found.append(Recipient(chat_id=int(match[1]), thread_id=int(match[2]) if match[2] else None))
    raise_all(faults)
    return tuple(dict.fromkeys(found))


def server_name(value: Any) -> str:
    """Check the name of a server, which stands at the beginning of messages and is that of its topic."""
    text = str(value).strip()
    mend = f"write at most {LONGEST_NAME} letters, digits, spaces and signs, such as web-1."
    if len(text) > LONGEST_NAME:
        raise ValueError(f"has {len(text)} characters: {mend}")
    if text and not (text.isprintable() and any(sign.isalnum() for sign in text)):
        raise ValueError(f"is {text!r}, which can't be read out as a name: {mend}")
    return text


def host_name() -> str:
    """Return the host's name as a server's, for where SERVER_NAME is not set."""
    name = "".join(sign for sign in platform.node() if sign.isprintable())[:LONGEST_NAME].strip()
    return name or "unnamed"


def proxy_url(text: str) -> str:
    """Check the address of a proxy, which may hold a password."""
    mend = "write it as socks5://user:password@host:port or http://host:port."
    parts = split_url(text)
    if parts is None:
        raise ValueError(f"is no address of a proxy: {mend}")
    if parts.scheme not in _PROXY_SCHEMES:
        note = " (socks5 looks names up at the proxy already)" if parts.scheme == "socks5h" else ""
        raise ValueError(f"is of the unknown kind {parts.scheme}://{note}: {mend}")
    if parts.port is None:
        raise ValueError(f"names no port: {mend}")
    return text


def shown_proxy(text: str) -> str:
    scheme, _, rest = text.partition("://")
    _, at, server = rest.rpartition("@")
    return f"{scheme}://{'…@' if at else ''}{server}"


def volume_fault(size: int) -> str:
    """Return why a volume of so many MiB can't be sent through Telegram's cloud; empty where it can."""
    if size <= CLOUD_VOLUME:
        return ""
    return (
        f"is {size}, but Telegram's cloud takes less than 50 MB per file: "
        f"write at most {READABLE_VOLUME}, or use a Bot API server of your own with TELEGRAM_LOCAL=true."
    )


def volume_warning(size: int, *, local: bool) -> str:
    """Return what speaks against volumes of so many MiB that can be sent; empty where nothing does."""
    if not local and size > READABLE_VOLUME:
        return (
            f"VOLUME_SIZE_MB is {size}: the bot can send such files, but Telegram does not let it "
            f"download them, so it can't restore from the chat alone: write at most {READABLE_VOLUME}."
        )
    if local and size > _PATIENT_VOLUME:
        return (
            f"VOLUME_SIZE_MB is {size}: a Bot API server of your own hangs up after 500 s without "
            "an answer, so a volume may arrive and count as not sent. This size needs a line that sends "
            f"{-(-size * 8 * 1024 * 1024 // 500_000_000)} Mbit/s: write at most {_PATIENT_VOLUME}, "
            "or less on a slow line."
        )
    return ""
