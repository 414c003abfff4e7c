"""Says what machine the figures were made on, and how busy it was."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from pathlib import Path


def described() -> str:
    """The machine in a line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    stock = "no sqlite3 command"
    if shutil.which("sqlite3"):
        told = subprocess.run(["sqlite3", "--version"], capture_output=True, text=True, check=True).stdout
        stock = f"sqlite3 {told.split()[0]}"
    return (
        f"{model}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()} with SQLite"
        f" {sqlite3.sqlite_version}, {stock}"
    )


class Busyness:
    """How much of the processors' time went to whom since this was made; nothing where the system does not tell."""

    def __init__(self) -> None:
        self._before = _ticks()

    def __str__(self) -> str:
        now = _ticks()
        if not now or not self._before:
            return "how busy it was is not known here"
        spent = [after - before for after, before in zip(now, self._before, strict=True)]
        whole = max(1, sum(spent[:8]))
        busy, stolen = 100 * (whole - spent[3] - spent[4]) / whole, 100 * spent[7] / whole
        return f"processors {busy:.0f} % busy, {stolen:.0f} % taken by other machines, load {os.getloadavg()[0]:.1f}"


def _ticks() -> list[int]:
    try:
        return [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except OSError:
        return []
