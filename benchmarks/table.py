"""Makes one measure, and prints its table."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.machine import Busyness


def print_table(name: str, what: str, chosen: argparse.Namespace) -> None:
    """Measure, and print what came of it."""
    print(f"{name} …", file=sys.stderr, flush=True)
    busy, start = Busyness(), time.monotonic()
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="courier-bench-") as folder:
        lines = asyncio.run(import_module(f"benchmarks.{name}").measure(Path(folder), chosen.mb, chosen.runs))
    print(f"\n## {name}: {what}\n")
    for line in lines:
        print(line)
    print(f"\n{time.monotonic() - start:.0f} s, {busy}", flush=True)
