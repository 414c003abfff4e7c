"""Reads the content of a sealed archive at any place, without opening what lies before it.

pyrage opens files from their beginning only. Here the key of the file is unwrapped by a secret key (X25519), and each
chunk is opened when it is read; nothing is given out that is not authentic.
"""

from __future__ import annotations

import hmac
import io
import os
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bot.errors import SealError
from bot.services.sealing.ciphers import CHUNK, TAG, chunk_nonce, cipher_of, decrypted, derived_key, header_mac
from bot.services.sealing.header import Header, changed, read_header, unpadded
from bot.services.sealing.keys import Keys

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_LABEL = b"age-encryption.org/v1/X25519"
_BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"  # https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki


def opened_anywhere(path: Path, keys: Keys) -> BinaryIO:
    """Open a sealed archive as a file of its content, which can be read and sought in.

    Raises `SealError` where no secret key of these opens it, as where it is sealed by a passphrase; and
    `DamagedArchiveError` where it is cut off, and also later for what was changed after it was sealed.
    """
    file = path.open("rb")
    try:
        header = read_header(file, path.name)
        file_key = _file_key(header, keys, path.name)
        start = file.tell() + 16
        cipher = cipher_of(derived_key(file_key, file.read(16), b"payload"))
        sealed = os.fstat(file.fileno()).st_size - start
        return io.BufferedReader(_Content(file, start, sealed, cipher, path.name), CHUNK)
    except BaseException:
        file.close()
        raise


def _file_key(header: Header, keys: Keys, name: str) -> bytes:
    shares = [
        (unpadded(stanza.arguments[0].encode(), name), stanza.body)
        for stanza in header.stanzas
        if stanza.kind == "X25519" and len(stanza.arguments) == 1 and len(stanza.body) == 16 + TAG
    ]
    for secret, (share, wrapped) in product(keys.identities, () if header.armored else shares):
        try:
            key = decrypted(cipher_of(_wrapping_key(secret, share)), bytes(12), wrapped)
        except ValueError:  # that is no point of the curve
            continue
        if key is not None and hmac.compare_digest(header_mac(key, header.signed), header.mac):
            return key
    raise SealError(f"No secret key given here opens {name}.", wants="key")


def _wrapping_key(secret_key: str, share: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey  # noqa: PLC0415 - an extra

    own = X25519PrivateKey.from_private_bytes(_decoded(secret_key))
    shared = own.exchange(X25519PublicKey.from_public_bytes(share))
    return derived_key(shared, share + own.public_key().public_bytes_raw(), _LABEL)


def _decoded(secret_key: str) -> bytes:
    """Return the 32 bytes of a secret key that is known to be whole: 52 digits of 5 bits, before six of a checksum."""
    digits = secret_key.upper().rpartition("1")[2][:-6]
    number = sum(_BECH32.index(digit) << 5 * place for place, digit in enumerate(reversed(digits)))
    return (number >> 4).to_bytes(32, "big")


class _Content(io.RawIOBase):
    """What is in the chunks."""

    def __init__(self, file: BinaryIO, start: int, sealed: int, cipher: ChaCha20Poly1305, name: str) -> None:
        self._file, self._start, self._cipher, self._name = file, start, cipher, name
        self._chunks = max(1, -(-sealed // (CHUNK + TAG)))
        self._size = sealed - TAG * self._chunks
        self._position = 0
        self._chunk(self._chunks - 1)  # marked as the last one: the file ends where it ended

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = max(0, offset + (0, self._position, self._size)[whence])
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._position >= self._size:
            return 0
        number, within = divmod(self._position, CHUNK)
        view = memoryview(buffer).cast("B")
        piece = self._chunk(number)[within : within + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _chunk(self, number: int) -> bytes:
        self._file.seek(self._start + number * (CHUNK + TAG))
        nonce = chunk_nonce(number, last=number == self._chunks - 1)
        content = decrypted(self._cipher, nonce, self._file.read(CHUNK + TAG))
        if content is None:
            raise changed(self._name, "it is cut off, or was changed after it was sealed")
        return content

    def close(self) -> None:
        self._file.close()
        super().close()
