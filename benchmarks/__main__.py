"""Print the tables: `python -m benchmarks [NAME …] [--mb 300] [--runs 3]`; `--help` lists the names."""

from __future__ import annotations

import argparse
import sys
from multiprocessing import get_context
from pathlib import Path

from benchmarks import machine
from benchmarks.table import print_table

MEASURES = {
    "speed": "a backup against stock tools and other programs, on one database of each kind",
    "hours": "several databases, and hours in which little or nothing changed",
    "commands": "what a command costs before it does anything",
    "service": "the service: memory, its start, an idle minute",
    "small": "five small databases in a warm process, to ten admins",
    "restore": "back into the live database, and from the chat alone",
    "memory": "peak memory by size",
    "sealing": "what sealing adds",
    "writers": "what a writer feels",
    "loop": "how long a button may have to wait",
    "upload": "bytes uploaded for many admins",
    "elsewhere": "peak memory of an upload to S3 and of a mail",
}
"""What is measured, by the name of the module that does."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Prints tables of ratios against stock tools, each measured in one run.",
        epilog="; ".join(f"{name}: {what}" for name, what in MEASURES.items()),
    )
    parser.add_argument("measures", nargs="*", metavar="NAME", choices=[*MEASURES, []], help="which; all by default")
    parser.add_argument("--mb", type=int, default=300, help="size of the large database, in MB")
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the median counts")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    chosen = parser.parse_args()
    print(machine.described())
    sys.stdout.flush()
    for name in chosen.measures or MEASURES:
        # Each in an interpreter of its own: what one has imported would be in the peaks of the next one's children.
        process = get_context("spawn").Process(target=print_table, args=(name, MEASURES[name], chosen))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)


if __name__ == "__main__":
    main()
