"""Draws how far back one can go: every backup that the disk, each chat and each store holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.charts.canvas import MARGIN, SMALL, TITLE, WIDTH, Canvas, Colour, shortened
from bot.charts.scale import Axis, moments
from bot.clock import date_time
from bot.models import Reach
from bot.texts.measures import count

MOST = 12
TOP, ROW = 180, 150
RIGHT = WIDTH - MARGIN


def reach(places: Sequence[Reach], now: datetime, timezone: ZoneInfo) -> str:
    """Return the picture as SVG: a line per place, a stroke per backup, from the oldest of all until now."""
    shown = places[:MOST]
    oldest = min((place.times[0] for place in shown if place.times), default=now)
    since = min(oldest, now - timedelta(days=1))
    bottom = TOP + len(shown) * ROW
    canvas = Canvas(bottom + (120 if len(places) > MOST else 80), label="How far back one can go")
    canvas.words(MARGIN, 84, "How far back", size=TITLE)
    canvas.words(MARGIN, 140, "Each stroke is a backup that can be restored.", colour=Colour.FAINT)
    across = Axis(low=since.timestamp(), high=now.timestamp(), start=MARGIN, end=RIGHT)
    for number, place in enumerate(shown):
        _place(canvas, place, across, TOP + number * ROW, timezone)
    for at, words in moments(since, now, timezone):
        x = across.at(at.timestamp())
        canvas.line([(x, bottom), (x, bottom + 10)], Colour.FAINT)
        anchor = "start" if x < MARGIN + 50 else "end" if x > RIGHT - 50 else "middle"
        canvas.words(x, bottom + 48, words, size=SMALL, colour=Colour.FAINT, anchor=anchor)
    if len(places) > MOST:
        canvas.words(MARGIN, bottom + 96, f"and {len(places) - MOST} more places", size=SMALL, colour=Colour.FAINT)
    return canvas.svg()


def _place(canvas: Canvas, place: Reach, across: Axis, top: float, timezone: ZoneInfo) -> None:
    canvas.words(MARGIN, top + 40, shortened(name_of(place), 480, 36))
    held, number = "nothing", len(place.times)
    if place.times:
        held = f"{count(number, 'backup')}{', of' if number == 1 else ' since'} {date_time(place.times[0], timezone)}"
    canvas.words(RIGHT, top + 40, held, size=SMALL, colour=Colour.FAINT, anchor="end")
    canvas.rect(MARGIN, top + 62, RIGHT - MARGIN, 52, Colour.EMPTY, rounded=6)
    for x in sorted({round(across.at(at.timestamp())) for at in place.times}):
        canvas.rect(min(x, RIGHT - 3), top + 62, 3, 52, Colour.LINE)


def name_of(place: Reach) -> str:
    """Return a place as people call it."""
    return place.name or place.place or "This server's disk"
