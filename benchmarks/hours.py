"""Measures what an hour costs in which little changed: five databases of which one did, none that did, ten at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks import data
from benchmarks.process import Cost, configured, courier, middle, ratio

DATABASES = 5


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """Each database has a third of the size that was asked for; what is compared happens in one round."""
    sources = [data.indexed(folder / f"{number}.db", megabytes // 3) for number in range(DATABASES)]
    small = [data.indexed(folder / f"small-{number}.db", 3) for number in range(2 * DATABASES)]
    first, changed, same, ten = [], [], [], []
    for number in range(runs):
        here = configured(folder / f"round-{number}", sources)
        first.append(_backed_up(here))
        _change(sources[0])
        changed.append(_backed_up(here))
        same.append(_backed_up(here))
        ten.append(_backed_up(configured(folder / f"ten-{number}", small)))
    size = megabytes // 3
    return [
        "| an hour with | CPU s | × the first | wall s | × the first | peak MB |",
        "|---|---|---|---|---|---|",
        _row(f"{DATABASES} databases of {size} MB, the first time", first, first),
        _row("one of them changed since", changed, first),
        _row("none changed since", same, first),
        _row(f"{len(small)} databases of 3 MB, the first time", ten, first),
    ]


def _backed_up(folder: Path) -> Cost:
    return courier(folder, "backup", "--no-deliver")


def _change(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE items SET score = score + 1 WHERE id % 1000 = 0")


def _row(name: str, costs: list[Cost], first: list[Cost]) -> str:
    figures = (f"{middle(costs, each):.2f} | {ratio(costs, first, each):.2f}" for each in ("cpu", "wall"))
    return f"| {name} | {' | '.join(figures)} | {max(cost.peak_mb for cost in costs):.0f} |"
