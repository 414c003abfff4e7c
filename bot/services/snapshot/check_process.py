"""Checks a file in a child process, which is killed when it exceeds its limits or is cancelled.

What a schema says is evaluated inside of SQLite's functions, where neither `interrupt()` nor a signal's handler
reaches: a CHECK of fifty letters can ask for years, or for all memory. Nothing but the end of a process stops that.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from threading import Lock

from pydantic import TypeAdapter

from bot.models import UncheckedCode
from bot.services.concurrency.memory_limit import memory_bytes
from bot.services.snapshot.integrity import DAMAGED, SQLITE_SAYS, UNCHECKED, Findings, Why

_MIB = 1 << 20
_MOST_ANSWER = 16 * _MIB
_INTERPRETER_BYTES = 256 * _MIB  # of addresses, most of them never used: the interpreter, stacks, a second arena
_MAPPED_FROM = 24 * _MIB
_MOST_MAPPED = 0x7FFF0000  # SQLITE_MAX_MMAP_SIZE as SQLite is built by default
_ROOT = Path(__file__).parents[3]
# An interpreter finds its libraries and SQLite its folder by these; no token or key is among them.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "SQLITE_TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one check may take. `seconds` are those on the wall, which a slow disk needs, too."""

    processor_seconds: int
    seconds: int
    heap_bytes: int
    value_bytes: int
    memory_bytes: int
    mapped_bytes: int = 0
    """Of the copy, to be mapped into memory in place of being read."""


def limits_for(size: int) -> Limits:
    """Return what the check of an honest database of `size` bytes never needs, on a slow machine with a slow disk.

    Measured: 25 ms of processor time per MB for three indexes; memory is the largest row, and what a rule makes of it.
    """
    heap = 64 * _MIB + min(2 * size, 192 * _MIB)
    mapped = size if _is_worth_mapping(size) else 0
    return Limits(
        processor_seconds=20 + size // _MIB,
        seconds=120 + 5 * size // _MIB,
        heap_bytes=heap,
        value_bytes=min(1_000_000_000, max(_MIB, 4 * size)),
        memory_bytes=heap + _INTERPRETER_BYTES + mapped,
        mapped_bytes=mapped,
    )


def _is_worth_mapping(size: int) -> bool:
    """Whether a copy is so large that mapping it saves more than a process costs, and so small that it stays in memory.

    Of each row, each index is asked: a leaf of it is read from the system's cache again and again, which takes half of
    the check's time. What is mapped is that cache itself, so nothing more is in memory; where it does not fit, a fault
    of a mapped page would read far more from the disk than a read does: 295 MB in a container of 100 took three times
    as long.
    """
    return sys.maxsize > 1 << 32 and _MAPPED_FROM <= size <= min(_MOST_MAPPED, memory_bytes() // 4)


@cache
def _findings() -> TypeAdapter[Findings]:
    return TypeAdapter(Findings)


class StoppedShortError(Exception):
    """A check ended before it had an answer; `found` is what was told before, None for nothing."""

    def __init__(self, code: UncheckedCode, found: Findings | None = None, /, **facts: str | int) -> None:
        super().__init__(code)
        self.why: Why = (code, tuple(facts.items()))
        self.found = found


class CheckProcess:
    """One check of a private copy, to be run once in a thread; `stop` ends it from any other."""

    def __init__(self, uri: str, *, full: bool, rules: bool, limits: Limits) -> None:
        self._question = json.dumps({"uri": uri, "full": full, "rules": rules, **asdict(limits)})
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = Lock()
        self._deadline = float("inf")

    def run(self) -> Findings:
        """Return what is found. Blocking. Raises `StoppedShortError`, also where no process can be started."""
        with self._lock:
            if self._stopped:
                raise StoppedShortError(UncheckedCode.LATE, seconds=self._limits.seconds)
            try:
                self._process = process = _started()
            except OSError as error:
                raise StoppedShortError(UncheckedCode.NOT_STARTED, said=str(error)) from error
            self._deadline = time.monotonic() + self._limits.seconds
        try:
            answer = self._asked(process)
            if len(answer) > _MOST_ANSWER:
                raise StoppedShortError(UncheckedCode.LONG_ANSWER)
            *lines, _cut_off = answer.split(b"\n")
            found = self._understood(lines[0], "so far") if lines else None
            if len(lines) > 1 or (lines and found is None):
                return self._of_limits(self._understood(lines[-1], "findings") or self._error(lines[-1]))
            process.wait()
            raise self._short(process.returncode, found)
        finally:
            process.kill()
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout)):
                with suppress(OSError):  # what was not written yet
                    pipe.close()

    def _asked(self, process: subprocess.Popen[bytes]) -> bytes:
        if process.stdin is None or process.stdout is None:
            return b""
        with suppress(OSError):  # it is gone already
            process.stdin.write(self._question.encode() + b"\n")
            process.stdin.flush()  # and it stays open: its end tells the process that this one is gone
            return process.stdout.read(_MOST_ANSWER + 1)
        return b""

    def stop(self) -> None:
        """End the check at once, whatever it is doing; more than once is no harm."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def stop_when_late(self) -> None:
        """End the check if its time is over."""
        if time.monotonic() > self._deadline:
            self.stop()

    def _short(self, code: int, found: Findings | None) -> StoppedShortError:
        if self._stopped:
            return StoppedShortError(UncheckedCode.LATE, found, seconds=self._limits.seconds)
        if sys.platform != "win32" and -code == signal.SIGXCPU:
            return StoppedShortError(UncheckedCode.PROCESSOR, found, seconds=self._limits.processor_seconds)
        if sys.platform != "win32" and -code == signal.SIGBUS:  # how a mapped page tells it
            return StoppedShortError(UncheckedCode.DISK, found)
        return StoppedShortError(UncheckedCode.ENDED, found, code=code)

    def _understood(self, line: bytes, kind: str) -> Findings | None:
        """Return the findings of a line, None where it is of another kind."""
        try:
            told = json.loads(line)
            return _findings().validate_python(told[kind]) if kind in told else None
        except (ValueError, TypeError, RecursionError) as error:
            raise StoppedShortError(UncheckedCode.NO_ANSWER, said=str(error)) from error

    def _error(self, line: bytes) -> Findings:
        told = json.loads(line)
        said = str(told.get("error"))
        if told.get("damage"):
            return Findings(DAMAGED, (said,))
        return Findings(UNCHECKED, unchecked=(SQLITE_SAYS, (("said", said),)))

    def _of_limits(self, findings: Findings) -> Findings:
        """Tell of a limit that it is ours."""
        ours: dict[Why, Why] = {
            (SQLITE_SAYS, (("said", said),)): (code, (("megabytes", most // _MIB),))
            for said, code, most in (
                ("out of memory", UncheckedCode.MEMORY, self._limits.heap_bytes),
                ("string or blob too big", UncheckedCode.VALUES, self._limits.value_bytes),
            )
        }
        return findings._replace(unchecked=ours.get(findings.unchecked, findings.unchecked))


def _started() -> subprocess.Popen[bytes]:
    program = (
        f"import sys; sys.path.insert(0, {os.fspath(_ROOT)!r}); from bot.services.snapshot.examiner import main; main()"
    )
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-I", "-S", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,  # Ctrl-C is for the service
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
