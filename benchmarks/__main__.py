"""Print the tables: `python -m benchmarks [NAME …] [--mb 300] [--runs 3]`; `--help` lists the names."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks import elsewhere, loop, memory, restore, sealing, small, speed, upload, writers

MEASURES = {
    "speed": speed.measure,
    "small": small.measure,
    "memory": memory.measure,
    "sealing": sealing.measure,
    "writers": writers.measure,
    "loop": loop.measure,
    "upload": upload.measure,
    "restore": restore.measure,
    "elsewhere": elsewhere.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], help="which; all by default")
    parser.add_argument("--mb", type=int, default=300, help="size of the large database, in MB")
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the median counts")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="courier-bench-") as folder:
        for name in chosen.measures or MEASURES:
            print(f"\n## {name}\n", flush=True)
            for line in asyncio.run(MEASURES[name](Path(folder), chosen.mb, chosen.runs)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
