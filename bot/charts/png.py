"""Turns an SVG into the PNG that a chat shows, in the font that comes with the program."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec

from bot.charts.canvas import FONT


def can_draw() -> bool:
    """Tell whether what the extra `charts` brings is there."""
    return find_spec("resvg_py") is not None


def png(svg: str) -> bytes:
    """Return a picture as PNG. Blocking: 0.1 s. Raises ImportError without the extra `charts`.

    Small servers have no fonts at all; where they have some, letters that ours lacks are taken from them.
    """
    from resvg_py import svg_to_bytes  # noqa: PLC0415 - an extra

    font = files("bot.charts") / "font" / "NotoSans-Regular.ttf"
    return bytes(svg_to_bytes(svg_string=svg, font_files=[str(font)], font_family=FONT, sans_serif_family=FONT))
