"""Draws all databases over a time, one line each: those that moved most, and what the others are together."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.charts.canvas import MARGIN, SMALL, TITLE, WIDTH, WORDS, Canvas, Colour, shortened
from bot.charts.growth import compact, curve, explain_marks, growth, set_marks, span_words
from bot.charts.scale import Axis, value_axis
from bot.models import Mark, MarkKind, Trend, Trends
from bot.texts.measures import count, human_size

MOST = 10
TOP, ROW = 190, 130
CURVE_LEFT, CURVE_RIGHT = 430, 790
RIGHT = WIDTH - MARGIN


def overview(trends: Trends, timezone: ZoneInfo) -> str:
    """Return the picture of all databases as SVG; a single one is drawn in full."""
    if len(trends.databases) == 1:
        return growth(trends, trends.databases[0], timezone)
    ranked = sorted(trends.databases, key=_movement, reverse=True)
    shown, rest = ranked[:MOST], ranked[MOST:]
    shown.sort(key=lambda trend: trend.name)
    marks = [mark for trend in shown for mark in _own_marks(trend)]
    bottom = TOP + len(shown) * ROW
    canvas = Canvas(
        bottom + (90 if rest else 30) + (60 if marks else 0),
        label=f"{count(len(ranked), 'database')}: rows and size over {span_words(trends)}",
    )
    canvas.words(MARGIN, 84, count(len(ranked), "database"), size=TITLE)
    total = sum(trend.points[-1].bytes for trend in ranked)
    canvas.words(MARGIN, 136, f"{span_words(trends)} · {human_size(total)} together", colour=Colour.FAINT)
    across = Axis(low=trends.since.timestamp(), high=trends.until.timestamp(), start=CURVE_LEFT, end=CURVE_RIGHT)
    for place, trend in enumerate(shown):
        _line(canvas, trend, across, TOP + place * ROW)
    if rest:
        moved = sum(_movement(trend) > 0 for trend in rest)
        words = (
            f"and {len(rest)} more: {moved} of them changed a little" if moved else f"and {len(rest)} more, unchanged"
        )
        canvas.words(MARGIN, bottom + 46, words, colour=Colour.FAINT)
    explain_marks(canvas, marks, MARGIN, bottom + (110 if rest else 50))
    return canvas.svg()


def _own_marks(trend: Trend) -> list[Mark]:
    """Return what is marked of this database, and not of all."""
    return [mark for mark in trend.marks if mark.name]


def _movement(trend: Trend) -> float:
    """Return by which part of itself a database has grown or shrunk; one with an alarm goes before all others."""
    first, last = trend.points[0], trend.points[-1]
    rows = abs((last.rows or 0) - (first.rows or 0)) / max(1, first.rows or 0, last.rows or 0)
    size = abs(last.bytes - first.bytes) / max(1, first.bytes, last.bytes)
    return max(rows, size) + any(mark.kind is MarkKind.ALARM for mark in _own_marks(trend))


def _line(canvas: Canvas, trend: Trend, across: Axis, top: float) -> None:
    """Draw a database: its name and size, its rows as a curve, its rows now and by how many they changed."""
    first, last = trend.points[0], trend.points[-1]
    canvas.line([(MARGIN, top), (RIGHT, top)], Colour.GRID)
    canvas.words(MARGIN, top + 58, shortened(trend.name, CURVE_LEFT - MARGIN - 20, WORDS))
    canvas.words(MARGIN, top + 100, human_size(last.bytes), size=SMALL, colour=Colour.FAINT)
    counted = [(point.at, float(point.rows)) for point in trend.points if point.rows is not None]
    placed = counted or [(point.at, float(point.bytes)) for point in trend.points]
    axis = value_axis([value for _, value in placed], start=top + ROW - 18, end=top + 24)
    curve(canvas, placed, across, axis, width=4)
    set_marks(canvas, _own_marks(trend), across, top + 28)
    if last.rows is not None:
        canvas.words(RIGHT, top + 58, f"{compact(last.rows)} rows", anchor="end")
        change = last.rows - (first.rows if first.rows is not None else last.rows)
        said = "unchanged" if not change else f"{'+' if change > 0 else '–'}{compact(abs(change))}"
        canvas.words(RIGHT, top + 100, said, size=SMALL, colour=Colour.FAINT, anchor="end")
