"""Checks a suspect file as a child process of its own: one line of JSON in, two out.

Started by `check_process` with the standard library alone. It ends when its parent does, whatever SQLite is doing.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
from contextlib import suppress

from bot.services.snapshot.integrity import examine
from bot.services.snapshot.sqlite_faults import proves_damage, said

if sys.platform != "win32":
    import resource

_ENDED_BY_PARENT = 3
_FAILED = 4


def main() -> None:
    """Answer the one question on standard input; never returns."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # meant for the service, which ends this process itself
        with suppress(AttributeError, ValueError):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    asked = json.loads(_line())
    _limit(asked)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        findings = examine(
            asked["uri"],
            full=asked["full"],
            rules=asked["rules"],
            opened=lambda copy: _confine(copy, asked),
            told=lambda found: _write({"so far": found}),
        )
        answer: dict[str, object] = {"findings": findings}
    except Exception as error:
        answer = {"error": said(error), "damage": proves_damage(error)}
    _write(answer)
    os._exit(0)


def _line() -> bytes:
    """Read up to the end of the line, and nothing beyond: the rest of standard input tells that the parent lives."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            os._exit(_ENDED_BY_PARENT)
        line += piece
    return line


def _end_with_parent() -> None:
    with suppress(OSError):
        os.read(0, 1)
    os._exit(_ENDED_BY_PARENT)


def _limit(asked: dict[str, int]) -> None:
    """Have the kernel hold this process to its processor time and memory, where it can (macOS: the time alone)."""
    if sys.platform != "win32":
        for what, soft, hard in (
            (resource.RLIMIT_CORE, 0, 0),
            (resource.RLIMIT_CPU, asked["processor_seconds"], asked["processor_seconds"] + 1),
            (resource.RLIMIT_AS, asked["memory_bytes"], asked["memory_bytes"]),
        ):
            with suppress(OSError, ValueError):
                resource.setrlimit(what, (soft, hard))


def _confine(copy: sqlite3.Connection, asked: dict[str, int]) -> None:
    """Hold SQLite to its share: https://www.sqlite.org/security.html, 2 and https://www.sqlite.org/c3ref/limit.html."""
    copy.execute(f"PRAGMA hard_heap_limit={asked['heap_bytes']:d}")
    copy.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, asked["value_bytes"])
    copy.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    copy.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
    copy.execute(f"PRAGMA mmap_size={asked['mapped_bytes']:d}")


def _write(answer: dict[str, object]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[os.write(1, line) :]


if __name__ == "__main__":
    main()
