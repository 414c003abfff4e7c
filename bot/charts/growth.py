"""Draws one database over a time: its rows above, its size below, alarms and restores marked, gaps left open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from bot.charts.canvas import MARGIN, SMALL, TITLE, WIDTH, WORDS, Canvas, Colour, shortened
from bot.charts.scale import Axis, moments, value_axis
from bot.models import Mark, MarkKind, Trend, Trends
from bot.texts.measures import count, human_size

LEFT = 190
RIGHT = WIDTH - MARGIN
TOP, PANEL, BETWEEN = 240, 300, 110
GAP = 3.0
"""Times the usual distance between two backups, from which on there is a gap."""

Placed = Sequence[tuple[datetime, float]]


def growth(trends: Trends, trend: Trend, timezone: ZoneInfo) -> str:
    """Return the picture of one database as SVG. Without any counted rows, the size stands alone."""
    counted = [point for point in trend.points if point.rows is not None]
    panels: list[tuple[str, Placed, int, Callable[[float], str]]] = []
    if counted:
        rows = [(point.at, float(point.rows or 0)) for point in counted]
        panels.append((f"{count(int(rows[-1][1]), 'row')}{_change(rows, '{:+,.0f}')}", rows, 10, compact))
    sizes = [(point.at, float(point.bytes)) for point in trend.points]
    panels.append((f"{human_size(sizes[-1][1])}{_size_change(sizes)}", sizes, 1024, human_size))
    bottom = TOP + len(panels) * PANEL + (len(panels) - 1) * BETWEEN
    marked = bool(trend.marks)
    canvas = Canvas(bottom + (150 if marked else 90), label=f"{trend.name}: rows and size over {span_words(trends)}")
    canvas.words(MARGIN, 84, shortened(trend.name, RIGHT - MARGIN, TITLE), size=TITLE)
    canvas.words(MARGIN, 136, span_words(trends), size=WORDS, colour=Colour.FAINT)
    across = Axis(low=trends.since.timestamp(), high=trends.until.timestamp(), start=LEFT, end=RIGHT)
    for place, (title, placed, base, say) in enumerate(panels):
        top = TOP + place * (PANEL + BETWEEN)
        canvas.words(MARGIN, top - 22, title, size=WORDS)
        axis = value_axis([value for _, value in placed], start=top + PANEL, end=top + 14, base=base)
        for value in axis.named:
            canvas.line([(LEFT, axis.at(value)), (RIGHT, axis.at(value))], Colour.GRID)
            canvas.words(LEFT - 16, axis.at(value) + 10, say(value), size=SMALL, colour=Colour.FAINT, anchor="end")
        for mark in trend.marks:
            at = across.at(mark.at.timestamp())
            canvas.line([(at, top + 14), (at, top + PANEL)], mark_colour(mark.kind), width=3, dashed=True)
        curve(canvas, placed, across, axis)
    _below(canvas, trends, across, bottom, timezone)
    if marked:
        _marks(canvas, trend.marks, across, bottom)
    return canvas.svg()


def curve(canvas: Canvas, placed: Placed, across: Axis, axis: Axis, *, width: float = 5) -> None:
    """Draw values over time: a line for each stretch without a gap, a dot for a lonely value."""
    for stretch in stretches(placed):
        points = [(across.at(at.timestamp()), axis.at(value)) for at, value in stretch]
        if len(points) == 1:
            canvas.dot(*points[0], Colour.LINE, radius=width * 1.6)
            continue
        canvas.area([(points[0][0], axis.start), *points, (points[-1][0], axis.start)], Colour.LINE)
        canvas.line(points, Colour.LINE, width=width)


def stretches(placed: Placed) -> list[Placed]:
    """Cut a series where backups are missing: at distances that are `GAP` times the usual one."""
    distances = [(after - before).total_seconds() for (before, _), (after, _) in pairwise(placed)]
    if not distances:
        return [placed]
    longest = median(distances) * GAP
    cuts = [number for number, distance in enumerate(distances, 1) if distance > max(longest, 60)]
    return [placed[start:end] for start, end in pairwise([0, *cuts, len(placed)])]


def mark_colour(kind: MarkKind) -> Colour:
    return Colour.BAD if kind is MarkKind.ALARM else Colour.GOOD


def span_words(trends: Trends) -> str:
    """Return what time a picture shows: `last 24 hours`, `last 30 days`."""
    hours = round((trends.until - trends.since).total_seconds() / 3600)
    return "last 24 hours" if hours <= 24 else f"last {round(hours / 24)} days"


def compact(value: float) -> str:
    """Return a figure for an axis: `950`, `12,000`, `3.4 M`."""
    return f"{value / 1e6:,.4g} M" if abs(value) >= 1e6 else f"{value:,.0f}"


def _change(placed: Placed, form: str) -> str:
    change = placed[-1][1] - placed[0][1]
    return f" ({form.format(change)})" if change else ""


def _size_change(placed: Placed) -> str:
    change = placed[-1][1] - placed[0][1]
    return f" ({'+' if change > 0 else '–'}{human_size(abs(change))})" if change else ""


def _below(canvas: Canvas, trends: Trends, across: Axis, bottom: float, timezone: ZoneInfo) -> None:
    """Write the moments under the lowest panel."""
    for at, words in moments(trends.since, trends.until, timezone):
        x = across.at(at.timestamp())
        canvas.line([(x, bottom), (x, bottom + 10)], Colour.FAINT)
        if x > LEFT + 30 or at != trends.since:
            anchor = "end" if x > RIGHT - 40 else "middle"
            canvas.words(x, bottom + 48, words, size=SMALL, colour=Colour.FAINT, anchor=anchor)


def _marks(canvas: Canvas, marks: Sequence[Mark], across: Axis, bottom: float) -> None:
    """Set a shape over each mark, and say below what the shapes mean."""
    set_marks(canvas, marks, across, TOP + 12)
    explain_marks(canvas, marks, LEFT, bottom + 112)


def set_marks(canvas: Canvas, marks: Iterable[Mark], across: Axis, y: float) -> None:
    """Set the shape of each mark on `y`, alarms in front."""
    for mark in sorted(marks, key=lambda mark: mark.kind is MarkKind.ALARM):
        _shape(canvas, mark.kind, across.at(mark.at.timestamp()), y)


def explain_marks(canvas: Canvas, marks: Sequence[Mark], x: float, y: float) -> None:
    """Say in a line what the shapes of the marks mean, and how many there are of each."""
    for kind in MarkKind:
        number = sum(mark.kind is kind for mark in marks)
        if number:
            _shape(canvas, kind, x + 12, y)
            canvas.words(x + 36, y, count(number, kind.value), size=SMALL, colour=Colour.FAINT)
            x += 260


def _shape(canvas: Canvas, kind: MarkKind, x: float, y: float) -> None:
    draw = canvas.triangle if kind is MarkKind.ALARM else canvas.diamond
    draw(x, y, mark_colour(kind))
