"""The ciphers of the age format, which `cryptography` does.

The format is https://age-encryption.org/v1: HMAC proves the header, and ChaCha20-Poly1305 the content in chunks of 64
KiB, each with its number and the last one marked.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CHUNK = 1 << 16
TAG = 16
"""Bytes that sealing adds to a chunk, and to a key that it wraps."""


def cipher_of(key: bytes) -> ChaCha20Poly1305:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415 - an extra

    return ChaCha20Poly1305(key)


def decrypted(cipher: ChaCha20Poly1305, nonce: bytes, sealed: bytes) -> bytes | None:
    """Return the content of a chunk, or a key that was wrapped; None where it is not authentic."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    if len(sealed) < TAG:
        return None
    try:
        return cipher.decrypt(nonce, sealed, None)
    except InvalidTag:
        return None


def derived_key(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    """HKDF with SHA-256 for 32 bytes, which is one block of it (RFC 5869)."""
    extracted = hmac.digest(salt or bytes(32), secret, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


def header_mac(file_key: bytes, signed: bytes) -> bytes:
    return hmac.digest(derived_key(file_key, b"", b"header"), signed, "sha256")


def chunk_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
