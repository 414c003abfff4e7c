"""What an archive says of itself: `manifest.json` for programs."""

from __future__ import annotations

MAX_MANIFEST = 16 << 20
"""Bytes of manifest.json that are read at most: a hundred thousand tables."""
