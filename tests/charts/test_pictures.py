"""Pictures: kept as SVG, whole within their frame, and turned into PNG."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from bot.charts.canvas import WIDTH
from bot.charts.growth import growth, stretches
from bot.charts.overview import overview
from bot.charts.png import png
from bot.charts.reach import reach
from bot.charts.scale import moments, value_axis
from bot.charts.week import week
from bot.charts.year import year
from bot.models import BackupDay, Mark, MarkKind, Reach, Span, Trend, TrendPoint, Trends

KEPT = Path(__file__).parent / "pictures"
ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 11, 50, tzinfo=UTC)
TODAY = NOW.date()
LONG = "a-very-long-name-of-somebodys-production-database-eu-west.sqlite3"


def trend(
    name: str, hours: int, rows: Callable[[int], float], *, every: int = 1, marks: tuple[Mark, ...] = ()
) -> Trend:
    points = tuple(
        TrendPoint(at=NOW - timedelta(hours=every * back), bytes=int(4e6 + rows(back) * 400), rows=int(rows(back)))
        for back in range(hours // every, -1, -1)
    )
    return Trend(name=name, points=points, marks=marks)


def over(span: Span, *databases: Trend) -> Trends:
    return Trends(since=NOW - span.length, until=NOW, databases=databases)


def with_gap(whole: Trend) -> Trend:
    """A database of which no backup was made for thirty hours, alarmed and restored."""
    marks = (
        Mark(at=NOW - timedelta(hours=60), kind=MarkKind.ALARM, name=whole.name),
        Mark(at=NOW - timedelta(hours=58), kind=MarkKind.RESTORE, name=whole.name),
    )
    return replace(whole, points=whole.points[:70] + whole.points[100:], marks=marks)


def grown(back: int) -> float:
    return 12_000 - back * 7 + 60 * math.sin(back / 9)


def days(number: int) -> list[BackupDay]:
    """Hourly runs, with one day of nothing and three days on which something was missing."""
    proven = {30: 0}
    complete = {30: 0, 90: 20, 91: 0, 92: 23}
    return [
        BackupDay(day=TODAY - timedelta(days=n), runs=24, proven=proven.get(n, 24), complete=complete.get(n, 24))
        for n in range(number - 1, -1, -1)
    ]


def draw(case: str) -> str:
    one = trend("users.db", 0, lambda _: 12_000)
    busy = with_gap(trend("users.db", 160, grown))
    five = [
        trend(name, 160, lambda back, k=number: 9_000 - k * back)  # type: ignore[misc]
        for number, name in enumerate(("orders.db", "billing.sqlite3", LONG, "x.db"))
    ]
    sixty = [trend(f"shard_{k:02}.db", 160, lambda back, k=k: 9e6 - k % 7 * back) for k in range(60)]  # type: ignore[misc]
    uncounted = replace(busy, points=tuple(replace(point, rows=None) for point in busy.points))
    places = [
        Reach(place="", name="", times=tuple(NOW - timedelta(hours=n) for n in range(50, -1, -1))),
        Reach(place="77", name="Ann Example", times=tuple(NOW - timedelta(days=n) for n in range(60, -1, -1))),
        Reach(place="s3://bucket/with/a/long/prefix/for/the/backups", name="", times=(NOW - timedelta(days=20),)),
        Reach(place="78", name="Ben", times=()),
    ]
    many = [Reach(place=str(n), name="", times=(NOW - timedelta(days=n),)) for n in range(15)]
    return {
        "growth_single_point": lambda: growth(over(Span.DAY, one), one, ZONE),
        "growth_with_gap": lambda: growth(over(Span.WEEK, busy), busy, ZONE),
        "growth_not_counted": lambda: growth(over(Span.WEEK, uncounted), uncounted, ZONE),
        "growth_month": lambda: growth(over(Span.MONTH, five[2]), trend(LONG, 700, lambda b: 5e6 - 7e3 * b), ZONE),
        "overview_one": lambda: overview(over(Span.WEEK, busy), ZONE),
        "overview_five": lambda: overview(over(Span.WEEK, busy, *five), ZONE),
        "overview_sixty": lambda: overview(over(Span.WEEK, *sixty), ZONE),
        "year_full": lambda: year(days(371), TODAY),
        "year_first_day": lambda: year(days(1), TODAY),
        "reach": lambda: reach(places, NOW, ZONE),
        "reach_first_hour": lambda: reach([Reach(place="", name="", times=(NOW,))], NOW, ZONE),
        "reach_many_places": lambda: reach(many, NOW, ZONE),
        "week": lambda: week([*days(7)[:5], BackupDay(day=TODAY, runs=2)], over(Span.WEEK, busy, *five), TODAY),
        "week_nothing": lambda: week([], over(Span.WEEK), TODAY),
    }[case]()


CASES = (
    *("growth_single_point", "growth_with_gap", "growth_not_counted", "growth_month"),
    *("overview_one", "overview_five", "overview_sixty", "year_full", "year_first_day"),
    *("reach", "reach_first_hour", "reach_many_places", "week", "week_nothing"),
)


@pytest.mark.parametrize("case", CASES)
def test_a_picture_is_the_one_that_was_looked_at(case: str, pytestconfig: pytest.Config) -> None:
    """Pictures are looked at when they change; --update-screens writes them anew."""
    svg, kept = draw(case), KEPT / f"{case}.svg"
    if pytestconfig.getoption("--update-screens"):
        kept.write_text(svg + "\n", encoding="utf-8")
    assert kept.read_text(encoding="utf-8") == svg + "\n"


@pytest.mark.parametrize("case", CASES)
def test_nothing_leaves_the_frame(case: str) -> None:
    """Words and shapes end within the picture, however long a name is."""
    root = ET.fromstring(draw(case))
    height = float(root.attrib["height"])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        long = len(text.text or "") * float(text.attrib["font-size"]) * 0.52
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        left = x - {"start": 0.0, "middle": long / 2, "end": long}[text.attrib["text-anchor"]]
        assert left >= 0, text.text
        assert left + long <= WIDTH, text.text
        assert 0 < y < height - 10, text.text
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        box = {name: float(rect.attrib[name]) for name in ("x", "y", "width", "height")}
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= WIDTH
        assert box["y"] + box["height"] <= height


def test_a_picture_becomes_a_png() -> None:
    """In the size that it was drawn in, with words in it: another title gives other pixels."""
    first, second = (png(growth(over(Span.DAY, one), one, ZONE)) for one in (trend(n, 9, grown) for n in ("a", "b")))
    assert first.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(first[16:20]) == WIDTH
    assert first != second


def test_a_gap_is_where_backups_are_missing() -> None:
    """An hourly series is cut at a missing day, one of every day is not cut at all."""
    hourly = [(NOW + timedelta(hours=hour), 1.0) for hour in range(24)]
    assert [len(stretch) for stretch in stretches([*hourly[:5], *hourly[9:]])] == [5, 15]
    assert len(stretches([(NOW + timedelta(days=day), 1.0) for day in range(7)])) == 1
    assert stretches(hourly[:1]) == [hourly[:1]]


@pytest.mark.parametrize(
    ("values", "base", "named"),
    [
        ([12_000.0], 10, [11_850, 11_900, 11_950, 12_000, 12_050, 12_100, 12_150]),
        ([0.0], 10, [0, 1]),
        ([10.0, 3_000_000.0], 10, [0, 1e6, 2e6, 3e6]),
        ([0.0, 120 * 1024.0**2], 1024, [0, 50 * 1024**2, 100 * 1024**2, 150 * 1024**2]),
    ],
)
def test_an_axis_names_round_figures(values: list[float], base: int, named: list[float]) -> None:
    """Every value lies on the axis, and what stands at it is round."""
    axis = value_axis(values, start=300, end=0, base=base)
    assert axis.low <= min(values) <= max(values) <= axis.high
    assert len(axis.named) <= 8
    assert set(axis.named) == set(named) or len(values) == 1


def test_moments_are_those_of_the_wall_clock() -> None:
    """Midnights and quarters of a day in local time, also across the change of the clocks."""
    change = datetime(2026, 10, 25, 12, tzinfo=UTC)
    assert [words for _, words in moments(change - timedelta(hours=24), change, ZONE)] == [
        "18:00",
        "00:00",
        "06:00",
        "12:00",
    ]
    week_of_change = moments(change - timedelta(days=7), change, ZONE)
    assert all(at.astimezone(ZONE).hour == 0 for at, _ in week_of_change)
    assert len(week_of_change) == 7
