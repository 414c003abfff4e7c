"""Draws the week for the weekly report: each day of each database's backups at a glance, and what grew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bot.charts.canvas import MARGIN, SMALL, TITLE, WIDTH, Canvas, Colour
from bot.charts.png import png
from bot.charts.year import SHADES, shade
from bot.models import BackupDay, Trends
from bot.services.messages.week import Picture
from bot.texts.measures import count, human_size
from bot.texts.pictures import of_the_week

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TOP, TALL = 220, 150


def week(days: Sequence[BackupDay], trends: Trends, today: date) -> str:
    """Return the picture of the last seven local days as SVG."""
    known = {day.day: day for day in days}
    canvas = Canvas(TOP + TALL + 330, label="The backups of the week")
    canvas.words(MARGIN, 84, "The week", size=TITLE)
    runs, complete = sum(day.due for day in days), sum(day.complete for day in days)
    said = f"{complete:,} of {count(runs, 'backup')} complete and proven" if runs else "No backup was made or planned."
    canvas.words(MARGIN, 140, said, colour=Colour.FAINT)
    wide = (WIDTH - 2 * MARGIN) / 7
    for number in range(7):
        day = today - timedelta(days=6 - number)
        x, found = MARGIN + number * wide, known.get(day)
        canvas.rect(x + 5, TOP, wide - 10, TALL, shade(found) if found else Colour.EMPTY, rounded=12)
        said = f"{found.complete}/{found.due}" if found else "–"
        ink = Colour.PAPER if found else Colour.FAINT
        canvas.words(x + wide / 2, TOP + TALL / 2 + 14, said, colour=ink, anchor="middle")
        words = f"{WEEKDAYS[day.weekday()]} {day.day}"
        canvas.words(x + wide / 2, TOP + TALL + 44, words, size=SMALL, colour=Colour.FAINT, anchor="middle")
    y = TOP + TALL + 130
    for words in _figures(trends):
        canvas.words(MARGIN, y, words)
        y += 54
    x = float(MARGIN)
    for words, colour in SHADES:
        canvas.rect(x, y - 8, 30, 30, colour, rounded=5)
        canvas.words(x + 42, y + 18, words, size=SMALL, colour=Colour.FAINT)
        x += 42 + len(words) * 16.5 + 40
    return canvas.svg()


def _figures(trends: Trends) -> tuple[str, ...]:
    if not trends.databases:
        return ()
    first = [trend.points[0] for trend in trends.databases]
    last = [trend.points[-1] for trend in trends.databases]
    size, grown = sum(point.bytes for point in last), sum(p.bytes for p in last) - sum(p.bytes for p in first)
    rows = sum(point.rows or 0 for point in last)
    more = rows - sum(point.rows or 0 for point in first)
    return (
        f"{count(len(last), 'database')}, {human_size(size)}{_change(grown, human_size(abs(grown)))}",
        f"{count(rows, 'row')}{_change(more, f'{abs(more):,}')}",
    )


def _change(change: int, size: str) -> str:
    return f" ({'+' if change > 0 else '–'}{size})" if change else ""


def weekly_picture(days: Sequence[BackupDay], trends: Trends, sunday: date) -> Picture:
    """Return the week as it is sent. Blocking."""
    return Picture(png=png(week(days, trends, sunday)), caption=of_the_week(days))
