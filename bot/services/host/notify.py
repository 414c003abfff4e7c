"""Reports to systemd: the datagrams of sd_notify(3), in the place of a library that is larger than they are."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress

_WITHIN = 1.0  # seconds that a full queue may keep the service waiting


def notify(*lines: str) -> None:
    """Send lines such as `READY=1` in one datagram; nothing happens where no manager asked for them.

    What can't be sent is dropped: a service goes on without its manager.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if sys.platform == "win32" or not address:
        return
    if address.startswith("@"):  # an abstract socket, which has no file
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.settimeout(_WITHIN)
        out.sendto("\n".join(lines).encode(), address)


def watchdog_seconds() -> float | None:
    """Return the seconds within which systemd wants to hear `WATCHDOG=1`; None where it does not, or asks another."""
    limit, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or not int(limit) or pid not in ("", str(os.getpid())):
        return None
    return int(limit) / 1_000_000
