"""Parses the header of an age file: the kinds of key that open it. Strict and bounded.

The format is https://age-encryption.org/v1; who may open is not told by it, only how.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.errors import DamagedArchiveError
from bot.models import Cause, Reason

ANY_VERSION = b"age-encryption.org/"
MAGIC = ANY_VERSION + b"v1"
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"

LONGEST = 64 << 10
"""Bytes of header that are read: some five hundred recipients."""

_STANZA = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)")
_BODY = re.compile(rb"[A-Za-z0-9+/]{0,64}")
_MAC = re.compile(rb"--- ([A-Za-z0-9+/]{43})")


class Lines(Protocol):
    """What a header is read from."""

    def readline(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """One way to the file's key: its kind, its arguments, and the key wrapped by it."""

    kind: str
    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header as it was read: `signed` are the bytes that `mac` is over."""

    stanzas: tuple[Stanza, ...]
    signed: bytes
    mac: bytes
    armored: bool = False

    @property
    def by_passphrase(self) -> bool:
        """Whether a passphrase opens it; age allows no other key beside one."""
        return any(stanza.kind == "scrypt" for stanza in self.stanzas)

    def count(self, kind: str) -> int:
        return sum(stanza.kind == kind for stanza in self.stanzas)


def is_sealed(path: Path) -> bool:
    """Tell by its first bytes whether a file is in the age format, of any version. A file that can't be read is not."""
    try:
        with path.open("rb") as file:
            return begins_sealed(file.read(len(ARMOR)))
    except OSError:
        return False


def begins_sealed(head: bytes) -> bool:
    return head.startswith((ANY_VERSION, ARMOR))


def read_header(file: Lines, name: str) -> Header:
    """Read the header from where the file stands, up to its end and no further; of an armored file, within its armor.

    Raises `DamagedArchiveError` where it is no header of age's first version.
    """
    line = _line(file, name)
    if line.removesuffix(b"\r") == ARMOR:
        header = read_header(io.BytesIO(_dearmored(file, name)), name)
        return Header(stanzas=header.stanzas, signed=header.signed, mac=header.mac, armored=True)
    if line != MAGIC:
        raise _fault(name, "it is of no version of the age format that is known here")
    signed, stanzas = [line + b"\n"], list[Stanza]()
    while (match := _STANZA.fullmatch(line := _line(file, name, signed))) is not None:
        signed.append(line + b"\n")
        kind, *arguments = match[1].decode("ascii").split(" ")
        body = []
        while True:
            if _BODY.fullmatch(line := _line(file, name, signed)) is None:
                raise _fault(name, "its age header is not as it was written")
            signed.append(line + b"\n")
            body.append(line)
            if len(line) < 64:
                break
        stanzas.append(Stanza(kind=kind, arguments=tuple(arguments), body=unpadded(b"".join(body), name)))
    mac = _MAC.fullmatch(line)
    if mac is None or not stanzas:
        raise _fault(name, "its age header is not as it was written")
    return Header(stanzas=tuple(stanzas), signed=b"".join(signed) + b"---", mac=unpadded(mac[1], name))


def unpadded(text: bytes, name: str) -> bytes:
    """Decode the base64 without padding that headers hold. Raises `DamagedArchiveError`."""
    try:
        content = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        content = b""
    if base64.b64encode(content).rstrip(b"=") != text:  # only one spelling of each value is right
        raise _fault(name, "its age header is not as it was written")
    return content


def _line(file: Lines, name: str, before: list[bytes] | None = None) -> bytes:
    space = LONGEST - sum(map(len, before or ()))
    line = file.readline(max(space, 0))
    if not line.endswith(b"\n"):
        if len(line) >= space:
            raise _fault(name, "its age header is longer than any")
        raise _fault(name, "its age header is cut off", Cause.ARCHIVE_CUT_OFF)
    return line[:-1]


def _dearmored(file: Lines, name: str) -> bytes:
    """Decode as much as holds a header."""
    lines = list[bytes]()
    while sum(map(len, lines)) < LONGEST and (line := file.readline(80).strip()) and not line.startswith(b"-----"):
        lines.append(line)
    try:
        return base64.b64decode(b"".join(lines), validate=True)
    except binascii.Error:
        raise _fault(name, "its armor is not as it was written") from None


def changed(name: str, what: str, *, hint: str = "", cause: Cause = Cause.ARCHIVE_CHANGED) -> DamagedArchiveError:
    """Return the error for a sealed archive that is not as it was sealed."""
    return DamagedArchiveError(f"{name} is damaged: {what}.", hint=hint, cause=Reason(cause))


def _fault(name: str, what: str, cause: Cause = Cause.ARCHIVE_CHANGED) -> DamagedArchiveError:
    hint = "Take another copy of it, or another backup: without its header it is lost."
    return changed(name, what, hint=hint, cause=cause)
