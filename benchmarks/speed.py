"""Measures one backup as a whole process, against stock tools and other programs, on one database of each kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import data
from benchmarks.process import Cost, archived, configured, courier, in_turn, middle, ratio, run

KINDS: dict[str, tuple[Callable[[Path, int], Path], float]] = {
    "indexed": (data.indexed, 1),
    "text": (data.texts, 1 / 3),
    "wide blobs": (data.noise, 1 / 3),
    "full text (FTS5)": (data.full_text, 1 / 3),
    "forty small tables": (data.forty_tables, 1 / 30),
}
"""How each is made, and its share of the size that was asked for."""

PEERS = ("pigz", "borg", "restic", "litestream")
"""Other programs, each a method of `Ways`."""


class Ways:
    """Every way to back up one database; `sizes` holds the bytes that each left."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._source, self._folder = source, folder
        self.sizes: dict[str, int] = {}

    def stock(self) -> Cost:
        """What a careful person does with stock tools, one after another."""
        copy, archive, cost = self._copied()
        cost += run("zip", "-6", "-q", "-j", archive, copy)
        self.sizes["stock"] = archive.stat().st_size
        return cost

    def limit(self) -> Cost:
        """The copy and its check alone: nothing that proves a database needs less."""
        return self._copied()[2]

    def pigz(self) -> Cost:
        copy, _, cost = self._copied()
        cost += run("pigz", "-6", "-k", copy)
        self.sizes["pigz"] = copy.with_name(f"{copy.name}.gz").stat().st_size
        return cost

    def borg(self) -> Cost:
        """Copied and checked before, as its own manual asks for; compressed, unsealed, and read back by `check`."""
        copy, repository, cost = self._copied()
        more = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_BASE_DIR": str(self._folder)}
        cost += run("borg", "init", "-e", "none", repository, more=more)
        cost += run("borg", "create", "-C", "zlib,6", f"{repository}::one", copy, more=more)
        cost += run("borg", "check", "--verify-data", repository, more=more)
        self.sizes["borg"] = _bytes_in(repository)
        return cost

    def restic(self) -> Cost:
        """Copied and checked before; always sealed, and read back by `check --read-data`."""
        copy, repository, cost = self._copied()
        more = {"RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": str(repository), "RESTIC_CACHE_DIR": f"{copy}.cache"}
        for words in (["init"], ["backup", str(copy)], ["check", "--read-data"]):
            cost += run("restic", "-q", *words, more=more)
        self.sizes["restic"] = _bytes_in(repository)
        return cost

    def litestream(self) -> Cost:
        """Replicated once to a folder, restored from it and checked; of a twin, since it writes into its source."""
        self._emptied()
        live, replica = self._folder / "live.db", self._folder / "replica"
        shutil.copyfile(self._source, live)
        cost = run("litestream", "replicate", "-once", live, f"file://{replica}")
        self.sizes["litestream"] = _bytes_in(replica)
        back = ("-integrity-check", "full", "-o", self._folder / "back.db")
        return cost + run("litestream", "restore", *back, f"file://{replica}")

    def ours(self, compression: str) -> Cost:
        """`sqlite-courier backup`, its start included."""
        folder = self._folder / "courier"
        shutil.rmtree(folder, ignore_errors=True)
        cost = courier(configured(folder, [self._source], COMPRESSION=compression), "backup", "--no-deliver")
        self.sizes[compression] = archived(folder)
        return cost

    def _emptied(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    def _copied(self) -> tuple[Path, Path, Cost]:
        self._emptied()
        copy = self._folder / self._source.name
        return copy, self._folder / "stored.zip", copied(self._source, copy)


def copied(source: Path, copy: Path) -> Cost:
    """Copy a database and check the copy, with SQLite's own shell."""
    return run("sqlite3", source, f".backup '{copy}'") + run("sqlite3", copy, "PRAGMA integrity_check")


async def measure(folder: Path, megabytes: int, runs: int) -> list[str]:
    """A row per database and way; each round runs all ways, and ratios are taken within it."""
    lines = [
        "| database | way | CPU s | × stock | wall s | × stock | × limit | size × zip -6 | peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (make, share) in KINDS.items():
        source = make(folder / "source.db", max(3, round(megabytes * share)))
        size = source.stat().st_size / 1e6
        ways = Ways(source, folder / "work")
        chosen: dict[str, Callable[[], Cost]] = {"stock": ways.stock, "limit": ways.limit}
        for compression in ("auto", "fast", "small"):
            chosen[compression] = partial(ways.ours, compression)
        if name == "indexed":
            chosen |= {tool: getattr(ways, tool) for tool in PEERS if shutil.which(tool)}
        costs = in_turn(chosen, runs)
        for way, spent in costs.items():
            cells = [
                f"{middle(spent, 'cpu'):.2f}",
                f"{ratio(spent, costs['stock'], 'cpu'):.2f}",
                f"{middle(spent, 'wall'):.2f}",
                f"{ratio(spent, costs['stock'], 'wall'):.2f}",
                f"{ratio(spent, costs['limit'], 'wall'):.2f}",
                f"{ways.sizes[way] / ways.sizes['stock']:.3f}" if way in ways.sizes else "",
                f"{max(cost.peak_mb for cost in spent):.0f}",
            ]
            lines.append(f"| {name} {size:.0f} MB | {way} | {' | '.join(cells)} |")
        for file in folder.glob("source.db*"):
            file.unlink()
    absent = [tool for tool in PEERS if not shutil.which(tool)]
    return [*lines, *([f"\nNot installed here, and left out: {', '.join(absent)}."] if absent else [])]


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
