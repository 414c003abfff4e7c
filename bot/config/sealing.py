"""Validates the settings of sealing: public keys, a passphrase that is strong enough, the file of secret keys.

The readers raise ValueError as those of `values` do; no message holds a secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.config.values import raise_all, split_items
from bot.errors import SealError, how_to_install
from bot.services.sealing.keys import Keys, Seal, fingerprint, read_identity_file, secret_keys_in

SHORTEST_PASSPHRASE = 16

# Passphrases that stand in documents, ours and others': whoever guesses begins with them.
_SAMPLES = ("correct horse battery staple", "tr0ub4dor&3", "five or more random words", "a passphrase worth the name")

# What people put together when asked for something long; the longest are taken out first.
_TRIED_FIRST = """
password passwort passphrase letmein welcome qwertyuiop qwertz qwerty azerty asdfghjkl zxcvbnm iloveyou dragon monkey
football baseball superman batman master admin administrator root toor user login access secret geheim private changeme
default example sample test testing hunter trustno sunshine princess shadow michael jordan backup backups database
sqlite courier telegram token server production hello world abcdefghijklmnopqrstuvwxyz abcdefgh abcdef abcd abc
1234567890 0987654321 123456789 12345678 1234567 123456 12345 1234 123 january february march april june july august
september october november december summer winter spring autumn monday tuesday wednesday thursday friday saturday sunday
my the and is this for your our
""".split()  # noqa: SIM905 - a list of words reads better so
_LEET = str.maketrans("013457@$!", "oieastasi")
_NEEDED = 10
"""Letters and digits, after those words are taken out, of which at least seven differ: five random words have 25."""


def public_keys(value: Any) -> tuple[str, ...]:
    from bot.services.sealing.age import require_public_key  # noqa: PLC0415 - only sealing brings pyrage along

    items = split_items(value) if isinstance(value, str) else [str(item) for item in value]
    faults, found = [], []
    if "ssh-" in str(value):
        raise ValueError("holds an SSH key: write age keys, which begin with age1; `sqlite-courier keygen` makes one.")
    for item in items:
        if secret_keys_in(item) or item.upper().startswith("AGE-SECRET-KEY-"):
            faults.append(
                "holds a SECRET key: write the public one, which begins with age1. Keep the secret one off this server."
            )
        elif not item.startswith("age1"):
            faults.append(f"holds {item[:80]!r}: write public keys, which begin with age1, separated by commas.")
        else:
            try:
                require_public_key(item)
            except ValueError as error:
                faults.append(f"holds {item[:80]!r}, which {error}")
            except SealError as error:
                raise ValueError(f"can't be used: {error.sentence} Run {error.hint}.") from None
            found.append(item)
    raise_all(faults)
    return tuple(dict.fromkeys(found))


def passphrase(text: str) -> str:
    """Refuse what is guessed first; a long one of random words passes."""
    from bot.services.sealing.age import is_installed  # noqa: PLC0415

    if not is_installed():
        raise ValueError(
            f"can't be used: the package that seals archives is not installed. Run {how_to_install('sealing')}."
        )
    mend = "write five or more random words, or let `sqlite-courier keygen` make a key and set AGE_RECIPIENTS."
    if secret_keys_in(text) or text.startswith("age1"):
        raise ValueError("is a key, not a passphrase: a public key goes into AGE_RECIPIENTS.")
    if _plain(text) in {_plain(sample) for sample in _SAMPLES}:
        raise ValueError(f"is a sample that everybody knows: {mend}")
    if len(text) < SHORTEST_PASSPHRASE:
        raise ValueError(f"has {len(text)} characters, and fewer than {SHORTEST_PASSPHRASE} can be guessed: {mend}")
    rest = _without_common_words(text)
    if len(rest) < _NEEDED or len(set(rest)) < 7:
        raise ValueError(f"is made of what is guessed first (common words, rows of keys, repetitions): {mend}")
    return text


def identity_file(value: Any) -> Path:
    """Return the absolute path of a file that holds secret keys."""
    from bot.services.sealing.age import public_key_of  # noqa: PLC0415

    text = str(value).strip()
    try:
        path = Path(text).expanduser().absolute()
        for secret in read_identity_file(path):
            public_key_of(secret)
    except SealError as error:
        raise ValueError(f"can't be used: {error.sentence} Run {error.hint}.") from None
    except RuntimeError:
        raise ValueError(f"is {text!r}, but no home folder is known here: write the whole path.") from None
    except ValueError as error:
        raise ValueError(f"is {text!r}, which {error}") from None
    return path


def seal_of(recipients: tuple[str, ...], chosen: SecretStr) -> Seal | None:
    """Return what archives are sealed with; None where they are not."""
    text = chosen.get_secret_value()
    return Seal(recipients=recipients, passphrase=text) if recipients or text else None


def keys_of(identities: Path | None, chosen: SecretStr) -> Keys:
    """Return what opens sealed archives on this machine, as it is now in the file."""
    text = chosen.get_secret_value()
    secrets: tuple[str, ...] = ()
    if identities is not None:
        try:
            secrets = read_identity_file(identities)
        except ValueError as error:
            raise SealError(f"AGE_IDENTITY_FILE is {str(identities)!r}, which {error}") from None
    return Keys(identities=secrets, passphrases=(text,) if text else ())


def mismatch(recipients: tuple[str, ...], identities: Path | None) -> str:
    """Return a warning where the keys on this server open none of what is sealed here; empty where they do."""
    from bot.services.sealing.age import public_key_of  # noqa: PLC0415

    if not recipients or identities is None:
        return ""
    try:
        if {public_key_of(secret) for secret in read_identity_file(identities)} & set(recipients):
            return ""
    except (ValueError, SealError):
        return ""  # told where it is used
    return "AGE_IDENTITY_FILE holds the key of none of the AGE_RECIPIENTS: it opens nothing that is sealed here now."


def shown(recipients: tuple[str, ...]) -> str:
    """Return the public keys as `config` shows them, each with its fingerprint."""
    return ", ".join(f"{key} ({fingerprint(key)})" for key in recipients)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _without_common_words(text: str) -> str:
    """Return what is left of the letters and digits; other scripts are all left, since the words are English."""
    rest = "".join(sign for sign in text.lower() if sign.isalnum())
    leet = "".join(sign for sign in text.lower().translate(_LEET) if sign.isalnum())
    words = sorted(_TRIED_FIRST, key=len, reverse=True)
    return min((_taken_out(form, words) for form in (rest, leet)), key=len)


def _taken_out(text: str, words: list[str]) -> str:
    for word in words:
        text = text.replace(word, "")
    text = re.sub(r"(?:19|20)\d\d", "", text)
    return re.sub(r"(.+?)\1+", r"\1", text)  # what is repeated counts once
