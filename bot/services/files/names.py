"""Normalises file names for comparison, so that every system's way of writing a name is equal."""

from __future__ import annotations

import unicodedata


def folded(name: str) -> str:
    """Return what is equal for the same name: composed (a Mac takes letters and their marks apart), case ignored."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
