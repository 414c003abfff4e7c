"""Reads the keys of sealed archives: recipients, identities, and the fingerprints that people compare."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from bot.services.sealing.header import begins_sealed

BY_PASSPHRASE = "a passphrase"  # noqa: S105 - a word for people
UNKNOWN = "a key that is not known here"

SECRET_KEY = re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{58}")
_LONGEST_FILE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """To whom archives are sealed: the owners of public keys, or else whoever knows a passphrase."""

    recipients: tuple[str, ...] = ()
    passphrase: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """Say to whom in a word: the fingerprints of the keys, or that it is a passphrase (which has none to show)."""
        return ", ".join(map(fingerprint, self.recipients)) or BY_PASSPHRASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens sealed archives here: secret keys and passphrases, shown nowhere. False where there is none."""

    identities: tuple[str, ...] = field(default=(), repr=False)
    passphrases: tuple[str, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.identities or self.passphrases)

    def __add__(self, more: Keys) -> Keys:
        return Keys(
            identities=tuple(dict.fromkeys((*self.identities, *more.identities))),
            passphrases=tuple(dict.fromkeys((*self.passphrases, *more.passphrases))),
        )


NO_KEYS = Keys()


def fingerprint(public_key: str) -> str:
    """Return sixteen hex digits of a public key's SHA-256: short enough to be compared with a sheet of paper.

    `printf %s age1… | sha256sum` shows the same digits.
    """
    digits = hashlib.sha256(public_key.strip().encode()).hexdigest()[:16].upper()
    return "-".join(re.findall("....", digits))


def secret_keys_in(text: str) -> tuple[str, ...]:
    """Return the secret keys that a text holds, as `age-keygen` writes them; lower case is accepted."""
    return tuple(dict.fromkeys(SECRET_KEY.findall(text.upper())))


def read_identity_file(path: Path) -> tuple[str, ...]:
    """Return the secret keys of an identity file. Raises ValueError with a phrase that completes the file's name."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_FILE)
    except FileNotFoundError:
        raise ValueError("does not exist: check the path.") from None
    except OSError as error:
        raise ValueError(f"can't be read ({error.strerror}): check the path and its permissions.") from None
    if begins_sealed(content):
        raise ValueError(
            "is itself sealed by a passphrase: unseal it with age first, into a file that you delete later."
        )
    if b"OPENSSH PRIVATE KEY" in content:
        raise ValueError("holds an SSH key: archives are sealed for the age keys that `sqlite-courier keygen` makes.")
    try:
        found = secret_keys_in(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        found = ()
    if not found:
        public = " (it holds a public key)" if b"age1" in content else ""
        raise ValueError(f"holds no secret key{public}: it has a line that begins with AGE-SECRET-KEY-1.")
    return found


def is_world_readable(path: Path) -> bool:
    """Tell whether others than the owner may read a key; never on Windows, which has no such bits."""
    try:
        return bool(path.stat().st_mode & 0o044)
    except OSError:
        return False
