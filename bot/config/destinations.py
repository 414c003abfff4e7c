"""Validates the settings of object stores and e-mail: addresses, keys, and what must be set together."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from bot.config.values import raise_all, split_items, split_url
from bot.errors import how_to_install
from bot.journal.redaction import redact
from bot.services.mail.server import MailServer

_MAILBOX = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_SCHEMES = ("s3", "gs", "az")
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def store_urls(value: Any) -> tuple[str, ...]:
    """Read a list of object stores; each is s3://bucket/prefix, gs://… or az://…, and no secret is in it."""
    if not isinstance(value, str):
        return tuple(value)
    found: list[str] = []
    faults: list[str] = []
    for item in split_items(value):
        scheme, separator, rest = item.partition("://")
        bucket, _, prefix = rest.partition("/")
        if "@" in rest or "?" in rest or "#" in rest:
            faults.append("holds more than a bucket and a prefix: keys go into S3_ACCESS_KEY_ID and the like.")
        elif not separator or scheme not in _SCHEMES:
            faults.append(f"holds {item!r}, no object store: write s3://bucket/prefix, gs://… or az://….")
        elif not _BUCKET.fullmatch(bucket):
            faults.append(f"holds {item!r}, which names no bucket: write s3://bucket/prefix.")
        elif any(part in ("", ".", "..") for part in prefix.rstrip("/").split("/")) and prefix.rstrip("/"):
            faults.append(f"holds {item!r}, with an empty part in its prefix: write s3://bucket/prefix.")
        else:
            found.append(item.rstrip("/"))
    raise_all(faults)
    return tuple(dict.fromkeys(found))


def word(value: Any) -> str:
    """Read a name or an id."""
    text = str(value).strip()
    if re.search(r"\s", text):
        raise ValueError("holds a space: write it as your provider shows it.")
    return text


def key_file(value: Any) -> Path:
    """Read the path of a file with a key."""
    path = Path(str(value).strip()).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"is {str(path)!r}, which is no file: download the service account's JSON key.")
    return path


def mailbox(value: Any) -> str:
    """Read one address of e-mail."""
    text = str(value).strip()
    if text and not _MAILBOX.fullmatch(text):
        raise ValueError(f"is {text!r}, no address: write one such as backups@example.org.")
    return text


def mailboxes(value: Any) -> tuple[str, ...]:
    """Read a list of addresses."""
    if not isinstance(value, str):
        return tuple(value)
    items = split_items(value)
    wrong = [item for item in items if not _MAILBOX.fullmatch(item)]
    raise_all([f"holds {item!r}, no address: write ops@example.org." for item in wrong])
    return tuple(dict.fromkeys(items))


def smtp_url(text: str) -> str:
    """Check the address of a mail server, which may hold a password."""
    mend = "write it as smtp+starttls://user@host:587, smtps://user@host:465 or smtp://host:25."
    parts = split_url(text)
    if parts is None or parts.scheme not in _PORTS:
        raise ValueError(f"is no address of a mail server: {mend}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"holds more than a server, perhaps a password with / or # in it (write %2F, %23): {mend}")
    return text


def shown_smtp_url(text: str) -> str:
    """Return the address without its password."""
    parts = urlsplit(text)
    user = f"{parts.username}{':…' if parts.password else ''}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def hide_smtp_url(text: str) -> None:
    userinfo = text.partition("://")[2].rpartition("@")[0]
    redact.add(userinfo.partition(":")[2])


def mail_server(url: SecretStr, password: SecretStr) -> MailServer:
    """Return what the settings say of the mail server; SMTP_PASSWORD goes before a password in the URL."""
    parts = urlsplit(url.get_secret_value())
    return MailServer(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        tls={"smtp": "none", "smtps": "tls"}.get(parts.scheme, "starttls"),
        user=unquote(parts.username or ""),
        password=password.get_secret_value() or unquote(parts.password or ""),
    )


def faults_between(texts: Mapping[str, str], *, need_packages: bool) -> list[str]:
    """Say what is missing beside what is set, and which package."""
    faults = []
    stores = texts.get("OBJECT_STORES", "")
    if "az://" in stores and not texts.get("AZURE_STORAGE_ACCOUNT"):
        faults.append(
            "AZURE_STORAGE_ACCOUNT is not set, and OBJECT_STORES names a container of Azure: put its account."
        )
    if bool(texts.get("S3_ACCESS_KEY_ID")) != bool(texts.get("S3_SECRET_ACCESS_KEY")):
        missing = "S3_SECRET_ACCESS_KEY" if texts.get("S3_ACCESS_KEY_ID") else "S3_ACCESS_KEY_ID"
        faults.append(f"{missing} is not set, but its other half is: the two belong together.")
    if texts.get("EMAIL_TO"):
        if not texts.get("SMTP_URL"):
            faults.append("SMTP_URL is not set, and EMAIL_TO needs it: write smtp+starttls://user@host:587.")
        if not texts.get("EMAIL_FROM"):
            faults.append("EMAIL_FROM is not set, and EMAIL_TO needs it: write the address that the mails come from.")
    if need_packages:
        if stores and importlib.util.find_spec("obstore") is None:
            faults.append(f"OBJECT_STORES needs the package obstore: run {how_to_install('objects')}.")
        if texts.get("EMAIL_TO") and importlib.util.find_spec("aiosmtplib") is None:
            faults.append(f"EMAIL_TO needs the package aiosmtplib: run {how_to_install('mail')}.")
    return faults
