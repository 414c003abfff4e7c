"""The socket at which a service reports to systemd, as systemd listens to it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest


class NotifySocket:
    """Listens where NOTIFY_SOCKET says; `heard` are the lines of each datagram."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, *, abstract: bool = False, watchdog: float = 0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        address = f"@{folder.name}-{os.getpid()}" if abstract else str(folder / "notify")
        self._socket.bind(address.replace("@", "\0", 1) if abstract else address)
        patch.setenv("NOTIFY_SOCKET", address)
        if watchdog:
            patch.setenv("WATCHDOG_USEC", str(int(watchdog * 1_000_000)))
            patch.setenv("WATCHDOG_PID", str(os.getpid()))

    def __enter__(self) -> NotifySocket:
        return self

    def __exit__(self, *_: Any) -> None:
        self._socket.close()

    def heard(self) -> list[list[str]]:
        """Return what has arrived since the last call."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode().splitlines())
            except BlockingIOError:
                return found
