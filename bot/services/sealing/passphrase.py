"""Encrypts and decrypts age files with a passphrase as streams, which pyrage does in memory only.

The format is https://age-encryption.org/v1: scrypt wraps the file's key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import re
from collections.abc import Callable
from typing import Protocol

from bot.errors import DamagedArchiveError
from bot.models import Cause, Reason
from bot.services.sealing.ciphers import CHUNK, TAG, chunk_nonce, cipher_of, decrypted, derived_key, header_mac
from bot.services.sealing.header import MAGIC, Header, changed, unpadded

LOG_N = 17
"""scrypt's work: half a second and 128 MiB, as OWASP asks; age's own 18 would take 256 MiB from a small server."""

MOST_LOG_N = 20
"""The most work that is done for a file from elsewhere: 1 GiB of memory."""

_LABEL = b"age-encryption.org/v1/scrypt"


class Reads(Protocol):
    """What content is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class WrongPassphraseError(Exception):
    """Another passphrase sealed the file."""


def seal_by_passphrase(source: Reads, sink: Callable[[bytes], object], passphrase: str, *, log_n: int = LOG_N) -> None:
    """Read the content and give its sealed form to `sink`, piece by piece. Blocking."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrapped = cipher_of(_scrypt(passphrase, salt, log_n)).encrypt(bytes(12), file_key, None)
    head = b"".join([MAGIC, b"\n-> scrypt ", _base64(salt), f" {log_n}\n".encode(), _base64(wrapped), b"\n---"])
    sink(head + b" " + _base64(header_mac(file_key, head)) + b"\n" + nonce)
    cipher = cipher_of(derived_key(file_key, nonce, b"payload"))
    number, chunk = 0, _exactly(source, CHUNK)
    while True:
        following = _exactly(source, CHUNK) if len(chunk) == CHUNK else b""
        sink(cipher.encrypt(chunk_nonce(number, last=not following), chunk, None))
        if not following:
            return
        number, chunk = number + 1, following


def unseal_by_passphrase(
    source: Reads, header: Header, sink: Callable[[bytes], object], passphrase: str, name: str
) -> None:
    """Read what follows the header and give its content to `sink`, piece by piece, each one proven. Blocking.

    Raises `WrongPassphraseError`, `DamagedArchiveError`.
    """
    file_key = _file_key(header, passphrase, name)
    nonce = _exactly(source, 16)
    if len(nonce) < 16:
        raise changed(name, "it is cut off", cause=Cause.ARCHIVE_CUT_OFF)
    cipher = cipher_of(derived_key(file_key, nonce, b"payload"))
    number, chunk = 0, _exactly(source, CHUNK + TAG)
    while True:
        following = _exactly(source, CHUNK + TAG) if len(chunk) == CHUNK + TAG else b""
        content = decrypted(cipher, chunk_nonce(number, last=not following), chunk)
        # Only a file of no bytes at all may end with an empty chunk.
        if content is None or (number and not content):
            raise changed(name, "it is cut off, or was changed after it was sealed")
        sink(content)
        if not following:
            return
        number, chunk = number + 1, following


def _file_key(header: Header, passphrase: str, name: str) -> bytes:
    if len(header.stanzas) != 1:
        raise changed(name, "beside a passphrase, its header names other keys")
    stanza = header.stanzas[0]
    arguments = stanza.arguments if len(stanza.arguments) == 2 else ("", "")
    salt, work = unpadded(arguments[0].encode(), name), re.fullmatch("[1-9][0-9]{0,19}", arguments[1])
    if len(salt) != 16 or work is None or len(stanza.body) != 16 + TAG:
        raise changed(name, "its age header is not as it was written")
    if (log_n := int(work[0])) > MOST_LOG_N:
        raise DamagedArchiveError(
            f"{name} asks for 2^{log_n} rounds of scrypt, and so for more than the {1 << (MOST_LOG_N - 10)} MiB of "
            "memory that are allowed here.",
            hint="If it is yours, open it with age, and bring the ZIP.",
            cause=Reason(Cause.NOT_UNPACKED),
        )
    file_key = decrypted(cipher_of(_scrypt(passphrase, salt, log_n)), bytes(12), stanza.body)
    if file_key is None:
        raise WrongPassphraseError
    if not hmac.compare_digest(header_mac(file_key, header.signed), header.mac):
        raise changed(name, "its age header was changed")
    return file_key


def _scrypt(passphrase: str, salt: bytes, log_n: int) -> bytes:
    rounds = 1 << log_n
    return hashlib.scrypt(
        passphrase.encode(), salt=_LABEL + salt, n=rounds, r=8, p=1, maxmem=128 * 8 * rounds + (1 << 20), dklen=32
    )


def _base64(content: bytes) -> bytes:
    return base64.b64encode(content).rstrip(b"=")


def _exactly(source: Reads, size: int) -> bytes:
    """Read so many bytes, fewer only at the end."""
    found = io.BytesIO()
    while (left := size - found.tell()) and (piece := source.read(left)):
        found.write(piece)
    return found.getvalue()
