"""What the service says to systemd, over a real datagram socket."""

import os
import sys
from pathlib import Path

import pytest

from bot.services.host.notify import notify, watchdog_seconds
from tests.world.systemd import NotifySocket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such sockets")


@pytest.mark.parametrize("abstract", [False, pytest.param(True, marks=pytest.mark.skipif(
    sys.platform != "linux", reason="abstract sockets are Linux's"))])  # fmt: skip
def test_the_lines_arrive_in_one_datagram(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, abstract: bool) -> None:
    """Systemd hears the state and its words together, at a file or at an abstract address."""
    with NotifySocket(monkeypatch, tmp_path, abstract=abstract) as systemd:
        notify("READY=1", "STATUS=Next backup 1 Jan 2027, 12:00 Åland")
        notify("WATCHDOG=1")
        assert systemd.heard() == [["READY=1", "STATUS=Next backup 1 Jan 2027, 12:00 Åland"], ["WATCHDOG=1"]]


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A service that nobody supervises, or whose manager is gone, goes on."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")


@pytest.mark.parametrize(
    ("limit", "pid", "seconds"),
    [("180000000", "", 180), ("1500000", "own", 1.5), ("1500000", "1", None), ("0", "", None),
     ("", "", None), ("soon", "", None)],
)  # fmt: skip
def test_the_watchdog_is_fed_by_who_is_asked(
    monkeypatch: pytest.MonkeyPatch, limit: str, pid: str, seconds: float | None
) -> None:
    """A child that inherits the variables is not the one that systemd waits for."""
    monkeypatch.setenv("WATCHDOG_USEC", limit)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert watchdog_seconds() == seconds
