"""Names of files as they are compared: one name is the same, whatever system wrote it down."""

from __future__ import annotations

import unicodedata


def folded(name: str) -> str:
    """Return what is equal for the same name: composed (a Mac takes letters and their marks apart), case ignored."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
