"""Measures whole processes, as the operating system accounts for them once they have ended (Linux and macOS).

What imports this must stay small itself: on Linux the peak of a child is never below the memory of the process that
started it.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command, or several in a row, took: seconds of the processor and of the clock, and the highest peak.

    `peak_mb` is memory of its own, of all its processes together: what it maps of files is the system's own cache, and
    goes when somebody needs the room. It is looked at fifty times a second, and only Linux tells it; elsewhere it is
    the resident size of the largest process, which on Linux is `resident_mb`.
    """

    cpu: float
    wall: float
    peak_mb: float
    resident_mb: float = 0

    def __add__(self, other: Cost) -> Cost:
        peaks = max(self.peak_mb, other.peak_mb), max(self.resident_mb, other.resident_mb)
        return Cost(self.cpu + other.cpu, self.wall + other.wall, *peaks)


def run(*command: str | Path, more: Mapping[str, str] | None = None, cwd: Path | None = None, ok: int = 0) -> Cost:
    """Run a command to its end, its children included. Raises `RuntimeError` where it ends with another code."""
    start = time.perf_counter()
    child = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with ThreadPoolExecutor(1) as beside:
        peak = beside.submit(_peak_of, child.pid)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != ok:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {child.returncode}")
    unit = 1e6 if sys.platform == "darwin" else 1e3
    resident = used.ru_maxrss / unit
    return Cost(used.ru_utime + used.ru_stime, wall, peak.result() / 1e3 or resident, resident)


def _peak_of(pid: int) -> int:
    """Look, until a process ends, at the memory that it and its children have of their own, in KB; 0 if none tells."""
    peak = 0
    while Path(f"/proc/{pid}").exists():
        peak = max(peak, _own_memory(pid))
        time.sleep(0.02)
    return peak


def _own_memory(pid: int, parent: bytes = b"") -> int:
    with suppress(OSError):  # it ended, or this is no Linux
        here = Path(f"/proc/{pid}")
        program = (here / "cmdline").read_bytes()
        told = re.search(r"RssAnon:\s+(\d+)", (here / "status").read_text())
        if told and program != parent:  # a child that has not begun yet is still in its parent's memory
            children = (children.read_text().split() for children in here.glob("task/*/children"))
            return int(told[1]) + sum(_own_memory(int(child), program) for some in children for child in some)
    return 0


@cache
def _compile() -> None:
    """Compile the product once, as its installation does, whatever PYTHONDONTWRITEBYTECODE says."""
    run(sys.executable, "-m", "compileall", "-q", Path(__file__).parents[1] / "bot")


def courier(folder: Path, *words: str, ok: int = 0) -> Cost:
    """Run `sqlite-courier` with the `.env` in `folder`."""
    _compile()
    return run(sys.executable, "-m", "bot", *words, "--env-file", folder / ".env", ok=ok)


def configured(folder: Path, databases: Iterable[Path], **more: str) -> Path:
    """Make a folder with a `.env` for these databases."""
    folder.mkdir(parents=True)
    values = {
        "DATABASES": ",".join(f"'{database}'" for database in databases),
        "BACKUP_DIR": f"'{folder / 'backups'}'",
        "LOG_DIR": f"'{folder / 'logs'}'",
        **more,
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return folder


def archived(folder: Path) -> int:
    """Bytes of the newest archive in `folder`."""
    return max((folder / "backups").glob("*.zip"), key=lambda file: file.stat().st_mtime_ns).stat().st_size


def in_turn(ways: Mapping[str, Callable[[], Cost]], runs: int) -> dict[str, list[Cost]]:
    """Run the ways one after the other, so often: what a round compares met the same machine."""
    rounds = [{name: way() for name, way in ways.items()} for _ in range(runs)]
    return {name: [each[name] for each in rounds] for name in ways}


def ratio(ours: Sequence[Cost], others: Sequence[Cost], figure: str) -> float:
    """The median of the ratios within each round."""
    pairs = zip(ours, others, strict=True)
    return statistics.median(getattr(mine, figure) / max(getattr(other, figure), 1e-3) for mine, other in pairs)


def middle(costs: Sequence[Cost], figure: str) -> float:
    return statistics.median(getattr(cost, figure) for cost in costs)
