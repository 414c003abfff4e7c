"""Finds out whether a program has a database open, without disturbing the locks of this process.

Opening and closing a live file here would drop the locks of every SQLite connection that this process has on it
(https://www.sqlite.org/howtocorrupt.html, 2.2), so a child process looks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bot.models import InUse
from bot.services.snapshot.hidden_log import ask_for_locks
from bot.services.snapshot.source import SIDECARS


def who_uses(target: Path) -> tuple[InUse, tuple[str, ...]]:
    """Tell whether any program has `target` open, and which ones as far as this system shows them.

    CLOSED is proven, not merely likely. A file that is not there is CLOSED unless a program still holds it or one of
    its sidecars. Blocking.
    """
    names = _seen_in_proc(target)
    if names:
        return InUse.OPEN, names
    if not target.exists():
        return InUse.CLOSED, ()
    told = ask_for_locks(target, "lease")
    if told.get("main") or told.get("shm") or told.get("lease") == "refused":
        return InUse.OPEN, ()
    # On Windows an open file can't be renamed: the restore finds out before it changes anything.
    return InUse.CLOSED if told.get("lease") == "granted" else InUse.UNKNOWN, ()


def named(used_by: Sequence[str]) -> str:
    """Complete "it is open" with the programs that have it open, as far as they are known."""
    return f" by {', '.join(used_by)}" if used_by else ""


def _seen_in_proc(target: Path) -> tuple[str, ...]:
    """Name the other processes that have the database or a sidecar open: `name (pid)`; () where there is no /proc."""
    wanted = {str(target.with_name(target.name + suffix)) for suffix in ("", *SIDECARS)}
    wanted |= {f"{path} (deleted)" for path in wanted}
    names = []
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        if entry.name == str(os.getpid()):
            continue
        try:
            with os.scandir(entry / "fd") as descriptors:
                found = any(str(Path(descriptor.path).readlink()) in wanted for descriptor in descriptors)
            if found:
                names.append(f"{(entry / 'comm').read_text(encoding='utf-8', errors='replace').strip()} ({entry.name})")
        except OSError:  # ended meanwhile, or another user's
            continue
    return tuple(names)
