"""Draws a year of days: on which everything was proven, something was missing, or nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bot.charts.canvas import MARGIN, SMALL, TITLE, WIDTH, Canvas, Colour
from bot.clock import MONTHS
from bot.models import BackupDay
from bot.texts.measures import count

WEEKS = 53
HALF = 27
"""Weeks in a row of the picture: a whole year in one would make days of five points on a phone."""

CELL = (WIDTH - 2 * MARGIN - 70) / HALF
LEFT, TOP, BLOCK = MARGIN + 70, 240, 7 * CELL + 80

SHADES = (("all proven", Colour.GOOD), ("something missing", Colour.SOME), ("nothing proven", Colour.BAD))


def shade(day: BackupDay) -> Colour:
    """Return the colour of a day on which runs were due."""
    if day.complete == day.due:
        return Colour.GOOD
    return Colour.SOME if day.proven else Colour.BAD


def year(days: Sequence[BackupDay], today: date) -> str:
    """Return the picture as SVG: half a year above, the newer half below; days without a run are empty."""
    known = {day.day: day for day in days}
    monday = today - timedelta(days=today.weekday(), weeks=WEEKS)
    good = sum(shade(day) is Colour.GOOD for day in days)
    canvas = Canvas(round(TOP + 2 * BLOCK + 60), label="The backups of a year, day by day")
    canvas.words(MARGIN, 84, "A year of backups", size=TITLE)
    canvas.words(
        MARGIN,
        140,
        f"{count(good, 'day')} all proven, of {sum(day.runs > 0 for day in days):,} with backups",
        colour=Colour.FAINT,
    )
    for week in range(2 * HALF):
        top, x = TOP + week // HALF * BLOCK, LEFT + week % HALF * CELL
        first = monday + timedelta(weeks=week)
        if first.day <= 7 and week % HALF < HALF - 1:
            canvas.words(x, top - 14, MONTHS[first.month - 1], size=SMALL, colour=Colour.FAINT)
        for weekday in range(7):
            day = first + timedelta(days=weekday)
            if day <= today:
                colour = shade(known[day]) if day in known else Colour.EMPTY
                canvas.rect(x + 2, top + weekday * CELL + 2, CELL - 4, CELL - 4, colour, rounded=5)
    for half in range(2):
        for weekday, word in ((0, "Mon"), (6, "Sun")):
            y = TOP + half * BLOCK + weekday * CELL + CELL * 0.75
            canvas.words(MARGIN, y, word, size=SMALL, colour=Colour.FAINT)
    _legend(canvas, TOP + 2 * BLOCK)
    return canvas.svg()


def _legend(canvas: Canvas, y: float) -> None:
    x = float(MARGIN)
    for words, colour in (*SHADES, ("no run", Colour.EMPTY)):
        canvas.rect(x, y - 26, 30, 30, colour, rounded=5)
        canvas.words(x + 42, y, words, size=SMALL, colour=Colour.FAINT)
        x += 42 + len(words) * 15 + 32
