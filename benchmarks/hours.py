"""Measures what an hour costs in which little changed: in one of five databases, or ten, or in none of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks import data
from benchmarks.process import Cost, configured, courier, middle, ratio, run
from benchmarks.speed import copied

DATABASES = 5


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """Each of five databases has a third of the size that was asked for, each of ten a thirtieth.

    What is compared happens in one round: with the first hour of the same databases, or with stock tools.
    """
    five = [data.indexed(folder / f"{number}.db", megabytes // 3) for number in range(DATABASES)]
    ten = [data.indexed(folder / f"small-{number}.db", megabytes // 30) for number in range(2 * DATABASES)]
    hours: dict[str, list[list[Cost]]] = {"five": [], "ten": []}
    stock = []
    for number in range(runs):
        for name, sources in (("five", five), ("ten", ten)):
            here = configured(folder / f"{name}-{number}", sources)
            first = _backed_up(here)
            _change(sources[0], "id % 1000 = 0")
            everywhere = _backed_up(here)
            _change(sources[0], f"id BETWEEN {number * 100} AND {number * 100 + 50}")
            hours[name].append([first, everywhere, _backed_up(here), _backed_up(here)])
        (folder / f"stock-{number}").mkdir()
        stock.append(_stock(ten, folder / f"stock-{number}"))
    firsts, everywhere, changed, same = zip(*hours["five"], strict=True)
    ten_first, ten_everywhere, ten_changed, ten_same = zip(*hours["ten"], strict=True)
    sizes = f"{DATABASES} databases of {megabytes // 3} MB", f"{len(ten)} databases of {megabytes // 30} MB"
    return [
        "| an hour with | CPU s | × | wall s | × | peak MB |",
        "|---|---|---|---|---|---|",
        _row(f"{sizes[0]}, the first time", firsts, firsts),
        _row("one of them changed everywhere since", everywhere, firsts),
        _row("one of them changed in few places since", changed, firsts),
        _row("none changed since", same, firsts),
        _row(f"{sizes[1]}, by stock tools one after the other", stock, stock),
        _row("the first time, against stock tools", ten_first, stock),
        _row("one of them changed everywhere since, against the first time", ten_everywhere, ten_first),
        _row("one of them changed in few places since, against the first time", ten_changed, ten_first),
        _row("none changed since, against the first time", ten_same, ten_first),
    ]


def _backed_up(folder: Path) -> Cost:
    return courier(folder, "backup", "--no-deliver")


def _stock(sources: list[Path], folder: Path) -> Cost:
    copies = [folder / source.name for source in sources]
    cost = Cost(0, 0, 0)
    for source, copy in zip(sources, copies, strict=True):
        cost += copied(source, copy)
    return cost + run("zip", "-6", "-q", "-j", folder / "stored.zip", *copies)


def _change(database: Path, rows: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"UPDATE items SET score = score + 1 WHERE {rows}")


def _row(name: str, costs: tuple[Cost, ...] | list[Cost], others: tuple[Cost, ...] | list[Cost]) -> str:
    figures = (f"{middle(costs, each):.2f} | {ratio(costs, others, each):.2f}" for each in ("cpu", "wall"))
    return f"| {name} | {' | '.join(figures)} | {max(cost.peak_mb for cost in costs):.0f} |"
