"""Validates the settings of object stores and e-mail: addresses, keys, and what must be set together."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from bot.errors import how_to_install
from bot.journal.redaction import redact
from bot.services.mail.server import MailServer

SECRET_FILES = {
    "S3_SECRET_ACCESS_KEY_FILE": "S3_SECRET_ACCESS_KEY",
    "AZURE_STORAGE_KEY_FILE": "AZURE_STORAGE_KEY",
    "SMTP_PASSWORD_FILE": "SMTP_PASSWORD",
}
SECRETS = ("S3_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "SMTP_PASSWORD")

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
    for item in re.split(r"[,;\s]+", value.strip()):
        if not item:
            continue
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
    if faults:
        raise ValueError("\n".join(faults))
    return tuple(dict.fromkeys(found))


def endpoint(value: Any) -> str:
    """Read the address of an S3-compatible server."""
    text = str(value).strip().rstrip("/")
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError(
            "is no http:// or https:// address: write the server's base address, such as https://s3.example.org."
        )
    return text


def word(value: Any) -> str:
    """Read a name or an id."""
    text = str(value).strip()
    if re.search(r"\s", text):
        raise ValueError("holds a space: write it as your provider shows it.")
    return text


def secret(value: Any) -> SecretStr:
    """Read a secret."""
    return SecretStr((value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip())


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
    items = [item for item in re.split(r"[,;\s]+", value.strip()) if item]
    wrong = [item for item in items if not _MAILBOX.fullmatch(item)]
    if wrong:
        raise ValueError("\n".join(f"holds {item!r}, no address: write ops@example.org." for item in wrong))
    return tuple(dict.fromkeys(items))


def smtp_url(value: Any) -> SecretStr:
    """Check the address of a mail server. It may hold a password, so no message repeats it."""
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()
    mend = "write it as smtp+starttls://user@host:587, smtps://user@host:465 or smtp://host:25."
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"can't be read as an address: {mend}") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError(f"is no address of a mail server: {mend}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"holds more than a server, perhaps a password with / or # in it (write %2F, %23): {mend}")
    return SecretStr(text)


def shown_smtp_url(url: SecretStr) -> str:
    """Return the address without its password."""
    parts = urlsplit(url.get_secret_value())
    user = f"{parts.username}{':…' if parts.password else ''}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def mail_server(url: SecretStr, password: SecretStr | None) -> MailServer:
    """Return what the settings say of the mail server; SMTP_PASSWORD goes before a password in the URL."""
    parts = urlsplit(url.get_secret_value())
    given = password.get_secret_value() if password else unquote(parts.password or "")
    return MailServer(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        tls={"smtp": "none", "smtps": "tls"}.get(parts.scheme, "starttls"),
        user=unquote(parts.username or ""),
        password=given,
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


def keep_secret(texts: Mapping[str, str]) -> None:
    """Hide the secrets everywhere from now on."""
    for name in SECRETS:
        redact.add(texts.get(name, ""))
    userinfo = texts.get("SMTP_URL", "").partition("://")[2].rpartition("@")[0]
    redact.add(userinfo.partition(":")[2])
