"""Draws shapes and words into an SVG, in the one look of all pictures.

A picture is as wide as a phone shows it sharply, opaque, so that it reads in light and dark chats alike, and its
smallest words are still 10 points high there.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from xml.etree import ElementTree as ET

WIDTH = 1080
MARGIN = 48
FONT = "Noto Sans"

# Units: pixels of a picture that is 1080 wide. Three of them are about one point on a phone.
TITLE, WORDS, SMALL = 52, 36, 30
_GLYPH = 0.56  # the width of a mean letter of the font, in its size


class Colour(StrEnum):
    """Of a palette that colour-blind people tell apart too: every meaning has a shape or a word beside its colour."""

    PAPER = "#ffffff"
    INK = "#1c2733"
    FAINT = "#66737f"
    GRID = "#e1e6ea"
    EMPTY = "#f1f4f6"
    LINE = "#2481cc"
    GOOD = "#3aa76d"
    SOME = "#f0a92e"
    BAD = "#d6453d"


def shortened(words: str, width: float, size: float) -> str:
    """Return words that fit into a width, cut in their middle where they don't: a file's name tells by both ends."""
    most = max(3, int(width / (size * _GLYPH)))
    if len(words) <= most:
        return words
    head = (most - 1) // 2
    return f"{words[:head]}…{words[len(words) - (most - 1 - head) :]}"


class Canvas:
    """A picture of a fixed width that is being drawn."""

    def __init__(self, height: int, *, label: str) -> None:
        """`label` is what the picture shows, for those who can't see it."""
        size = {"width": str(WIDTH), "height": str(height), "viewBox": f"0 0 {WIDTH} {height}"}
        self._root = ET.Element("svg", size | {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        self._root.set("font-family", f"'{FONT}', sans-serif")
        self._add("title").text = label
        self.rect(0, 0, WIDTH, height, Colour.PAPER)

    def _add(self, tag: str, **attributes: object) -> ET.Element:
        named = {name.replace("_", "-"): _written(value) for name, value in attributes.items()}
        return ET.SubElement(self._root, tag, named)

    def words(
        self, x: float, y: float, words: str, *, size: float = WORDS, colour: Colour = Colour.INK, anchor: str = "start"
    ) -> None:
        """Write a line of words; `y` is its baseline, `anchor` start, middle or end."""
        self._add("text", x=x, y=y, font_size=size, fill=colour, text_anchor=anchor).text = words

    def rect(self, x: float, y: float, width: float, height: float, colour: Colour, *, rounded: float = 0) -> None:
        """Fill a rectangle."""
        self._add("rect", x=x, y=y, width=width, height=height, fill=colour, rx=rounded)

    def line(
        self, points: Iterable[tuple[float, float]], colour: Colour, *, width: float = 2, dashed: bool = False
    ) -> None:
        """Draw a line through points."""
        path = "M" + "L".join(f"{_written(x)},{_written(y)}" for x, y in points)
        element = self._add("path", d=path, fill="none", stroke=colour, stroke_width=width, stroke_linejoin="round")
        element.set("stroke-linecap", "round")
        if dashed:
            element.set("stroke-dasharray", "6 10")

    def area(self, points: Iterable[tuple[float, float]], colour: Colour) -> None:
        """Fill what points enclose, so faintly that lines are seen through it."""
        path = "M" + "L".join(f"{_written(x)},{_written(y)}" for x, y in points) + "Z"
        self._add("path", d=path, fill=colour, fill_opacity=0.13)

    def dot(self, x: float, y: float, colour: Colour, *, radius: float = 8) -> None:
        """Draw a dot."""
        self._add("circle", cx=x, cy=y, r=radius, fill=colour)

    def triangle(self, x: float, y: float, colour: Colour, *, size: float = 22) -> None:
        """Draw a triangle that stands on `y`: an alarm."""
        self._mark(colour, (x - size / 2, y), (x, y - size), (x + size / 2, y))

    def diamond(self, x: float, y: float, colour: Colour, *, size: float = 26) -> None:
        """Draw a diamond that stands on `y`: a restore."""
        half = size / 2
        self._mark(colour, (x - half, y - half), (x, y - size), (x + half, y - half), (x, y))

    def _mark(self, colour: Colour, *points: tuple[float, float]) -> None:
        # With a rim of paper, marks that lie on one another are still two.
        rim = {"stroke": Colour.PAPER, "stroke-width": 3, "stroke-linejoin": "round"}
        self._add("path", d=_closed(*points), fill=colour, **rim)

    def svg(self) -> str:
        """Return the picture."""
        return ET.tostring(self._root, encoding="unicode")


def _closed(*points: tuple[float, float]) -> str:
    return "M" + "L".join(f"{_written(x)},{_written(y)}" for x, y in points) + "Z"


def _written(value: object) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
