"""Starts `sqlite-courier`, or a program that uses the product, as a process of its own.

On Linux it is forked from a process that has imported the product before: see `fork_server.py`.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO

ROOT = Path(__file__).parent.parent.parent
LIMIT = 120.0
"""Seconds after which a child hangs."""

_PYTHON = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}  # read at the start, so the same for all


class Child:
    """A process that was started; what it writes is kept in files, so that nobody has to read it meanwhile."""

    def __init__(self, pid: int, ended: Callable[[float], int], out: IO[bytes], err: IO[bytes]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = ended
        self._out, self._err = out, err
        self._lock = Lock()

    def wait(self, within: float = LIMIT) -> int:
        """Return the exit code, -9 of one that was killed. Raises `TimeoutError`."""
        with self._lock:
            if self.returncode is None:
                self.returncode = self._end(within)
        return self.returncode

    def done(self, within: float = LIMIT) -> subprocess.CompletedProcess[str]:
        """Wait for the end, and return what it has written, once. Raises `TimeoutError`."""
        code = self.wait(within)
        texts = []
        for file in (self._out, self._err):
            with file:
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess((), code, *texts)

    async def ended(self, within: float = LIMIT) -> subprocess.CompletedProcess[str]:
        """Return what `done` does, and let others work meanwhile."""
        return await asyncio.to_thread(self.done, within)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


def started(
    arguments: Sequence[str],
    *,
    code: str = "",
    folder: Path = ROOT,
    environment: Mapping[str, str] = os.environ,
    cold: bool = False,
    together: bool = False,
) -> Child:
    """Start `python -m bot` with the arguments, or the program `code` with them.

    `cold` is an interpreter that imports everything by itself, as a person's does. With `together`, its errors stand
    among its output, in their order.
    """
    environment = {**environment, **_PYTHON}
    out, err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed when they are read
    if not cold and sys.platform == "linux":
        return _forked(arguments, folder, environment, code, out, err, together=together)
    words = ["-c", code] if code else ["-m", "bot"]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", *words, *arguments],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out if together else err,
    )  # fmt: skip

    def ended(within: float) -> int:
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None

    return Child(process.pid, ended, out, err)


def _forked(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    code: str,
    out: IO[bytes],
    err: IO[bytes],
    *,
    together: bool,
) -> Child:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {"folder": str(folder), "environment": environment, "arguments": arguments, "code": code}
    with theirs:
        streams = [theirs.fileno(), out.fileno(), (out if together else err).fileno()]
        socket.send_fds(_server(), [json.dumps(request).encode()], streams)

    def told(within: float) -> int:
        ours.settimeout(within)
        message = ours.recv(32)
        if not message:
            raise ChildProcessError("the server that forks has ended")
        return int(message)

    def ended(within: float) -> int:
        code = told(within)
        ours.close()
        return code

    return Child(told(LIMIT), ended, out, err)


@cache
def _server() -> socket.socket:
    """Start the server of this process, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.world.fork_server", str(theirs.fileno())],
            cwd=ROOT, env={**os.environ, **_PYTHON}, pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours
