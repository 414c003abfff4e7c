"""Measures what a command costs before it does anything, against an empty run of Python."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import data
from benchmarks.process import Cost, configured, courier, middle, run


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """With one tiny database and one backup of it in the catalogue."""
    source = data.forty_tables(folder / "tiny.db", 1)
    here = configured(folder / "courier", [source])
    courier(here, "backup", "--no-deliver")
    ways = {
        "bare Python": lambda: run(sys.executable, "-c", "pass"),
        "--help": lambda: run(sys.executable, "-m", "bot", "--help"),
        "list": lambda: courier(here, "list"),
        "status": lambda: courier(here, "status", ok=1),  # as it says of a service that does not run
        "backup --no-deliver": lambda: courier(here, "backup", "--no-deliver"),
    }
    lines = ["| command | CPU s | wall s | peak MB |", "|---|---|---|---|"]
    for name, way in ways.items():
        costs: list[Cost] = [way() for _ in range(max(5, runs))]
        lines.append(
            f"| {name} | {middle(costs, 'cpu'):.2f} | {middle(costs, 'wall'):.2f} |"
            f" {middle(costs, 'resident_mb'):.0f} |"
        )
    return lines
