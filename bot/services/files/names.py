"""Compares file names whatever system wrote them, and reads the number of a volume from its name."""

from __future__ import annotations

import re
import unicodedata

COPIED = r"(?:\s*\(\d{1,3}\))?"
"""What phones and browsers add to the second file of a name."""

_VOLUME = re.compile(rf"\.(\d{{3,4}}){COPIED}$")
_SEALED = re.compile(r"\.age(?![a-z])", re.IGNORECASE)
_NUMBER = re.compile(r"\.(\d{3,4})(?!\d)")


def folded(name: str) -> str:
    """Return what is equal for the same name: composed (a Mac takes letters and their marks apart), case ignored."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def volume_number(name: str) -> int | None:
    """Return the number at the end of a volume's name, which may be wrong; None where there is none."""
    found = _VOLUME.search(name.strip())
    return int(found[1]) if found and int(found[1]) else None


def number_within(name: str) -> int | None:
    """Return the number of what is known to be a volume, also where something was added behind it."""
    found = _NUMBER.findall(name)
    return int(found[-1]) if found and int(found[-1]) else None


def bare_name(name: str) -> str:
    """Return a volume's name without its number: that of the archive, if it was not changed."""
    return _VOLUME.sub("", name.strip()) or name


def is_called_sealed(name: str) -> bool:
    """Tell by its name whether a file is a sealed archive, or a volume of one: only the first shows it by its bytes."""
    return _SEALED.search(name) is not None
