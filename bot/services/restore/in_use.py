"""Finds out whether a program has a database open, without disturbing the locks of this process.

Opening and closing a live file here would drop the locks of every SQLite connection that this process has on it
(https://www.sqlite.org/howtocorrupt.html, 2.2), so a child process looks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bot.models import InUse
from bot.services.snapshot.hidden_log import LOOK_FOR_LOCKS
from bot.services.snapshot.source import SHM, SIDECARS

_WITHIN = 10.0  # seconds

# A write lease is granted only while nobody else has the file open, whoever they are: fcntl(2), F_SETLEASE; Linux alone
# has it.
_PROBE = f"""
import errno, json
{LOOK_FOR_LOCKS}
main, shm = sys.argv[1:]
said = {{"lease": None, "locked": False}}
try: said["locked"] = main_locked(main) or shm_locked(shm)
except (OSError, struct.error): pass
fd = os.open(main, os.O_RDONLY)
try:
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    said["lease"] = "granted"
except AttributeError: pass
except OSError as error:
    if error.errno == errno.EAGAIN: said["lease"] = "refused"
print(json.dumps(said))
"""


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
    return _probe(target), ()


def _probe(target: Path) -> InUse:
    if sys.platform == "win32" or not sys.executable:
        return (
            InUse.UNKNOWN
        )  # on Windows an open file can't be renamed: the restore finds out before it changes anything
    shm = target.with_name(target.name + SHM)
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter, our own script
            [sys.executable, "-I", "-S", "-c", _PROBE, str(target), str(shm)],
            capture_output=True,
            timeout=_WITHIN,
            check=True,
            text=True,
        )
        said = json.loads(child.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return InUse.UNKNOWN
    if said["locked"] or said["lease"] == "refused":
        return InUse.OPEN
    return InUse.CLOSED if said["lease"] == "granted" else InUse.UNKNOWN


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
